//! The netlink proc connector: the kernel says that a process executed something, /proc says what.
//!
//! Every execution is noticed, but its arguments are raced from /proc: a process that ends, or executes something else,
//! within a fraction of a millisecond has none left to read. Those are counted as [`Loss::Vanished`] and not
//! delivered, because an execution without its arguments is not the execution that the baseline knows.

mod message;

use std::{
    collections::HashMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use message::{Event, MAX_MESSAGE, PROC, Request};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_CONNECTOR};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::setpriority_process,
    time::Timespec,
};

use crate::{
    CaptureError, Counters, Feed, FeedKind, Loss, Observation, Options,
    lineage::Lineage,
    proc::{Missed, Observer, ProcFs},
};

/// How long the kernel may take to acknowledge the subscription; it answers at once or never.
const PATIENCE: Duration = Duration::from_secs(1);
/// The socket's buffer asked for; `net.core.rmem_max` has the last word.
const SOCKET_BUFFER: i32 = 8 << 20;
/// How many messages are read before their processes are looked at. Reading ahead shows which of them have ended.
const BATCH: usize = 256;
/// How many batches one call of `drain` handles, so that it returns on a machine that never rests.
const MAX_BATCHES: usize = 64;
/// The shortest time between two readings of all processes after messages were lost.
const RESYNCHRONISE_AFTER: Duration = Duration::from_secs(1);
/// The thread's niceness: on a machine with four runnable processes for each processor, 42 % of short executions were
/// read in time at 0, and 91 % at this (`benches/short_executions.rs`).
const NICENESS: i32 = -15;
/// `MSG_DONTWAIT`.
const DONT_WAIT: i32 = 0x40;

/// Why the connector cannot be subscribed to.
#[derive(Debug, thiserror::Error)]
enum SubscribeError {
    #[error("no netlink connector socket: {0}")]
    Socket(io::Error),
    #[error("not permitted to listen: {0}")]
    Bind(io::Error),
    #[error("the kernel's proc connector refused: {0}")]
    Send(io::Error),
    #[error("no acknowledgement within 1 s")]
    Silence,
}

impl SubscribeError {
    const fn remedy(&self) -> &'static str {
        match self {
            Self::Socket(_) => "it needs a kernel with CONFIG_PROC_EVENTS and a sandbox that allows netlink",
            Self::Bind(_) => "grant CAP_NET_ADMIN",
            Self::Send(_) => "run it in the host's network namespace with CAP_NET_ADMIN",
            Self::Silence => {
                "run it in the host's pid and user namespaces on a kernel with CONFIG_PROC_EVENTS"
            }
        }
    }
}

/// The feed.
#[derive(Debug)]
pub struct ConnectorFeed {
    subscription: Subscription,
    proc: ProcFs,
    observer: Observer,
    lineage: Lineage,
    /// Messages were lost: the table may hold processes that have ended.
    stale: bool,
    synchronised: Instant,
    events: Vec<Event>,
    /// Where in `events` a process last executed something or ended.
    last: HashMap<u32, usize>,
    counters: Arc<Counters>,
}

impl ConnectorFeed {
    /// Subscribes.
    ///
    /// # Errors
    /// [`CaptureError::Unavailable`] where the kernel, its configuration, a namespace or missing privileges prevent it,
    /// within little more than a second; [`CaptureError::Read`] without /proc.
    pub fn open(options: &Options, counters: Arc<Counters>) -> Result<Self, CaptureError> {
        let proc = ProcFs::open(&options.root)?;
        let subscription = Subscription::new().map_err(|error| CaptureError::Unavailable {
            feed: FeedKind::Connector,
            cause: error.to_string(),
            remedy: error.remedy(),
        })?;
        let mut lineage = Lineage::default();
        lineage.resynchronise(&proc)?;
        Ok(Self {
            subscription,
            proc,
            observer: Observer::new(options.root.clone(), options.scrubber.clone()),
            lineage,
            stale: false,
            synchronised: Instant::now(),
            events: Vec::with_capacity(BATCH),
            last: HashMap::with_capacity(BATCH),
            counters,
        })
    }

    /// Reads what is there, a batch at most. Returns whether there may be more.
    fn read_ahead(&mut self) -> Result<bool, CaptureError> {
        self.events.clear();
        while self.events.len() < BATCH {
            match self.subscription.receive() {
                Ok(datagram) => {
                    for event in message::events(datagram) {
                        match event {
                            Ok(event) => self.events.extend(event),
                            Err(message::Malformed) => self.counters.lose(Loss::Malformed, 1),
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_overflow(&error) => {
                    self.counters.lose(Loss::Socket, 1);
                    self.stale = true;
                }
                Err(error) => {
                    return Err(CaptureError::Failed { feed: FeedKind::Connector, cause: error.to_string() });
                }
            }
        }
        Ok(true)
    }

    fn handle(&mut self, deliver: &mut dyn FnMut(Observation)) {
        self.last.clear();
        for (position, event) in self.events.iter().enumerate() {
            if let Event::Executed { process } | Event::Ended { process } = *event {
                self.last.insert(process, position);
            }
        }
        for position in 0..self.events.len() {
            match self.events[position] {
                Event::Acknowledged { .. } => {}
                Event::Forked { parent, child } => self.lineage.forked(parent, child),
                Event::Renamed { process, name } => self.lineage.renamed(process, name),
                Event::Ended { process } => self.lineage.ended(process),
                // What it executed is over already: /proc would tell of something else, or of nothing.
                Event::Executed { process } if self.last.get(&process) != Some(&position) => {
                    self.counters.lose(Loss::Vanished, 1);
                    self.lineage.executed_unseen(process);
                }
                Event::Executed { process } => match self.observe(process) {
                    Ok(observation) => {
                        self.counters.delivered(&observation);
                        deliver(observation);
                    }
                    Err(Missed::Gone | Missed::NotYet) => {
                        self.counters.lose(Loss::Vanished, 1);
                        self.lineage.executed_unseen(process);
                    }
                },
            }
        }
    }

    fn observe(&mut self, pid: u32) -> Result<Observation, Missed> {
        let Self { proc, observer, lineage, .. } = self;
        let process = proc.process(pid).map_err(|_| Missed::Gone)?;
        observer.observe(&process, FeedKind::Connector, |stat| {
            lineage.executed(pid, stat);
            lineage.of(proc, pid, stat)
        })
    }

    /// Reads all processes anew after lost messages, but not more often than a machine in trouble can bear.
    fn resynchronise(&mut self) -> Result<(), CaptureError> {
        if self.stale && self.synchronised.elapsed() >= RESYNCHRONISE_AFTER {
            self.lineage.resynchronise(&self.proc)?;
            self.stale = false;
            self.synchronised = Instant::now();
        }
        Ok(())
    }
}

impl Feed for ConnectorFeed {
    fn kind(&self) -> FeedKind {
        FeedKind::Connector
    }

    fn drain(&mut self, deliver: &mut dyn FnMut(Observation)) -> Result<(), CaptureError> {
        for _ in 0..MAX_BATCHES {
            let more = self.read_ahead()?;
            self.handle(deliver);
            if !more {
                break;
            }
        }
        self.resynchronise()
    }

    fn wait(&mut self, limit: Duration) {
        self.subscription.wait(limit);
    }

    fn own_thread(&mut self) {
        // Who is woken late reads nothing. Without the right to it the feed is as it was.
        let _ = setpriority_process(None, NICENESS);
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

/// Whether the socket's buffer was full and messages were lost.
fn is_overflow(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error())
}

/// A netlink socket in the connector's group, taken off the kernel's list of listeners when dropped.
#[derive(Debug)]
struct Subscription {
    socket: Socket,
    port: u32,
    buffer: Vec<u8>,
}

impl Subscription {
    fn new() -> Result<Self, SubscribeError> {
        let mut socket = Socket::new(NETLINK_CONNECTOR).map_err(SubscribeError::Socket)?;
        socket.bind(&SocketAddr::new(0, PROC)).map_err(SubscribeError::Bind)?;
        let mut address = SocketAddr::new(0, 0);
        socket.get_address(&mut address).map_err(SubscribeError::Bind)?;
        // A smaller buffer loses more under load, which is counted; it is no reason not to listen.
        let _ = socket.set_rx_buf_sz(SOCKET_BUFFER);
        let mut subscription =
            Self { socket, port: address.port_number(), buffer: Vec::with_capacity(MAX_MESSAGE) };
        let token = subscription.port;
        subscription.send(Request::Listen, token).map_err(SubscribeError::Send)?;
        subscription.await_acknowledgement(token)?;
        Ok(subscription)
    }

    fn send(&self, request: Request, token: u32) -> io::Result<()> {
        let message = message::request(request, self.port, token);
        self.socket.send_to(&message, &SocketAddr::new(0, 0), 0).map(drop)
    }

    /// Skips events until the kernel's answer comes. Other subscribers' answers reach this socket too.
    fn await_acknowledgement(&mut self, expected: u32) -> Result<(), SubscribeError> {
        let begun = Instant::now();
        while let Some(left) = PATIENCE.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            self.wait(left);
            let Ok(datagram) = self.receive() else { continue };
            for event in message::events(datagram).flatten().flatten() {
                match event {
                    Event::Acknowledged { token, error: 0 } if token == expected => return Ok(()),
                    Event::Acknowledged { token, error } if token == expected => {
                        return Err(SubscribeError::Send(io::Error::from_raw_os_error(error as i32)));
                    }
                    _ => {}
                }
            }
        }
        Err(SubscribeError::Silence)
    }

    /// Waits until something can be received, at most `limit`.
    fn wait(&self, limit: Duration) {
        let limit = Timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        // Whatever this returns, an overflow or a signal too, the next receive tells.
        let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&limit));
    }

    /// The next datagram from the kernel, without waiting for it. One from a process is as good as none.
    fn receive(&mut self) -> io::Result<&[u8]> {
        self.buffer.clear();
        let (_, sender) = self.socket.recv_from(&mut self.buffer, DONT_WAIT)?;
        Ok(if sender.port_number() == 0 { &self.buffer } else { &[] })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Older kernels count listeners and go on sending for one that only closed its socket.
        let _ = self.send(Request::Ignore, self.port);
    }
}
