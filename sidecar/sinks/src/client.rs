//! HTTP as all sinks speak it: no proxy but the configured one, no redirects, time limits, short answers, errors in one
//! line without addresses or credentials.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Proxy, RequestBuilder, StatusCode, Url, redirect};

use crate::service::Failure;

/// How much of an answer is read, in bytes. What is said beyond that is not needed to judge it.
const MAX_ANSWER: usize = 16 << 10;

/// A host that takes longer to accept a connection is away.
const CONNECTING: Duration = Duration::from_secs(5);

/// Where nobody is trusted nothing arrives, and what TLS says of it (`UnknownIssuer`) blames the server.
const NO_CERTIFICATES: &str = "no certificates found; install ca-certificates or set ca_file";

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The beginning of the body.
    pub(crate) text: String,
    /// Why the body ended before its end, where it did.
    pub(crate) cut: Option<String>,
}

/// A client for one sink.
pub(crate) fn build(
    endpoint: &Url,
    timeout_ms: u64,
    proxy: Option<&str>,
    ca_file: Option<&Path>,
) -> Result<reqwest::Client, String> {
    let timeout = Duration::from_millis(timeout_ms);
    let encrypted =
        [Some(endpoint.as_str()), proxy].into_iter().flatten().any(|url| url.starts_with("https:"));
    if encrypted && ca_file.is_none() && rustls_native_certs::load_native_certs().certs.is_empty() {
        return Err(NO_CERTIFICATES.to_owned());
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("anomalyctl/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .timeout(timeout)
        .connect_timeout(timeout.min(CONNECTING))
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(1)
        .tcp_nodelay(true)
        // Reading the system's certificates takes a while, and is for nothing where nothing is encrypted.
        .tls_built_in_root_certs(encrypted);
    if let Some(proxy) = proxy {
        builder = builder.proxy(Proxy::all(proxy).map_err(|error| format!("proxy: {}", deepest(&error)))?);
    }
    if let Some(path) = ca_file {
        let cannot = |problem: &dyn std::fmt::Display| {
            format!("ca_file: the certificates in {} cannot be used: {problem}", path.display())
        };
        let pem = std::fs::read(path).map_err(|error| cannot(&error))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| cannot(&deepest(&error)))?;
        if certificates.is_empty() {
            return Err(cannot(&"there is none, in PEM"));
        }
        for certificate in certificates {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|error| format!("its HTTP client cannot be made: {}", deepest(&error)))
}

/// Sends a request and reads the beginning of the answer.
pub(crate) async fn ask(request: RequestBuilder) -> Result<Answer, Failure> {
    let mut response = request.send().await.map_err(|error| Failure::transient(explain(&error)))?;
    let status = response.status();
    let headers = response.headers().clone();
    let mut text = Vec::new();
    let mut cut = None;
    while text.len() < MAX_ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let rest = MAX_ANSWER - text.len();
                text.extend_from_slice(&chunk[..chunk.len().min(rest)]);
            }
            Ok(None) => break,
            Err(error) => {
                cut = Some(explain(&error));
                break;
            }
        }
    }
    Ok(Answer { status, headers, text: String::from_utf8_lossy(&text).into_owned(), cut })
}

fn explain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        format!("no connection: {}", deepest(error))
    } else {
        format!("no whole answer: {}", deepest(error))
    }
}

/// The innermost cause: the outer ones repeat the address.
fn deepest(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// What an answer means for the batch, by its status: for servers that have no finer way to say it. A status is an answer
/// even where the text behind it is cut off: some servers end every connection so.
pub(crate) fn judge(answer: &Answer) -> Result<(), Failure> {
    let Answer { status, headers, text, cut: _ } = answer;
    if status.is_success() {
        return Ok(());
    }
    let problem = problem(*status, text);
    Err(match status.as_u16() {
        400 | 413 | 415 | 422 => Failure::Rejected(problem),
        408 | 409 | 425 | 429 | 500..=599 => Failure::Transient { problem, after: retry_after(headers) },
        _ => Failure::Refused(problem),
    })
}

/// The status and the first words of the answer.
pub(crate) fn problem(status: StatusCode, text: &str) -> String {
    match text.trim().lines().next().unwrap_or_default() {
        "" => format!("the answer is {status}"),
        line => format!("the answer is {status}: {line}"),
    }
}

/// How long the server asks to be left alone, where it says so in seconds.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Compressed quickly rather than well: the rows of a batch are much alike.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes every byte")
}
