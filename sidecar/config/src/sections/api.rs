//! `api`: who may ask this daemon, and how much.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::values::{
    DURATION, SIZE, VARIABLE, duration, path_or_none, size, socket_or_none, variable_or_none, within,
};

/// Who may ask this daemon, and how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// The unix socket that the API and the page are served on, for its owner alone. Without it, api.sock in the runtime
    /// directory: /run/falco-anomaly, or falco-anomaly in $XDG_RUNTIME_DIR of a user who is not root.
    #[serde(deserialize_with = "socket_or_none")]
    #[schemars(example = &"/run/falco-anomaly/api.sock")]
    pub socket: Option<PathBuf>,
    /// An address of the loopback to listen on as well, with a port. It asks everybody for the token.
    #[serde(deserialize_with = "loopback")]
    #[schemars(with = "Option<String>", example = &"127.0.0.1:7300")]
    pub listen: Option<SocketAddr>,
    /// The environment variable that holds the token for `listen`.
    #[serde(deserialize_with = "variable_or_none")]
    #[schemars(with = "Option<String>", regex(pattern = VARIABLE), example = &"ANOMALY_TOKEN")]
    pub token_env: Option<String>,
    /// The file that holds the token for `listen`, readable by nobody else.
    #[serde(deserialize_with = "path_or_none")]
    #[schemars(example = &"/etc/falco-anomaly/token")]
    pub token_file: Option<PathBuf>,
    /// The largest body of a request, from 1KiB to 16MiB.
    #[serde(serialize_with = "size::serialize", deserialize_with = "max_body")]
    #[schemars(with = "String", regex(pattern = SIZE))]
    pub max_body: u64,
    /// How long an answer may take, from 1s to 1m.
    #[serde(serialize_with = "duration::serialize", deserialize_with = "timeout")]
    #[schemars(with = "String", regex(pattern = DURATION))]
    pub timeout: Duration,
    /// Requests that wait for their turn, at most 10,000; more are told to come back.
    #[serde(deserialize_with = "max_waiting")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_waiting: usize,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            socket: None,
            listen: None,
            token_env: None,
            token_file: None,
            max_body: 64 << 10,
            timeout: Duration::from_secs(10),
            max_waiting: 60,
        }
    }
}

fn max_body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    size::within(1 << 10, 16 << 20, deserializer)
}

/// The page waits longer than the longest.
fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration::within(Duration::from_secs(1), Duration::from_secs(60), deserializer)
}

fn max_waiting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    within(1, 10_000, deserializer)
}

fn loopback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let address: SocketAddr =
        text.parse().map_err(|_| D::Error::custom("write an address and a port, such as 127.0.0.1:7300"))?;
    if !address.ip().is_loopback() {
        return Err(D::Error::custom(
            "that is not the loopback, and what is known here is not for the network: write 127.0.0.1 or [::1], and put \
             a proxy with TLS before it where others have to reach it",
        ));
    }
    Ok(Some(address))
}
