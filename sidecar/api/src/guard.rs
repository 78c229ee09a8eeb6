//! Who may ask, and what goes around every answer.
//!
//! Over the unix socket the file's mode has decided already. Over loopback every process of the machine can connect, so
//! there data needs the token. Every page in a browser can connect as well, over the socket too where somebody has made a
//! tunnel to it, and a page elsewhere whose name is made to resolve to 127.0.0.1 would be of one origin with this server.
//! So on both the `Host` has to be loopback and an `Origin` the server's own.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Caller;
use crate::refusal::{ErrorCode, Refusal};
use crate::shared::Shared;

/// Lets through who may ask, and tells the route who it is.
pub(crate) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().copied();
    let over_socket = matches!(caller, Some(Caller::Local { .. }));
    let admitted = is_meant(over_socket, request.uri(), request.headers()).and_then(|()| match caller {
        Some(Caller::Local { .. }) => Ok(()),
        // A connection that says nothing of itself is a stranger's.
        Some(Caller::Token) | None => {
            may_ask(&shared, request.method().is_safe(), request.uri(), request.headers())
        }
    });
    match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Whether a request is for this machine and from no page of another.
fn is_meant(over_socket: bool, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let host = the_only(headers, &header::HOST).and_then(|host| host.to_str().ok());
    let named = uri.authority().map(|authority| authority.as_str());
    if !host.is_some_and(is_loopback) || named.is_some_and(|named| !is_loopback(named)) {
        let remedy = if over_socket {
            "the request is for another host: over the socket too, write http://localhost/ before the path"
        } else {
            "the request is for another host: ask for 127.0.0.1 or localhost, by an SSH tunnel from elsewhere"
        };
        return Err(Refusal::new(ErrorCode::Forbidden, remedy));
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = the_only(headers, &header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let own = origin.and_then(|origin| origin.strip_prefix("http://")) == host;
        if !own {
            return Err(Refusal::new(
                ErrorCode::Forbidden,
                "the request comes from a page of another origin: ask from the daemon's own page or without a browser",
            ));
        }
    }
    Ok(())
}

/// Whether a request over loopback may be answered.
fn may_ask(shared: &Shared, safe: bool, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let open = safe && (matches!(uri.path(), "/healthz" | "/readyz") || shared.page.has(uri.path()));
    if open {
        return Ok(());
    }
    let given = the_only(headers, &header::AUTHORIZATION);
    if shared.token.as_ref().zip(given).is_some_and(|(token, given)| token.is_in(given.as_bytes())) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::Unauthorized,
        "the token is missing or wrong: send 'Authorization: Bearer TOKEN' with the one that api.token_env or api.token_file names",
    ))
}

/// A header's value where it comes once: of two, some reader takes the other.
fn the_only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Whether `host`, with or without a port, names loopback. A port may be a tunnel's.
fn is_loopback(host: &str) -> bool {
    let port = |port: &str| port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit());
    let name = if let Some(rest) = host.strip_prefix('[') {
        match rest.split_once(']') {
            Some((name, "")) => name,
            Some((name, rest)) if rest.strip_prefix(':').is_some_and(port) => name,
            _ => return false,
        }
    } else {
        match host.split_once(':') {
            Some((name, rest)) if port(rest) => name,
            Some(_) => return false,
            None => host,
        }
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What a browser may do with an answer: nothing but what the page itself needs.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Puts around every answer what browsers need to know, and counts it.
pub(crate) async fn finish(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    shared.counters.answered(response.status());
    response
}

/// The answer to a request over which the server itself panicked.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Refusal::internal().into_response()
}

/// The answer to a path that is none.
pub(crate) async fn no_such_path() -> Refusal {
    Refusal::new(ErrorCode::NotFound, "there is nothing at this path: /openapi.json lists what there is")
}

/// The answer to a method that a path does not have; the router adds which ones it has.
pub(crate) async fn no_such_method() -> Refusal {
    Refusal::new(
        ErrorCode::MethodNotAllowed,
        "this path does not take that method: use the one that 'Allow' names",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_loopback;

    #[test]
    fn loopback_by_name_and_by_address() {
        for good in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1",
            "127.0.0.1:2801",
            "127.9.9.9:1",
            "[::1]",
            "[::1]:2801",
            "::1",
        ] {
            // An IPv6 address without brackets is no host.
            assert_eq!(is_loopback(good), good != "::1", "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "evil.example:2801",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "0.0.0.0:2801",
            "10.0.0.1",
            "[::]:80",
            "[::1",
            "[::1]x",
            "localhost:80:80",
            "localhost@evil.example",
            "127.1",
            "2130706433",
            "localhost:80x",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_name_of_somebody_else_is_loopback(name in "[a-z0-9.-]{1,30}", end in "(:[0-9]{0,5})?") {
            let host = format!("{name}{end}");
            let own = name == "localhost"
                || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.octets()[0] == 127);
            prop_assert_eq!(is_loopback(&host), own);
            let evil = format!("localhost.{}", name);
            prop_assert!(!is_loopback(&evil));
        }
    }
}
