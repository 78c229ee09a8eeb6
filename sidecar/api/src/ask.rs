//! How the service is asked: on threads that may block, a bounded number at once, for a bounded time.
//!
//! A question that overruns its time is answered 504 but goes on: nothing can stop it. It keeps its turn until it ends, so
//! that slow questions cannot pile up behind the callers' backs; what cannot even wait is shed at once.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::refusal::{ErrorCode, Refusal};
use crate::shared::Shared;
use crate::{Service, ServiceError};

/// Turns on the service, and places to wait for one.
#[derive(Debug)]
pub(crate) struct Lane {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Lane {
    pub(crate) fn new(at_once: usize, waiting: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once)), places: Arc::new(Semaphore::new(at_once + waiting)) }
    }
}

impl Shared {
    /// Asks the service and gives what it says as JSON. Writing that happens on the service's thread, too: an answer may
    /// have megabytes.
    pub(crate) async fn answer<T, F>(&self, question: F) -> Result<Response, Refusal>
    where
        T: Serialize,
        F: FnOnce(&dyn Service) -> Result<T, ServiceError> + Send + 'static,
    {
        let bytes = self
            .ask(&self.questions, move |service| {
                let answer = question(service)?;
                serde_json::to_vec(&answer).map_err(|_| Refusal::internal())
            })
            .await?;
        Ok(json(bytes))
    }

    /// Asks the service in a lane.
    pub(crate) async fn ask<T, F>(&self, lane: &Lane, question: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Service) -> Result<T, Refusal> + Send + 'static,
    {
        let deadline = Instant::now() + self.limits.answer_within;
        let place = Arc::clone(&lane.places).try_acquire_owned().map_err(|_| Refusal::busy())?;
        let turn = match timeout_at(deadline, Arc::clone(&lane.turns).acquire_owned()).await {
            Ok(turn) => turn.expect("lanes are never closed"),
            Err(_) => return Err(Refusal::busy()),
        };
        let service = Arc::clone(&self.service);
        let work = tokio::task::spawn_blocking(move || {
            // Given back when the question ends, by a panic too.
            let _kept = (place, turn);
            question(&*service)
        });
        match timeout_at(deadline, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panicked)) => {
                self.counters.panicked();
                Err(Refusal::internal())
            }
            Err(_) => Err(Refusal::new(
                ErrorCode::TooSlow,
                "the answer takes longer than the daemon waits for one: ask for less, or again later",
            )),
        }
    }
}

/// Written JSON as a response.
pub(crate) fn json(bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
