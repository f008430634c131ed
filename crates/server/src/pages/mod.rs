//! The pages for the people who run the hub, with the API and the health answer.
//!
//! Every page is whole without JavaScript; one small script of our own renews it. Nothing comes from elsewhere, and
//! the content security policy says so to the browser.

mod hosts;
mod html;
mod language;
mod status;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use schakel_engine::hub::Hub;
use schakel_engine::report::{self, Probe, Status};
use schakel_store::{StoreError, within};
use serde::Deserialize;

pub use hosts::{Hosts, is_host};
use html::Html as Part;
use language::Words;

/// Nothing but our own files, no frame around us, no form to elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Longest wait for the store of who asks whether it works: a watchdog takes silence for death after a few seconds.
const HEALTH_MAX: Duration = Duration::from_secs(2);

/// Longest wait for the store of who looks at a page.
const PAGE_MAX: Duration = Duration::from_secs(5);

struct Shown {
    hub: Arc<Hub>,
    probe: Probe,
}

type SharedShown = State<Arc<Shown>>;

/// Makes the router of the pages: `/`, `/status/fragment`, `/api/v1/status`, `/health` and two files; all but `/health`
/// answer under `hosts` only, others hear 421.
pub fn router(hub: Arc<Hub>, probe: Probe, hosts: Hosts) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/status/fragment", get(fragment))
        .route("/api/v1/status", get(api))
        .route("/health", get(health))
        .route(
            "/style.css",
            get(|| async { file("text/css; charset=utf-8", include_str!("style.css")) }),
        )
        .route(
            "/live.js",
            get(|| async { file("text/javascript; charset=utf-8", include_str!("live.js")) }),
        )
        .layer(from_fn_with_state(Arc::new(hosts), hosts::check))
        .layer(map_response(with_policy))
        .with_state(Arc::new(Shown { hub, probe }))
}

/// What a reader may ask of a page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// `nl`, `en` or `de`; anything else follows the browser.
    lang: String,
    /// Whether the page shall load itself again, for browsers without JavaScript.
    renew: bool,
}

async fn page(State(shown): SharedShown, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let words = words(&asked, &headers);
    let (code, shown) = match read(&shown).await {
        Ok(status) => (StatusCode::OK, told(&shown, &status, words)),
        Err(Unavailable::Damaged) => (StatusCode::SERVICE_UNAVAILABLE, status::damaged(words)),
        Err(Unavailable::Away) => (StatusCode::SERVICE_UNAVAILABLE, status::unavailable(words)),
    };
    (code, Html(status::page(&shown, words, asked.renew))).into_response()
}

async fn fragment(
    State(shown): SharedShown,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Html<String>, Unavailable> {
    let words = words(&asked, &headers);
    let status = read(&shown).await?;
    Ok(Html(told(&shown, &status, words).into_string()))
}

/// Gives the numbers, behind what makes them doubtful.
fn told(shown: &Shown, status: &Status, words: &Words) -> Part {
    let numbers = status::fragment(status, words);
    if shown.hub.health.is_damaged() {
        return status::damaged(words).add(&numbers);
    }
    numbers
}

async fn api(State(shown): SharedShown) -> Result<Json<Status>, Unavailable> {
    Ok(Json(read(&shown).await?))
}

/// Says whether the hub can read its database and write into it; for load balancers and watchdogs.
async fn health(State(shown): SharedShown) -> Result<Json<serde_json::Value>, Unavailable> {
    let store = &shown.hub.store;
    let tried = async {
        let durability = store.durability().await?;
        store.try_writing(shown.hub.clock.now()).await?;
        Ok(durability)
    };
    // Late is no failure: where it goes on, whoever works tells the log.
    let tried = tokio::time::timeout(HEALTH_MAX, tried).await;
    let durability = tried.map_err(|_| Unavailable::Away)?;
    let durability = durability.map_err(|error| Unavailable::of(&shown.hub, &error))?;
    if shown.hub.health.is_damaged() {
        return Err(Unavailable::Damaged);
    }
    Ok(Json(serde_json::json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "database": shown.hub.store.engine_name(),
        "durability": durability.to_string(),
    })))
}

async fn read(shown: &Shown) -> Result<Status, Unavailable> {
    let hub = &shown.hub;
    let status = report::status(&hub.store, hub.tenant, &shown.probe, hub.clock.now());
    within(PAGE_MAX, status)
        .await
        .map_err(|error| Unavailable::of(hub, &error))
}

fn words(asked: &Asked, headers: &HeaderMap) -> &'static Words {
    let accepted = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Words::of(language::choose(&asked.lang, accepted))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text).into_response()
}

async fn with_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Why there are no numbers; what the store said is in the log, not on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unavailable {
    /// The database does not answer.
    Away,
    /// Its file is damaged.
    Damaged,
}

impl Unavailable {
    fn of(hub: &Hub, error: &StoreError) -> Self {
        hub.note_store_failed("pages", error);
        if error.is_damaged() {
            Self::Damaged
        } else {
            Self::Away
        }
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        let body = match self {
            Self::Away => serde_json::json!({ "status": "unavailable" }),
            Self::Damaged => serde_json::json!({ "status": "unavailable", "code": "SCH-0211" }),
        };
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    }
}
