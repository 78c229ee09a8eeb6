//! Hosts: an address becomes its class, a name keeps the part that somebody registered.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::context::AddressClass;

/// What a host is and the port behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Host<'a> {
    pub(super) kind: Kind<'a>,
    /// Digits; empty where there is none.
    pub(super) port: &'a str,
}

/// An address's class or a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Class(AddressClass),
    /// The registered part of a name: `raw.githubusercontent.com` is `githubusercontent.com`.
    Name(&'a str),
}

/// A literal address with or without a port or prefix length: `10.0.0.1`, `10.0.0.0/8`, `[::1]:80`, `::1`.
pub(super) fn literal(text: &str) -> Option<Host<'_>> {
    let first = *text.as_bytes().first()?;
    if !(first.is_ascii_hexdigit() || matches!(first, b'[' | b':')) {
        return None;
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        return Some(Host { kind: v6(address)?, port: port(rest.strip_prefix(':').unwrap_or_default()) });
    }
    let end = text.find([':', '/']).unwrap_or(text.len());
    let rest = &text[end..];
    if let Some(address) = v4(&text[..end]) {
        let port_text = rest.strip_prefix(':').unwrap_or_default();
        // A number behind it belongs to the address; anything else makes it something else (`1.2.3.4/path`).
        let tail = rest.trim_start_matches([':', '/']);
        return tail
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(Host { kind: address, port: port(port_text) });
    }
    let address = text.split_once('/').map_or(text, |(address, _)| address);
    Some(Host { kind: v6(address)?, port: "" })
}

/// The authority of a URL or the target of a network tool: `user@host:port`.
pub(super) fn authority(text: &str) -> Host<'_> {
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    if let Some(host) = literal(text) {
        return host;
    }
    let (name, after) = text.split_once(':').unwrap_or((text, ""));
    Host { kind: named(name), port: port(after) }
}

/// Whether a word looks like a full domain name: letters behind the last of its dots.
pub(super) fn is_domain(text: &str) -> bool {
    let text = text.split_once(':').map_or(text, |(name, _)| name);
    text.rsplit_once('.').is_some_and(|(labels, top)| {
        top.len() >= 2
            && top.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !labels.is_empty()
            && labels.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    })
}

fn named(name: &str) -> Kind<'_> {
    if name.eq_ignore_ascii_case("localhost") {
        return Kind::Class(AddressClass::Loopback);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut dots = name.rmatch_indices('.').map(|(dot, _)| dot);
    let (Some(top), Some(second)) = (dots.next(), dots.next()) else { return Kind::Name(name) };
    // `co.uk` and its like are not registered names yet.
    let start = if name.len() - top == 3 && top - second <= 4 { dots.next() } else { Some(second) };
    Kind::Name(start.map_or(name, |dot| &name[dot + 1..]))
}

fn v4(text: &str) -> Option<Kind<'static>> {
    let address: Ipv4Addr = text.parse().ok()?;
    Some(Kind::Class(AddressClass::of(IpAddr::V4(address))))
}

fn v6(text: &str) -> Option<Kind<'static>> {
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    let address: Ipv6Addr = text.parse().ok()?;
    Some(Kind::Class(AddressClass::of(IpAddr::V6(address))))
}

fn port(text: &str) -> &str {
    if !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_addresses() {
        for (text, class, port) in [
            ("127.0.0.1", AddressClass::Loopback, ""),
            ("10.1.2.3:8080", AddressClass::Private, "8080"),
            ("10.0.0.0/8", AddressClass::Private, ""),
            ("203.0.113.7:", AddressClass::Public, ""),
            ("::1", AddressClass::Loopback, ""),
            ("[2001:db8::1]:443", AddressClass::Public, "443"),
            ("fe80::1%eth0", AddressClass::Private, ""),
            ("::", AddressClass::Any, ""),
        ] {
            assert_eq!(literal(text), Some(Host { kind: Kind::Class(class), port }), "{text}");
        }
        for text in ["", "1.2.3", "12:30", "a:b", "face:b00c", "1.2.3.4/etc/passwd", "deploy:now", "[x]", ":"]
        {
            assert_eq!(literal(text), None, "{text}");
        }
    }

    #[test]
    fn names_keep_what_was_registered() {
        for (text, name, port) in [
            ("raw.githubusercontent.com", "githubusercontent.com", ""),
            ("user@www.example.co.uk:8443", "example.co.uk", "8443"),
            ("db", "db", ""),
            ("t.co", "t.co", ""),
            ("a.b.t.co", "b.t.co", ""),
            ("example.org.", "example.org", ""),
        ] {
            assert_eq!(authority(text), Host { kind: Kind::Name(name), port }, "{text}");
        }
        assert_eq!(authority("LOCALHOST:80").kind, Kind::Class(AddressClass::Loopback));
    }

    #[test]
    fn domains() {
        assert!(is_domain("www.example.org") && is_domain("a-1.example.org:80"));
        assert!(
            !is_domain("example") && !is_domain("php8.2") && !is_domain(".profile") && !is_domain("a b.org")
        );
    }
}
