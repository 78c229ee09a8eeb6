//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Info, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder,
    Responses,
};
use utoipa::{PartialSchema, ToSchema};

use crate::refusal::{ErrorCode, Refusal, Said};

const TOKEN: &str = "token";

/// Paths that need no token over TCP.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// The document before its paths.
pub(crate) fn preamble() -> OpenApi {
    let mut info = Info::new("anomalyctl", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "What the daemon knows: questions and decisions, over its unix socket, or over loopback with a token. Times are \
         seconds since the Unix epoch; a value that is not known is null; unknown keys of a request are errors."
            .into(),
    );
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("Over TCP alone; whoever can open the unix socket needs none."))
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme(TOKEN, SecurityScheme::Http(token))
        .schema(Refusal::name(), Refusal::schema())
        .schema(Said::name(), Said::schema())
        .schema(ErrorCode::name(), ErrorCode::schema())
        .build();
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// `document` with the errors that every operation can answer, and the token that it needs.
pub(crate) fn completed(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let open = OPEN.contains(&path.as_str());
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            errors(
                &mut operation.responses,
                operation_errors(path, operation.request_body.is_some(), operation.parameters.is_some()),
            );
            if !open {
                operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, [])]);
            }
        }
    }
    document
}

fn operation_errors(path: &str, body: bool, parameters: bool) -> Vec<(ErrorCode, &'static str)> {
    let mut all = vec![
        (ErrorCode::BadRequest, "The question makes no sense, or has a key that is none"),
        (ErrorCode::Forbidden, "For another host, or from a page of another origin; over the socket too"),
    ];
    if !OPEN.contains(&path) {
        all.push((ErrorCode::Unauthorized, "Over TCP: the token is missing or wrong"));
    }
    if body || parameters {
        all.push((ErrorCode::NotFound, "What it is about is not there"));
    }
    if body {
        all.push((ErrorCode::SlowRequest, "The body took too long to arrive"));
        all.push((ErrorCode::TooLarge, "The body is too large"));
        all.push((ErrorCode::UnsupportedMediaType, "The body is not JSON"));
        all.push((ErrorCode::Unprocessable, "The body is JSON, but not what is asked for"));
    }
    if body && path == "/v1/decisions" {
        all.push((ErrorCode::Conflict, "What it is about has changed since it was shown"));
    }
    if !matches!(path, "/healthz" | "/openapi.json") {
        all.push((ErrorCode::Internal, "A mistake in the daemon"));
        all.push((ErrorCode::Busy, "Too many ask at once, or it cannot be answered at the moment"));
        all.push((ErrorCode::TooSlow, "The answer took too long"));
    }
    all
}

fn errors(responses: &mut Responses, all: Vec<(ErrorCode, &'static str)>) {
    for (code, description) in all {
        let schema = ContentBuilder::new().schema(Some(Ref::from_schema_name(Refusal::name()))).build();
        let response: Response =
            ResponseBuilder::new().description(description).content("application/json", schema).build();
        responses.responses.insert(code.status().as_str().to_owned(), RefOr::T(response));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::routes::document;

    #[test]
    fn every_reference_leads_somewhere() {
        let document: Value = serde_json::from_slice(&document()).expect("it is JSON");
        let mut left = vec![&document];
        let mut references = 0;
        while let Some(value) = left.pop() {
            match value {
                Value::Object(keys) => {
                    if let Some(Value::String(reference)) = keys.get("$ref") {
                        let pointer = reference.strip_prefix('#').expect("within the document");
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                        references += 1;
                    }
                    left.extend(keys.values());
                }
                Value::Array(values) => left.extend(values),
                _ => {}
            }
        }
        assert!(references > 50, "{references}");
    }
}
