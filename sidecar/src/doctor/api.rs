//! Who could ask the daemon, were it to start now: its socket, its port and its token.

use std::path::Path;

use anomaly_api::{ApiError, Options};
use anomaly_baseline::text::printable;
use anomaly_config::Config;

use crate::checks::Check;
use crate::run;

use super::storage::obstacle;

/// Looks at all of it.
pub(super) fn look(config: &Config) -> Vec<Check> {
    let options = match run::api(config) {
        Ok(options) => options,
        Err(failure) => {
            let remedy =
                "see to what api names in the configuration, and run this with the service's environment";
            return vec![Check::fail("api", failure.to_string(), remedy)];
        }
    };
    let (socket, is_answered) = socket(&options);
    std::iter::once(socket).chain(port(&options, is_answered)).collect()
}

/// How the socket is, and whether a process answers there already.
fn socket(options: &Options) -> (Check, bool) {
    let path = options.socket.as_deref().unwrap_or(Path::new(""));
    let shown = printable(&path.display().to_string(), 500);
    match options.try_socket() {
        Err(ApiError::SocketInUse { .. }) => {
            (Check::ok("api socket", format!("a process answers at {shown}: the daemon runs")), true)
        }
        found => {
            let blocked = path.parent().and_then(|directory| obstacle("api.socket", directory));
            let check = match (blocked, found) {
                (Some((found, remedy)), _) => Check::fail("api socket", found, remedy),
                (None, Err(error)) => {
                    Check::fail("api socket", error.to_string(), "api.socket names the path of the socket")
                }
                (None, Ok(())) => Check::ok("api socket", format!("nobody answers at {shown} now")),
            };
            (check, false)
        }
    }
}

/// How the port is, where one is asked for. The daemon that runs may have it.
fn port(options: &Options, is_running: bool) -> Option<Check> {
    let address = options.tcp.as_ref()?.address;
    Some(match options.try_tcp() {
        Ok(()) => Check::ok("api listen", format!("{address} is free, and there is a token for it")),
        Err(ApiError::Tcp { source, .. }) if is_running && source.kind() == std::io::ErrorKind::AddrInUse => {
            Check::ok(
                "api listen",
                format!("{address} is taken, and the daemon runs; there is a token for it"),
            )
        }
        Err(error) => Check::fail("api listen", error.to_string(), "api.listen names the address"),
    })
}
