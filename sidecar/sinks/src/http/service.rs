//! Posting batches.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};

use super::config::HttpConfig;
use super::encoder;
use crate::client::{self, ask, judge};
use crate::config::address;
use crate::event::Event;
use crate::secret::Secret;
use crate::service::{Failure, Plan, Service};

/// A batch of large events is cut here, in bytes of JSON.
const MAX_BATCH_BYTES: usize = 4 << 20;

#[derive(Debug, Clone)]
pub(crate) struct HttpService {
    client: reqwest::Client,
    endpoint: Url,
    credential: Option<(HeaderName, HeaderValue)>,
    host: String,
    gzip: bool,
}

impl HttpService {
    pub(crate) fn new(config: &HttpConfig, secret: Option<&Secret>, host: &str) -> Result<Self, String> {
        let endpoint = address("endpoint", &config.endpoint).map_err(|error| error.to_string())?;
        let client =
            client::build(&endpoint, config.timeout_ms, config.proxy.as_deref(), config.ca_file.as_deref())?;
        let name = config.auth_header.as_ref().and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        let credential = name.zip(secret.and_then(Secret::header));
        Ok(Self { client, endpoint, credential, host: host.to_owned(), gzip: config.gzip })
    }

    pub(crate) fn plan(config: &HttpConfig) -> Plan {
        Plan {
            events: config.max_batch_size as usize,
            bytes: MAX_BATCH_BYTES,
            interval: Duration::from_millis(config.batch_interval_ms),
            retry_max: config.retry_max,
        }
    }
}

impl Service for HttpService {
    async fn deliver(&mut self, batch: &[Arc<Event>]) -> Result<(), Failure> {
        let mut body = encoder::body(&self.host, batch);
        let mut request = self
            .client
            .post(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", encoder::key(batch));
        if let Some((name, value)) = &self.credential {
            request = request.header(name, value);
        }
        if self.gzip {
            body = client::gzip(&body);
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        judge(&ask(request.body(body)).await?)
    }
}
