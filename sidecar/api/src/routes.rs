//! What can be asked, path by path.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ask::json;
use crate::extract::{Body, NoKeys, Query};
use crate::guard;
use crate::model::{
    Decided, Decision, ExecutionDetail, Finding, Findings, FindingsQuery, GivenDecision, Health, Held,
    HeldQuery, SearchAnswer, SearchRequest, Timeline, TimelineQuery, Workload,
};
use crate::refusal::{ErrorCode, Refusal};
use crate::shared::Shared;
use crate::{Caller, Service, check, metrics, openapi};

type Answer = Result<Response, Refusal>;
type Asked = State<Arc<Shared>>;

/// The router without its state, and the document that describes it.
fn described() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(openapi::preamble())
        .routes(routes!(search))
        .routes(routes!(findings))
        .routes(routes!(finding))
        .routes(routes!(execution))
        .routes(routes!(workloads))
        .routes(routes!(timeline))
        .routes(routes!(held))
        .routes(routes!(decisions, decide))
        .routes(routes!(health))
        .routes(routes!(metrics_text))
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(openapi_json))
}

/// The OpenAPI document, written.
pub(crate) fn document() -> Vec<u8> {
    let document = openapi::completed(described().into_openapi());
    serde_json::to_vec_pretty(&document).expect("the document is made of strings and numbers")
}

/// All routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let (router, _) = described().split_for_parts();
    router
        .fallback(page)
        .method_not_allowed_fallback(guard::no_such_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard::guard))
        .layer(CatchPanicLayer::custom(guard::panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard::finish))
        .with_state(shared)
}

/// Search in plain words.
///
/// Over everything that is known of all workloads: learned, held and denied.
#[utoipa::path(post, path = "/security/search", tag = "search", request_body = SearchRequest,
    responses((status = 200, description = "What matches, the best first", body = SearchAnswer)))]
async fn search(State(shared): Asked, _: Query<NoKeys>, Body(request): Body<SearchRequest>) -> Answer {
    shared.answer(move |service| service.search(&request)).await
}

/// What was novel, grouped as alerts are, the latest first.
#[utoipa::path(get, path = "/v1/findings", tag = "findings", params(FindingsQuery),
    responses((status = 200, description = "Findings, the latest first", body = Findings)))]
async fn findings(State(shared): Asked, Query(query): Query<FindingsQuery>) -> Answer {
    shared.answer(move |service| service.findings(&query)).await
}

/// One finding as it is now.
#[utoipa::path(get, path = "/v1/findings/{id}", tag = "findings", params(
        ("id" = String, Path, description = "`f` and 16 hexadecimal digits", pattern = "^f[0-9a-f]{16}$",
            min_length = 17, max_length = 17)),
    responses((status = 200, description = "The finding", body = Finding)))]
async fn finding(
    State(shared): Asked,
    _: Query<NoKeys>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Answer {
    let id = id.map(|Path(id)| id).ok().filter(|id| check::is_finding(id)).ok_or_else(|| {
        Refusal::bad_request("a finding's id is f and 16 hexadecimal digits: take it from /v1/findings")
    })?;
    shared.answer(move |service| service.finding(&id)).await
}

/// One execution beside what its workload knows now.
#[utoipa::path(get, path = "/v1/executions/{id}", tag = "findings", params(
        ("id" = String, Path, description = "32 hexadecimal digits, or an alert's uuid, which has dashes between them",
            pattern = "^[0-9a-f]{32}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", min_length = 32, max_length = 36)),
    responses((status = 200, description = "The execution", body = ExecutionDetail)))]
async fn execution(
    State(shared): Asked,
    _: Query<NoKeys>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Answer {
    let id = id.map(|Path(id)| id).ok().and_then(|id| check::execution_id(&id)).ok_or_else(|| {
        Refusal::bad_request(
            "an execution's id is 32 hexadecimal digits: take it from a finding, or the uuid of an alert",
        )
    })?;
    shared.answer(move |service| service.execution(&id)).await
}

/// Every workload, by name.
#[utoipa::path(get, path = "/v1/workloads", tag = "workloads",
    responses((status = 200, description = "The workloads", body = Vec<Workload>)))]
async fn workloads(State(shared): Asked, _: Query<NoKeys>) -> Answer {
    shared.answer(|service| service.workloads()).await
}

/// How much every workload ran and how novel it was, over time.
#[utoipa::path(get, path = "/v1/timeline", tag = "workloads", params(TimelineQuery),
    responses((status = 200, description = "A lane for each workload", body = Timeline)))]
async fn timeline(State(shared): Asked, Query(query): Query<TimelineQuery>) -> Answer {
    shared.answer(move |service| service.timeline(&query)).await
}

/// What waits for a decision, grouped as alerts are, the group that was seen last first.
///
/// Each group is of one state, and so is a decision about it.
#[utoipa::path(get, path = "/v1/held", tag = "decisions", params(HeldQuery),
    responses((status = 200, description = "Groups of held executions", body = Held)))]
async fn held(State(shared): Asked, Query(query): Query<HeldQuery>) -> Answer {
    shared.answer(move |service| service.held(&query)).await
}

/// Decide: approve, deny, forget, or learn for a while.
///
/// Of a group it is about the rows that are in `state`, held where nothing is said, and where `executions` tells how many
/// were shown, about no other number.
#[utoipa::path(post, path = "/v1/decisions", tag = "decisions", request_body = Decision,
    responses((status = 200, description = "What became of it", body = Decided)))]
async fn decide(
    State(shared): Asked,
    Extension(caller): Extension<Caller>,
    _: Query<NoKeys>,
    Body(decision): Body<Decision>,
) -> Answer {
    let until = Instant::now() + shared.limits.answer_within;
    shared.answer(move |service| service.decide(&decision, caller, until)).await.map_err(|refusal| {
        match refusal.code() {
            ErrorCode::TooSlow => Refusal::new(
                ErrorCode::TooSlow,
                "whether it is decided is not known in time: look at /v1/decisions before deciding it again",
            ),
            _ => refusal,
        }
    })
}

/// Who decided what, the latest first.
#[utoipa::path(get, path = "/v1/decisions", tag = "decisions",
    responses((status = 200, description = "Decisions", body = Vec<GivenDecision>)))]
async fn decisions(State(shared): Asked, _: Query<NoKeys>) -> Answer {
    shared.answer(|service| service.decisions()).await
}

/// How the daemon is, with every loss.
#[utoipa::path(get, path = "/v1/health", tag = "health",
    responses((status = 200, description = "Its health", body = Health)))]
async fn health(State(shared): Asked, _: Query<NoKeys>) -> Answer {
    let write =
        |service: &dyn Service| serde_json::to_vec(&service.health()).map_err(|_| Refusal::internal());
    Ok(json(shared.ask(&shared.vitals, write).await?))
}

/// Every number, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Numbers as OpenMetrics text", body = String,
        content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")))]
async fn metrics_text(State(shared): Asked, _: Query<NoKeys>) -> Answer {
    let counters = shared.counters.clone();
    let write = move |service: &dyn Service| {
        let mut families = service.metrics();
        families.extend(counters.metrics());
        let (text, left_out) = metrics::encode(families).map_err(|_| Refusal::internal())?;
        counters.left_out(left_out);
        Ok(text)
    };
    let text = shared.ask(&shared.vitals, write).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE))], text).into_response())
}

/// That it is there.
#[derive(Serialize, ToSchema)]
struct Alive {
    /// `ok`.
    status: &'static str,
}

/// Whether the server answers at all. Needs no token.
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, description = "It does", body = Alive)))]
async fn healthz(_: Query<NoKeys>) -> Response {
    axum::Json(Alive { status: "ok" }).into_response()
}

/// Whether executions are watched and scored. Needs no token.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "They are", body = Alive)))]
async fn readyz(State(shared): Asked, _: Query<NoKeys>) -> Answer {
    let reasons = shared.ask(&shared.vitals, |service| Ok(service.not_ready())).await?;
    if reasons.is_empty() {
        return Ok(axum::Json(Alive { status: "ready" }).into_response());
    }
    Err(Refusal::new(ErrorCode::NotReady, &reasons.join("; ")))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
async fn openapi_json(State(shared): Asked, _: Query<NoKeys>) -> Response {
    json(shared.openapi.clone())
}

/// The page's files, and what is nowhere.
async fn page(State(shared): Asked, request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    if !shared.page.has(path) {
        return guard::no_such_path().await.into_response();
    }
    if !method.is_safe() || method == axum::http::Method::OPTIONS || method == axum::http::Method::TRACE {
        let mut response = guard::no_such_method().await.into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return response;
    }
    let path = path.to_owned();
    match shared.page.file(&path, request.headers()).await {
        Some(file) => file,
        None => guard::no_such_path().await.into_response(),
    }
}
