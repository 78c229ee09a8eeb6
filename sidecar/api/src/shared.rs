//! What all requests share.

use std::sync::Arc;

use crate::ask::Lane;
use crate::page::Page;
use crate::{Counters, Limits, Service, Token};

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) limits: Limits,
    pub(crate) counters: Counters,
    /// What loopback asks for, where it is listened on.
    pub(crate) token: Option<Token>,
    /// For questions that cost something.
    pub(crate) questions: Lane,
    /// For health, readiness and metrics.
    pub(crate) vitals: Lane,
    pub(crate) page: Page,
    /// The OpenAPI document, written.
    pub(crate) openapi: Vec<u8>,
}

/// Turns of the lane for health, readiness and metrics.
pub(crate) const VITALS_AT_ONCE: usize = 2;
