//! S3 over the HTTP client that LanceDB's dependencies have compiled already.
//!
//! The store's own choice would bring a second HTTP client and a second TLS into every program that shares: some
//! hundred crates. It leaves the transport to whoever asks, so this is the one that is there.

use std::time::Duration;

use http_body_util::BodyExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, RetryConfig};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a request may take, its answer included.
const REQUEST: Duration = Duration::from_secs(30);

/// A bucket, by what the environment says.
pub(crate) fn s3(bucket: &str) -> object_store::Result<AmazonS3> {
    AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        // Whatever the environment says: it is what everything here rests on.
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // A round that fails is tried again as a whole.
        .with_retry(RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() },
            max_retries: 2,
            retry_timeout: REQUEST,
        })
        .with_http_connector(Connector)
        .build()
}

/// Nobody is trusted. What TLS says of it (`UnknownIssuer`) blames the store.
#[derive(Debug, thiserror::Error)]
#[error("no certificates found; install ca-certificates, or name a file of them in SSL_CERT_FILE")]
struct NoCertificates;

#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allow_http = options.get_config_value(&ClientConfigKey::AllowHttp).as_deref() == Some("true");
        if !allow_http && rustls_native_certs::load_native_certs().certs.is_empty() {
            return Err(object_store::Error::Generic { store: "HTTP", source: Box::new(NoCertificates) });
        }
        let client = reqwest::Client::builder()
            .https_only(!allow_http)
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("falco-anomaly/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| object_store::Error::Generic { store: "HTTP", source: Box::new(error) })?;
        Ok(HttpClient::new(Service(client)))
    }
}

#[derive(Debug)]
struct Service(reqwest::Client);

#[async_trait::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = reqwest::Url::parse(&parts.uri.to_string())
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(body.collect().await?.to_bytes().into());
        let mut response = self.0.execute(request).await.map_err(failed)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = reqwest::Body::from(response);
        let mut answer = HttpResponse::new(HttpResponseBody::new(body.map_err(failed)));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

/// An error without the address, whose query may be a secret, and by what may be tried again.
fn failed(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        // The connection broke: whether the request was carried out is not known.
        HttpErrorKind::Interrupted
    };
    HttpError::new(kind, error.without_url())
}
