//! The one shape of every error.
//!
//! Whoever asked learns in a sentence what is wrong and what to do; nothing of what they sent comes back but in printable
//! form and in part.

use anomaly_baseline::text::printable;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ServiceError;

/// The longest message, in bytes.
const LONGEST: usize = 400;

/// What kind of error it is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The question makes no sense (400).
    BadRequest,
    /// The token is missing or another one (401).
    Unauthorized,
    /// Not from there (403).
    Forbidden,
    /// It is not there (404).
    NotFound,
    /// Not with this method (405).
    MethodNotAllowed,
    /// The body took too long to arrive (408).
    SlowRequest,
    /// What it is about has changed since it was shown (409).
    Conflict,
    /// The body is too large (413).
    TooLarge,
    /// The body is not JSON (415).
    UnsupportedMediaType,
    /// The body is JSON, but not what is asked for (422).
    Unprocessable,
    /// A mistake in this program (500).
    Internal,
    /// Too many ask at once (503).
    Busy,
    /// It cannot be answered at the moment (503).
    Unavailable,
    /// The daemon is not ready (503).
    NotReady,
    /// The answer took too long (504).
    TooSlow,
}

impl ErrorCode {
    /// The status that goes with it.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowRequest => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy | Self::Unavailable | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooSlow => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// An error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Refusal {
    /// The error.
    error: Said,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ErrorBody)]
pub(crate) struct Said {
    /// For programs.
    code: ErrorCode,
    /// For people: what is wrong and what to do, in one printable sentence.
    #[schema(min_length = 1, max_length = 400)]
    message: String,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: &str) -> Self {
        Self { error: Said { code, message: printable(message, LONGEST) } }
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            ErrorCode::Internal,
            "the daemon made a mistake over this request and goes on: report what was asked with the lines of its log",
        )
    }

    pub(crate) fn busy() -> Self {
        Self::new(ErrorCode::Busy, "too many questions are being answered: ask again in a second")
    }

    pub(crate) const fn code(&self) -> ErrorCode {
        self.error.code
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.error.message
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        let code = match error {
            ServiceError::NotFound(_) => ErrorCode::NotFound,
            ServiceError::Invalid(_) => ErrorCode::BadRequest,
            ServiceError::Changed(_) => ErrorCode::Conflict,
            ServiceError::Unavailable(_) => ErrorCode::Unavailable,
        };
        Self::new(code, &error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = self.error.code;
        let mut response = (code.status(), Json(self)).into_response();
        match code {
            ErrorCode::Busy | ErrorCode::Unavailable | ErrorCode::NotReady => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            ErrorCode::Unauthorized => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            // The rest of a body that nobody reads must not be taken for the next request.
            ErrorCode::TooLarge | ErrorCode::SlowRequest => {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorCode, LONGEST, Refusal};

    #[test]
    fn nothing_unprintable_and_nothing_endless_comes_back() {
        let refusal = Refusal::new(ErrorCode::BadRequest, &"\x1b[31m\u{202e}<script>\n".repeat(1_000));
        assert!(refusal.message().len() <= LONGEST);
        assert!(refusal.message().chars().all(|c| c.is_ascii_graphic() || c == ' '));
    }
}
