//! Queries and bodies: read within limits, checked against what the OpenAPI document says, and refused in its one shape.

use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::check::Checked;
use crate::refusal::{ErrorCode, Refusal};
use crate::shared::Shared;

/// How much of a body that is too large is read away, and for how long.
const MOST_DRAINED: usize = 1 << 20;
const DRAINED_WITHIN: Duration = Duration::from_millis(500);

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

/// The query string of what takes no keys, so that a slip is not taken for a wish there either.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoKeys {}

impl Checked for NoKeys {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + Checked> FromRequest<Arc<Shared>> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let limit = shared.limits.body;
        if !is_json(request.headers()) {
            return Err(Refusal::new(
                ErrorCode::UnsupportedMediaType,
                "the body has to be JSON: send it with 'Content-Type: application/json'",
            ));
        }
        let mut body = request.into_body();
        let bytes = match timeout(shared.limits.body_within, read(&mut body, limit)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(Unread::TooLarge)) => {
                // Closing over what is still on its way would take the answer away from a caller who sends all first.
                let _ = timeout(DRAINED_WITHIN, drain(&mut body)).await;
                let reason = format!("the body has more than {limit} bytes: ask for less at once");
                return Err(Refusal::new(ErrorCode::TooLarge, &reason));
            }
            Ok(Err(Unread::CutOff)) => {
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

enum Unread {
    TooLarge,
    CutOff,
}

/// The whole body, of at most `limit` bytes.
async fn read(body: &mut axum::body::Body, limit: usize) -> Result<Vec<u8>, Unread> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Unread::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::CutOff)?.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(Unread::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Reads what is left of a body, up to a bound.
async fn drain(body: &mut axum::body::Body) {
    let mut left = MOST_DRAINED;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, |data| data.len());
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => return,
        }
    }
}
