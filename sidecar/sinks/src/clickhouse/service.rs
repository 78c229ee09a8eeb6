//! Asking a server what it is, making the table, and inserting batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{RequestBuilder, Url};

use super::codes::{Problem, judge};
use super::config::ClickHouseConfig;
use super::encoder;
use super::retention::{self, Retention};
use super::schema::{Table, Version, create};
use crate::client::{self, ask};
use crate::config::address;
use crate::event::Event;
use crate::http;
use crate::secret::Secret;
use crate::service::{Failure, Plan, Service};

/// A batch of large events is cut here, in bytes of JSON.
const MAX_BATCH_BYTES: usize = 8 << 20;

#[derive(Debug, Clone)]
pub(crate) struct ClickHouseService {
    client: reqwest::Client,
    endpoint: Url,
    user: Option<HeaderValue>,
    password: Option<HeaderValue>,
    table: Table,
    retention_days: u32,
    retention: Retention,
    /// Of the server that has the table; `None` until it was asked.
    version: Option<Version>,
}

impl ClickHouseService {
    pub(crate) fn new(
        config: &ClickHouseConfig,
        user: Option<&Secret>,
        password: Option<&Secret>,
    ) -> Result<Self, String> {
        let endpoint = address("endpoint", &config.endpoint).map_err(|error| error.to_string())?;
        let client =
            client::build(&endpoint, config.timeout_ms, config.proxy.as_deref(), config.ca_file.as_deref())?;
        Ok(Self {
            client,
            endpoint,
            user: user.and_then(Secret::header),
            password: password.and_then(Secret::header),
            table: Table { database: config.database.clone(), name: config.table.clone() },
            retention_days: config.retention_days,
            retention: Retention::default(),
            version: None,
        })
    }

    pub(crate) fn plan(config: &ClickHouseConfig) -> Plan {
        Plan {
            events: config.max_batch_size as usize,
            bytes: MAX_BATCH_BYTES,
            interval: Duration::from_millis(config.batch_interval_ms),
            retry_max: config.retry_max,
        }
    }

    fn post(&self, parameters: &[(&str, &str)]) -> RequestBuilder {
        let mut endpoint = self.endpoint.clone();
        if !parameters.is_empty() {
            endpoint.query_pairs_mut().extend_pairs(parameters);
        }
        let mut request = self.client.post(endpoint);
        for (name, value) in [("X-ClickHouse-User", &self.user), ("X-ClickHouse-Key", &self.password)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request
    }

    /// Asks or tells the server something short.
    async fn query(&self, query: String) -> Result<String, Failure> {
        let request = self.post(&[]).header(CONTENT_TYPE, "text/plain; charset=UTF-8").body(query);
        let answer = ask(request).await?;
        match judge(&answer) {
            Ok(()) => Ok(answer.text),
            Err(Problem::NoTable(problem)) => Err(Failure::transient(problem)),
            Err(Problem::Other(failure)) => Err(not_about_rows(failure)),
        }
    }

    async fn insert(&mut self, version: Version, batch: &[Arc<Event>]) -> Result<(), Failure> {
        let insert = format!("INSERT INTO {} FORMAT JSONEachRow", self.table);
        let key = http::key(batch);
        // A table that somebody made with fewer columns gets what it has columns for.
        let mut parameters = vec![
            ("query", insert.as_str()),
            ("input_format_skip_unknown_fields", "1"),
            ("wait_end_of_query", "1"),
        ];
        if version >= Version::ASYNCHRONOUS_INSERTS {
            parameters.push(("async_insert", "0"));
        }
        if version >= Version::DEDUPLICATION_TOKEN {
            parameters.push(("insert_deduplication_token", &key));
        }
        let request = self
            .post(&parameters)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_ENCODING, "gzip")
            .body(client::gzip(&encoder::rows(batch)));
        match judge(&ask(request).await?) {
            Ok(()) => Ok(()),
            Err(Problem::NoTable(problem)) => {
                self.version = None;
                Err(Failure::transient(problem))
            }
            Err(Problem::Other(failure)) => Err(failure),
        }
    }

    /// Deletes old days where the server does not do it by itself. A failure is no reason not to insert, and it is
    /// tried again an hour later.
    async fn drop_old_days(&mut self, version: Version) {
        let by_itself = version >= Version::TTL || self.retention_days == 0;
        if by_itself || !self.retention.is_due(Instant::now()) {
            return;
        }
        let Some(first_kept) = retention::first_kept(Timestamp::now(), self.retention_days) else { return };
        let Ok(answer) = self.query(retention::list(&self.table, first_kept)).await else { return };
        for statement in retention::drops(&self.table, &answer) {
            if self.query(statement).await.is_err() {
                return;
            }
        }
    }
}

/// A query without rows cannot have wrong ones: somebody has to look at the server.
fn not_about_rows(failure: Failure) -> Failure {
    match failure {
        Failure::Rejected(problem) => Failure::Refused(problem),
        other => other,
    }
}

impl Service for ClickHouseService {
    async fn prepare(&mut self) -> Result<(), Failure> {
        if self.version.is_some() {
            return Ok(());
        }
        let answer = self.query("SELECT version()".to_owned()).await?;
        let version = Version::parse(&answer).ok_or_else(|| {
            Failure::Refused(
                "the endpoint is no HTTP interface of ClickHouse: it does not say its version".to_owned(),
            )
        })?;
        // A user who may only insert is not asked to create what is there.
        if self.query(format!("EXISTS TABLE {}", self.table)).await?.trim() != "1" {
            self.query(create(&self.table, version, self.retention_days)).await?;
        }
        self.version = Some(version);
        Ok(())
    }

    async fn deliver(&mut self, batch: &[Arc<Event>]) -> Result<(), Failure> {
        let Some(version) = self.version else {
            return Err(Failure::transient("the server has not said its version yet"));
        };
        self.insert(version, batch).await?;
        self.drop_old_days(version).await;
        Ok(())
    }
}
