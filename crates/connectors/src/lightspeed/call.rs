//! One call to the API, and what its answer means.
//!
//! Every answer becomes a body, "not there", or a [`ConnectorError`]; the table is lightspeed-ecom.md §2.2. A GET
//! may be repeated at will, so a lost or unreadable answer to one means "try again"; a write whose outcome is
//! unknown is uncertain.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schakel_core::connector::{Class, ConnectorError, Cx, HttpError, Method, Request, Response};
use schakel_core::time::Timestamp;
use serde::Deserialize;

use super::config::Settings;
use super::wire::answers;

/// Longest time until the whole answer is there, in milliseconds; the platform is slow at times.
const TIMEOUT_MS: u64 = 30_000;

/// The message of a 404 that is about the language of the path, not about the record (§1.1).
const LANGUAGE_OFF: &str = "inactive language";

/// What a key may do; any key that is good may ask it.
pub(super) const PERMISSIONS: &str = "account/permissions";

/// Where the owner of the shop switches permissions on.
pub(super) const WHERE: &str = "switch it on in the back office: Settings, Store settings, Developers";

/// What to call.
pub(super) struct Call<'a> {
    /// Method.
    pub(super) method: Method,
    /// Path below the language, without `.json`.
    pub(super) path: &'a str,
    /// Query, without its question mark; empty for none.
    pub(super) query: &'a str,
    /// JSON to send; empty for none.
    pub(super) body: String,
    /// Name of the call for counters and logs.
    pub(super) label: &'static str,
    /// The back-office section that the call needs (§1.4).
    pub(super) section: &'static str,
}

impl<'a> Call<'a> {
    /// A GET of `path`.
    pub(super) const fn get(path: &'a str, label: &'static str, section: &'static str) -> Self {
        Self {
            method: Method::Get,
            path,
            query: "",
            body: String::new(),
            label,
            section,
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The body, or `None` when the thing is not there.
    pub(super) body: Option<Bytes>,
    /// The body of a 404.
    pub(super) refusal: Bytes,
    /// The other side's clock.
    pub(super) at: Option<Timestamp>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The configured language is not active in the shop: every path is a 404.
    Language,
    /// Anything else.
    Other(ConnectorError),
}

impl Failure {
    /// Gives the error for the engine; `language` is the configured one.
    pub(super) fn into_error(self, language: &str) -> ConnectorError {
        match self {
            Self::Language => ConnectorError::SwitchedOff(format!(
                "the language `{language}` is not active in the shop; switch it on there, or give an active one as `language` of the connection"
            )),
            Self::Other(error) => error,
        }
    }
}

/// Sends `call` with the credentials of `settings` and judges the answer.
///
/// A 401 may mean the key or one section (§1.4, §10 no. 16), so the key is then asked about itself, by one call that no
/// section guards: a key that says what it may read is refused by this section only.
pub(super) async fn send(cx: &Cx, settings: &Settings, call: Call<'_>) -> Result<Answer, Failure> {
    let (section, is_about_key) = (call.section, call.path == PERMISSIONS);
    match exchange(cx, settings, call).await {
        Err(Failure::Other(ConnectorError::Unauthorised(_))) if !is_about_key => {
            let own = Call::get(PERMISSIONS, "GET account/permissions", "settings");
            exchange(cx, settings, own).await?;
            let why = format!(
                "the key has no permission: section `{section}` (status 401, the key itself is good); {WHERE}"
            );
            Err(Failure::Other(ConnectorError::Rejected(why)))
        }
        answered => answered,
    }
}

async fn exchange(cx: &Cx, settings: &Settings, call: Call<'_>) -> Result<Answer, Failure> {
    let (method, section) = (call.method, call.section);
    let request = request(settings, cx.class, call);
    let response = cx
        .http
        .send(request)
        .await
        .map_err(|error| Failure::Other(unanswered(method, error)))?;
    judge(cx.clock.now(), method, section, response)
}

/// Sends `call` like [`send`]; a language that is off is an error like any other.
pub(super) async fn ask(cx: &Cx, settings: &Settings, call: Call<'_>) -> Result<Answer, ConnectorError> {
    send(cx, settings, call)
        .await
        .map_err(|failure| failure.into_error(&settings.path_language()))
}

/// Reads the body of an answer that must be there.
pub(super) fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, ConnectorError> {
    let body = answer
        .body
        .as_ref()
        .ok_or_else(|| ConnectorError::Rejected("not found".to_owned()))?;
    serde_json::from_slice(body)
        .map_err(|_| ConnectorError::Malformed("the answer does not have the expected shape".to_owned()))
}

fn request(settings: &Settings, class: Class, call: Call<'_>) -> Request {
    let credentials = format!("{}:{}", settings.api_key.expose(), settings.api_secret.expose());
    let mut headers = vec![
        ("authorization", format!("Basic {}", STANDARD.encode(credentials))),
        ("accept", "application/json".to_owned()),
    ];
    if !call.body.is_empty() {
        headers.push(("content-type", "application/json".to_owned()));
    }
    let mark = if call.query.is_empty() { "" } else { "?" };
    Request {
        method: call.method,
        url: format!(
            "{}{}/{}.json{mark}{}",
            settings.base(),
            settings.path_language(),
            call.path,
            call.query
        ),
        headers,
        body: call.body.into(),
        timeout_ms: TIMEOUT_MS,
        class,
        label: call.label,
    }
}

/// No answer came: a GET did no harm and may be sent again.
fn unanswered(method: Method, error: HttpError) -> ConnectorError {
    match (method, error) {
        (Method::Get, HttpError::Lost(text)) => ConnectorError::Unavailable(text),
        (Method::Get, timed_out @ HttpError::TimedOut) => ConnectorError::Unavailable(timed_out.to_string()),
        (_, error) => error.into(),
    }
}

fn judge(
    now: Timestamp,
    method: Method,
    section: &'static str,
    response: Response,
) -> Result<Answer, Failure> {
    let at = response.header("date").and_then(Timestamp::parse_http_date);
    let failed = |error| Err(Failure::Other(error));
    let message = || described(section, &response.body);
    match response.status {
        200..=299 if method != Method::Get || is_json(&response.body) => Ok(Answer {
            body: Some(response.body),
            refusal: Bytes::new(),
            at,
        }),
        404 if answers::error_message(&response.body)
            .to_lowercase()
            .contains(LANGUAGE_OFF) =>
        {
            Err(Failure::Language)
        }
        404 => Ok(Answer {
            body: None,
            refusal: response.body,
            at,
        }),
        401 => failed(ConnectorError::Unauthorised(
            "the API key or its secret is wrong, switched off or withdrawn".to_owned(),
        )),
        403 => failed(ConnectorError::Rejected(format!(
            "the key has no permission: {}; {WHERE}",
            message()
        ))),
        429 => failed(ConnectorError::RateLimited {
            retry_after_ms: Some(super::limits::wait_ms(Some(now), &response)),
        }),
        408 | 423 | 425 if method == Method::Get => failed(ConnectorError::Unavailable(format!(
            "not now, status {}",
            response.status
        ))),
        // Not about the key: this one answer is not what was asked for.
        400..=499 if method == Method::Get => failed(ConnectorError::Malformed(format!(
            "status {}: {}",
            response.status,
            message()
        ))),
        400..=499 => failed(ConnectorError::Rejected(format!(
            "status {}: {}",
            response.status,
            message()
        ))),
        status if method == Method::Get => failed(ConnectorError::Unavailable(format!(
            "unusable answer, status {status}"
        ))),
        status => failed(ConnectorError::Uncertain(format!(
            "unusable answer, status {status}"
        ))),
    }
}

/// Tells whether a body is JSON and no error in disguise (§2.2): pages in HTML come with 200 too.
fn is_json(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Disguised {
        error: Option<serde::de::IgnoredAny>,
        errors: Option<serde::de::IgnoredAny>,
        message: Option<serde::de::IgnoredAny>,
    }
    // The fields of a struct may be read from a list too; a list of one checkout is no error.
    if !body.trim_ascii_start().starts_with(b"{") {
        return serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    }
    serde_json::from_slice::<Disguised>(body)
        .is_ok_and(|answer| answer.error.is_none() && answer.errors.is_none() && answer.message.is_none())
}

fn described(section: &str, body: &[u8]) -> String {
    match answers::error_message(body) {
        message if message.is_empty() => format!("section `{section}`"),
        message => format!("section `{section}`, {message}"),
    }
}
