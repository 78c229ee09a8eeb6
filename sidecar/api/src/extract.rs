//! Queries and bodies: read within limits, checked against what the OpenAPI document says, and refused in its one shape.

use axum::body::HttpBody;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use std::sync::Arc;

use crate::check::Checked;
use crate::refusal::{ErrorCode, Refusal};
use crate::shared::Shared;

/// A query string.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Checked> FromRequestParts<Arc<Shared>> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Refusal> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| {
            let text = rejection.body_text();
            let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Refusal::bad_request(&format!("the query cannot be read: {reason}; /openapi.json lists its keys"))
        })?;
        query.0.check().map_err(|reason| Refusal::bad_request(&reason))?;
        Ok(Self(query.0))
    }
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + Checked> FromRequest<Arc<Shared>> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let limit = shared.limits.body;
        let too_large = || {
            Refusal::new(
                ErrorCode::TooLarge,
                &format!("the body has more than {limit} bytes: ask for less at once"),
            )
        };
        if !is_json(request.headers()) {
            return Err(Refusal::new(
                ErrorCode::UnsupportedMediaType,
                "the body has to be JSON: send it with 'Content-Type: application/json'",
            ));
        }
        let body = request.into_body();
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let bytes = match timeout(shared.limits.body_within, axum::body::to_bytes(body, limit)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if is_limit(&error) => return Err(too_large()),
            Ok(Err(_)) => {
                return Err(Refusal::bad_request("the body ended before its length: send it again"));
            }
            Err(_) => {
                return Err(Refusal::new(
                    ErrorCode::SlowRequest,
                    "the body took too long to arrive: send it at once",
                ));
            }
        };
        let value: T = serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Refusal::new(
                ErrorCode::Unprocessable,
                &format!("the body is not what is asked for: {error}; /openapi.json describes it"),
            ),
            _ => Refusal::bad_request(&format!("the body is no JSON: {error}; send one JSON object")),
        })?;
        value.check().map_err(|reason| Refusal::new(ErrorCode::Unprocessable, &reason))?;
        Ok(Self(value))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(kind)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn is_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
