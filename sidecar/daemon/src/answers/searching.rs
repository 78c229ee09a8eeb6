//! Search in plain words over what is known.

use anomaly_api::ServiceError;
use anomaly_api::model::{SearchAnswer, SearchRequest};
use anomaly_baseline::Engine;

pub(super) fn search(_engine: &Engine, _request: &SearchRequest) -> Result<SearchAnswer, ServiceError> {
    Err(ServiceError::Unavailable("not yet".into()))
}
