//! One record of the audit log: `type=EXECVE msg=audit(1772438400.123:4711): argc=2 a0="ls" a1=2F746D702F61206220`.

/// A record's parts.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// `SYSCALL`, `EXECVE`, ...
    pub(super) kind: &'a str,
    /// What its event's records have in common: node, time and serial number.
    pub(super) id: String,
    /// Microseconds since the Unix epoch.
    pub(super) time: i64,
    fields: &'a [u8],
}

/// What auditd puts before the fields that it translated into words.
const ENRICHED: u8 = 0x1d;

/// The longest name of a node and of a kind, in bytes.
const MAX_HEAD: usize = 512;

impl<'a> Record<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, &'static str> {
        let line = line.split(|&byte| byte == ENRICHED).next().unwrap_or_default();
        let (start, close) = find(line, b"msg=audit(")
            .and_then(|start| Some((start, start + line[start..].iter().position(|&byte| byte == b')')?)))
            .filter(|&(_, close)| close < MAX_HEAD)
            .ok_or("neither an alert of Falco's nor a record of the audit log")?;
        let head = std::str::from_utf8(&line[..close]).map_err(|_| "a record whose head is no text")?;
        let kind = head
            .split(' ')
            .find_map(|word| word.strip_prefix("type="))
            .filter(|kind| !kind.is_empty())
            .ok_or("a record without type=")?;
        let stamp = &head[start + b"msg=audit(".len()..];
        let (time, serial) = stamp.split_once(':').ok_or("a record without a serial number")?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = time
            .split_once('.')
            .filter(|(whole, part)| is_number(whole) && is_number(part) && part.len() <= 6);
        let (whole, part) =
            seconds.filter(|_| is_number(serial)).ok_or("a record whose time or serial number is none")?;
        let seconds: i64 = whole
            .parse()
            .ok()
            .filter(|seconds| *seconds < 9_000_000_000)
            .ok_or("a record's time is out of range")?;
        let micros: i64 = format!("{part:0<6}").parse().map_err(|_| "a record's time is out of range")?;
        let node = head.split(' ').find_map(|word| word.strip_prefix("node=")).unwrap_or_default();
        let id = format!("{node} {stamp}");
        Ok(Self { kind, id, time: seconds * 1_000_000 + micros, fields: &line[close + 1..] })
    }

    /// A field as it stands.
    fn raw(&self, key: &str) -> Option<&'a [u8]> {
        self.words().find_map(|(name, value)| (name == key.as_bytes()).then_some(value))
    }

    /// Every field, as `key=value`. A blank separates them, but for those within quotes.
    fn words(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.fields;
        std::iter::from_fn(move || {
            let begin = rest.iter().position(|byte| !matches!(byte, b' ' | b':'))?;
            rest = &rest[begin..];
            let equals = rest.iter().position(|&byte| matches!(byte, b'=' | b' ')).unwrap_or(rest.len());
            let (key, value) = rest.split_at(equals);
            let Some(value) = value.strip_prefix(b"=") else {
                rest = value;
                return Some((key, &[][..]));
            };
            let end = match value.strip_prefix(b"\"") {
                Some(quoted) => {
                    quoted.iter().position(|&byte| byte == b'"').map_or(value.len(), |end| end + 2)
                }
                None => value.iter().position(|&byte| byte == b' ').unwrap_or(value.len()),
            };
            rest = &value[end..];
            Some((key, &value[..end]))
        })
    }

    /// A field that is never encoded.
    pub(super) fn plain(&self, key: &str) -> Option<&'a str> {
        std::str::from_utf8(self.raw(key)?).ok()
    }

    /// A number that is not negative.
    pub(super) fn number(&self, key: &str) -> Option<u32> {
        self.plain(key)?.parse().ok()
    }

    /// A field that may be encoded.
    pub(super) fn value(&self, key: &str) -> Option<Vec<u8>> {
        decoded(self.raw(key)?)
    }

    /// Puts the arguments of an `EXECVE` record in their places. Long ones come in parts: `a2[0]=... a2[1]=...`.
    pub(super) fn arguments(&self, args: &mut Vec<Vec<u8>>, most: usize) -> Result<(), &'static str> {
        for (key, value) in self.words() {
            let Some(place) = key.strip_prefix(b"a").and_then(|place| std::str::from_utf8(place).ok()) else {
                continue;
            };
            let (number, is_part) = match place.split_once('[') {
                Some((number, _)) => (number, true),
                None => (place, false),
            };
            let Ok(number) = number.parse::<usize>() else { continue };
            if number >= most {
                continue;
            }
            let value = decoded(value).ok_or("an argument that is neither quoted nor hexadecimal")?;
            if args.len() <= number {
                args.resize(number + 1, Vec::new());
            }
            if is_part {
                args[number].extend(value);
            } else {
                args[number] = value;
            }
        }
        Ok(())
    }
}

/// A value in quotes, or in hexadecimal.
fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    if let Some(quoted) = value.strip_prefix(b"\"") {
        return Some(quoted.strip_suffix(b"\"").unwrap_or(quoted).to_vec());
    }
    if value == b"(null)" || value.is_empty() {
        return Some(Vec::new());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        &[high, low] => Some((digit(high)? * 16 + digit(low)?) as u8),
        _ => None,
    };
    value.chunks(2).map(pair).collect()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
