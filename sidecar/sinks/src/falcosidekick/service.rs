//! Posting alerts, one a request: that is all Falcosidekick takes.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;

use super::config::FalcosidekickConfig;
use super::encoder;
use crate::client::{self, ask, judge};
use crate::config::address;
use crate::event::Event;
use crate::service::{Failure, Plan, Service};

#[derive(Debug, Clone)]
pub(crate) struct FalcosidekickService {
    client: reqwest::Client,
    endpoint: Url,
    /// Without a slash at its end.
    page: Option<String>,
}

impl FalcosidekickService {
    pub(crate) fn new(config: &FalcosidekickConfig) -> Result<Self, String> {
        let endpoint = address("endpoint", &config.endpoint).map_err(|error| error.to_string())?;
        let client =
            client::build(&endpoint, config.timeout_ms, config.proxy.as_deref(), config.ca_file.as_deref())?;
        let page = config.page.as_ref().map(|page| page.trim_end_matches('/').to_owned());
        Ok(Self { client, endpoint, page })
    }

    pub(crate) const fn plan(config: &FalcosidekickConfig) -> Plan {
        Plan { events: 1, bytes: 1, interval: Duration::ZERO, retry_max: config.retry_max }
    }
}

impl Service for FalcosidekickService {
    async fn deliver(&mut self, batch: &[Arc<Event>]) -> Result<(), Failure> {
        for event in batch {
            let body = encoder::alert(event.scored(), self.page.as_deref());
            let request =
                self.client.post(self.endpoint.clone()).header(CONTENT_TYPE, "application/json").body(body);
            judge(&ask(request).await?)?;
        }
        Ok(())
    }
}
