//! The proc connector's messages, parsed by hand with every length checked.
//!
//! Layouts: `struct nlmsghdr` (linux/netlink.h), `struct cn_msg` (linux/connector.h), `struct proc_event`
//! (linux/cn_proc.h), all in this machine's byte order.

use crate::proc::Comm;

/// `NLMSG_DONE`, the type under which connector messages travel.
const DONE: u16 = 3;
/// `CN_IDX_PROC` and `CN_VAL_PROC`, the connector's address; the first is its multicast group too.
pub(super) const PROC: u32 = 1;
const NETLINK_HEADER: usize = 16;
const CONNECTOR_HEADER: usize = 20;
/// `what`, `cpu` and `timestamp_ns` in front of an event's own data.
const EVENT_HEADER: usize = 16;

/// The longest message that this module sends or understands; longer ones are cut by the socket and still read.
pub(super) const MAX_MESSAGE: usize = 1024;

/// What a subscriber asks for (`enum proc_cn_mcast_op`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Request {
    Listen = 1,
    Ignore = 2,
}

/// What the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The answer to the request with this token: 0 or an errno.
    Acknowledged { token: u32, error: u32 },
    /// A process, not a thread, was forked.
    Forked { parent: u32, child: u32 },
    /// A process executed a program.
    Executed { process: u32 },
    /// A process, not a thread, changed its own name.
    Renamed { process: u32, name: Comm },
    /// A process's main thread ended.
    Ended { process: u32 },
}

/// The bytes of a request. The kernel answers all subscribers at once, with sequence numbers of its own; `token` tells
/// whose request it answers.
pub(super) fn request(request: Request, port: u32, token: u32) -> Vec<u8> {
    let operation = (request as u32).to_ne_bytes();
    let length = (NETLINK_HEADER + CONNECTOR_HEADER + operation.len()) as u32;
    let mut message = Vec::with_capacity(length as usize);
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&DONE.to_ne_bytes());
    message.extend_from_slice(&0u16.to_ne_bytes());
    for word in [0, port, PROC, PROC, 0, token] {
        message.extend_from_slice(&word.to_ne_bytes());
    }
    message.extend_from_slice(&(operation.len() as u16).to_ne_bytes());
    message.extend_from_slice(&0u16.to_ne_bytes());
    message.extend_from_slice(&operation);
    message
}

/// The events in one datagram, each `None` where it is one that is of no interest; an error where the bytes are no
/// message of the connector's.
pub(super) fn events(datagram: &[u8]) -> impl Iterator<Item = Result<Option<Event>, Malformed>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = word(rest, 0).map_or(usize::MAX, |length| length as usize);
        let Some(message) = rest.get(..length).filter(|message| message.len() >= NETLINK_HEADER) else {
            rest = &[];
            return Some(Err(Malformed));
        };
        // Messages in one datagram begin at multiples of four.
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(event(&message[NETLINK_HEADER..]))
    })
}

/// Bytes that are no message of the connector's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

fn event(message: &[u8]) -> Result<Option<Event>, Malformed> {
    if word(message, 0) != Ok(PROC) || word(message, 4) != Ok(PROC) {
        return Err(Malformed);
    }
    // One more than the request's.
    let token = word(message, 12)?.wrapping_sub(1);
    let payload = message.get(CONNECTOR_HEADER..).ok_or(Malformed)?;
    let data = payload.get(EVENT_HEADER..).ok_or(Malformed)?;
    // Every event names threads by (thread, process); only main threads stand for processes.
    let main = |at: usize| Ok((word(data, at)? == word(data, at + 4)?).then_some(word(data, at + 4)?));
    Ok(match word(payload, 0)? {
        0x0000_0000 => Some(Event::Acknowledged { token, error: word(data, 0)? }),
        0x0000_0001 => {
            let parent = word(data, 4)?;
            main(8)?.map(|child| Event::Forked { parent, child })
        }
        0x0000_0002 => Some(Event::Executed { process: word(data, 4)? }),
        0x0000_0200 => {
            let name = Comm::new(data.get(8..24).ok_or(Malformed)?);
            main(0)?.map(|process| Event::Renamed { process, name })
        }
        0x8000_0000 => main(0)?.map(|process| Event::Ended { process }),
        _ => None,
    })
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(Malformed)?;
    Ok(u32::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message as the kernel sends it.
    fn message(what: u32, acknowledged: u32, data: &[u32]) -> Vec<u8> {
        let mut data = data.to_vec();
        data.resize(6, 0);
        let words = [PROC, PROC, 77, acknowledged, 40, what, 0, 0, 0].into_iter().chain(data);
        let body: Vec<u8> = words.flat_map(u32::to_ne_bytes).collect();
        let header = [(NETLINK_HEADER + body.len()) as u32, u32::from(DONE), 77, 0];
        header.into_iter().flat_map(u32::to_ne_bytes).chain(body).collect()
    }

    fn read(datagram: &[u8]) -> Vec<Result<Option<Event>, Malformed>> {
        events(datagram).collect()
    }

    #[test]
    fn what_matters_is_read_and_threads_are_not_processes() {
        for (what, data, event) in [
            (0, vec![13], Some(Event::Acknowledged { token: 8, error: 13 })),
            (1, vec![5, 4, 7, 7], Some(Event::Forked { parent: 4, child: 7 })),
            (1, vec![5, 4, 8, 7], None),
            (2, vec![7, 7], Some(Event::Executed { process: 7 })),
            (0x200, vec![7, 7, u32::from_ne_bytes(*b"name")], {
                Some(Event::Renamed { process: 7, name: Comm::new(b"name") })
            }),
            (0x200, vec![8, 7, u32::from_ne_bytes(*b"name")], None),
            (0x8000_0000, vec![7, 7], Some(Event::Ended { process: 7 })),
            (0x8000_0000, vec![8, 7], None),
            (4, vec![7, 7, 0, 0], None),
        ] {
            assert_eq!(read(&message(what, 9, &data)), [Ok(event)], "{what:x} {data:?}");
        }
    }

    #[test]
    fn several_messages_share_a_datagram() {
        let mut datagram = message(2, 0, &[7, 7]);
        datagram.extend(message(2, 0, &[8, 8]));
        let expected = [7, 8].map(|process| Ok(Some(Event::Executed { process })));
        assert_eq!(read(&datagram), expected);
    }

    #[test]
    fn a_cut_message_is_malformed() {
        let whole = message(1, 0, &[5, 4, 7, 7]);
        for length in 1..whole.len() {
            assert_eq!(read(&whole[..length]), [Err(Malformed)], "{length}");
        }
        let mut short = whole;
        short.truncate(NETLINK_HEADER + CONNECTOR_HEADER + EVENT_HEADER + 8);
        let length = short.len() as u32;
        short[..4].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(read(&short), [Err(Malformed)], "a header that tells the truth about too little");
    }

    #[test]
    fn a_request_is_a_message_to_the_connector() {
        let bytes = request(Request::Ignore, 77, 5);
        assert_eq!(word(&bytes, 0), Ok(bytes.len() as u32));
        assert_eq!((word(&bytes, 12), word(&bytes, 28)), (Ok(77), Ok(5)));
        assert_eq!(word(&bytes, 36), Ok(2));
        assert_eq!(bytes.len(), 40);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(events(&bytes).count() <= bytes.len());
        }

        #[test]
        fn damaged_messages_end(at in 0usize..76, byte: u8) {
            let mut bytes = message(0x200, 1, &[7, 7, 1, 2, 3, 4]);
            let at = at % bytes.len();
            bytes[at] = byte;
            prop_assert!(events(&bytes).count() <= bytes.len());
        }
    }
}
