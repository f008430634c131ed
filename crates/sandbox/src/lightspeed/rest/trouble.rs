//! The answers of faults: pages instead of JSON, connections that break, answers that drip.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;

use super::respond;
use crate::lightspeed::faults::RestFault;

/// Into how many parts a dripping answer falls.
const DRIPS: usize = 10;
/// How long an answer of which nothing is known says it is, in bytes.
const LENGTH_PROMISED: usize = 4096;

/// Returns the answer of a fault for which nothing is done; `None` for the others.
pub(super) fn instead(fault: RestFault) -> Option<Response<Body>> {
    Some(match fault {
        RestFault::ServerError(status) => html(status),
        RestFault::Cut => cut(),
        RestFault::Reset => lost(),
        RestFault::Later(_) => html(504),
        RestFault::HtmlOk => page(
            StatusCode::OK,
            "Maintenance",
            "The shop is being updated. Please come back soon.",
        ),
        RestFault::LoadBalancer => page(
            StatusCode::SERVICE_UNAVAILABLE,
            "503 Service Temporarily Unavailable",
            "No server is available to handle this request.",
        ),
        _ => return None,
    })
}

/// Changes the answer of a call that was done; without a known key nothing was.
pub(super) async fn after(fault: RestFault, answer: Response<Body>, is_known: bool) -> Response<Body> {
    match fault {
        RestFault::ServerErrorAfter(status) if is_known => html(status),
        RestFault::AnswerLost => lost(),
        RestFault::Half => half(answer).await,
        RestFault::Drip(pause_ms) => drip(answer, Duration::from_millis(u64::from(pause_ms))),
        _ => answer,
    }
}

fn html(status: u16) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    page(status, &status.to_string(), "")
}

fn page(status: StatusCode, title: &str, text: &str) -> Response<Body> {
    let page =
        format!("<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>");
    respond(status, "text/html; charset=UTF-8", Body::from(page))
}

/// Promises an answer and breaks the connection after its first bytes.
fn cut() -> Response<Body> {
    broken_after(Bytes::from_static(b"{\"cut\":"), LENGTH_PROMISED)
}

/// Breaks the connection in the middle of the true answer.
async fn half(answer: Response<Body>) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes);
    let whole = whole.unwrap_or_default();
    let mut response = broken_after(whole.slice(..whole.len() / 2), whole.len());
    *response.status_mut() = parts.status;
    response.headers_mut().extend(parts.headers);
    response
}

/// Breaks the connection before a byte of the answer: its head waits for its body, which fails at once.
fn lost() -> Response<Body> {
    let error = Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    promised(Body::from_stream(stream::iter([error])), LENGTH_PROMISED)
}

/// Promises `length` bytes, and breaks the connection after the first of them.
fn broken_after(first: Bytes, length: usize) -> Response<Body> {
    let first = stream::iter([Ok(first)]);
    let broken = stream::once(async {
        // The server sends what it has when the body makes it wait.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    promised(Body::from_stream(first.chain(broken)), length)
}

fn promised(body: Body, length: usize) -> Response<Body> {
    let mut response = respond(StatusCode::OK, "application/json", body);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Lets the body of an answer come in parts with a pause before each.
fn drip(answer: Response<Body>, pause: Duration) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    let drops = stream::once(async move {
        let whole = body.collect().await.map(http_body_util::Collected::to_bytes);
        let whole = whole.unwrap_or_default();
        let size = whole.len().div_ceil(DRIPS).max(1);
        let drops: Vec<Bytes> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
        stream::iter(drops)
    });
    let drops = drops.flatten().then(move |part| async move {
        tokio::time::sleep(pause).await;
        Ok::<Bytes, std::convert::Infallible>(part)
    });
    Response::from_parts(parts, Body::from_stream(drops))
}
