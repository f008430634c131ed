//! One call as it came in, and the answer before it has the clothes of a version.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};

use super::body::Body;
use super::wire::{Json, pairs, read_body, unescape};

/// The version of the API that a call names (copernica.md §1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// `/v2`, and calls without a version.
    V2,
    V3,
    V4,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }
}

/// What a call wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Delete,
    Other,
}

impl Verb {
    fn of(method: &Method) -> Self {
        match method.as_str() {
            "GET" | "HEAD" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }

    /// Says whether this is PUT, or the POST that counts as one (copernica.md §1.5).
    pub(crate) fn is_write(self) -> bool {
        matches!(self, Self::Put | Self::Post)
    }
}

/// One call, split into what the handlers ask for.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) version: Version,
    /// Whether the path names its version.
    pub(crate) is_versioned: bool,
    /// Whether the call came to the host that streams long lists (copernica.md §1.1).
    pub(crate) is_streaming_host: bool,
    /// The path behind the version, without empty segments at its end.
    pub(crate) segments: Vec<String>,
    pub(crate) raw_path: String,
    pub(crate) raw_query: String,
    query: Vec<(String, String)>,
    /// The bearer token, when there is one.
    pub(crate) bearer: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) is_form: bool,
    /// Whether the call was put off and is done now, so that it is not put off again.
    pub(crate) is_late: bool,
}

impl Call {
    /// Splits a request.
    pub(crate) fn new(parts: &http::request::Parts, body: Bytes) -> Self {
        let header = |name: header::HeaderName| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("")
        };
        let path = parts.uri.path().trim_start_matches('/');
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let (version, is_versioned, path) = match first {
            "v2" => (Version::V2, true, rest),
            "v3" => (Version::V3, true, rest),
            "v4" => (Version::V4, true, rest),
            _ => (Version::V2, false, path),
        };
        let segments = path
            .trim_end_matches('/')
            .split('/')
            .map(|segment| unescape(segment, false))
            .collect();
        let raw_query = parts.uri.query().unwrap_or("");
        Self {
            verb: Verb::of(&parts.method),
            version,
            is_versioned,
            is_streaming_host: header(header::HOST).starts_with("rest."),
            segments,
            raw_path: path.to_owned(),
            raw_query: raw_query.to_owned(),
            query: pairs(raw_query),
            bearer: header(header::AUTHORIZATION)
                .strip_prefix("Bearer ")
                .map(|token| token.trim().to_owned()),
            body,
            is_form: header(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded"),
            is_late: false,
        }
    }

    /// Gives the method that means this verb.
    pub(crate) fn method(&self) -> &'static str {
        match self.verb {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Delete => "DELETE",
            Verb::Other => "OPTIONS",
        }
    }

    /// Gives version, path and query as a request has them.
    pub(crate) fn target(&self) -> String {
        format!("/{}/{}?{}", self.version.name(), self.raw_path, self.raw_query)
    }

    /// Makes a call that was put off and saved; `None` when its parts are no request.
    pub(crate) fn again(method: &str, target: &str, is_form: bool, body: Bytes) -> Option<Self> {
        let request = http::Request::builder().method(method).uri(target);
        let (parts, ()) = request.body(()).ok()?.into_parts();
        let mut call = Self::new(&parts, body);
        (call.is_form, call.is_late) = (is_form, true);
        Some(call)
    }

    /// Gives the path segment at `position`; "" when there is none.
    pub(crate) fn segment(&self, position: usize) -> &str {
        self.segments.get(position).map_or("", String::as_str)
    }

    /// Gives the last query parameter of this name.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Reads a truth value of the query: `true`, `yes`, numbers from 1, arrays (copernica.md §2.2).
    pub(crate) fn flag(&self, name: &str, unless_given: bool) -> bool {
        for (key, value) in self.query.iter().rev() {
            if key == name {
                let is_number = value.trim().parse().is_ok_and(|number: f64| number.abs() >= 1.0);
                return is_number || value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("yes");
            }
            if key.strip_prefix(name).is_some_and(|rest| rest.starts_with('[')) {
                return true;
            }
        }
        unless_given
    }

    /// Reads a whole number of the query; text counts as 0.
    pub(crate) fn number(&self, name: &str, unless_given: i64) -> i64 {
        self.param(name).map_or(unless_given, |text| {
            super::field::whole(&Json::Text(Cow::Borrowed(text)), true)
        })
    }

    /// Gives the filter expressions: `fields[]=`, `fields[0]=` and so on.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &str> {
        self.query
            .iter()
            .filter(|(key, _)| key.starts_with("fields[") && key.ends_with(']'))
            .map(|(_, v)| v.as_str())
    }

    /// Says whether the query has filter expressions at all.
    pub(crate) fn has_expressions(&self) -> bool {
        self.expressions().next().is_some()
    }

    /// Reads the body; an empty one is an empty object.
    ///
    /// # Errors
    /// When the body cannot be read.
    pub(crate) fn json(&self) -> Result<Json<'_>, Refusal> {
        read_body(&self.body, self.is_form).ok_or(Refusal::new("Invalid data provided"))
    }
}

/// An answer that refuses the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: Cow<'static, str>,
}

impl Refusal {
    /// Refuses with 400, like nearly everything (copernica.md §1.6).
    pub(crate) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// Refuses an unknown path or a verb that the path does not know.
    pub(crate) fn invalid_method() -> Self {
        Self::new("Invalid method")
    }

    /// Refuses a known path with too few parts.
    pub(crate) fn missing(element: usize) -> Self {
        Self::new(format!(
            "Invalid request, element {element} is missing in 'directory' path"
        ))
    }
}

/// An answer that accepts the call, before it has a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A JSON body.
    Json(Vec<u8>),
    /// A body of another type.
    Text(&'static str, String),
    /// A JSON body of the streaming host: sent in pieces, without a length.
    Stream(Vec<u8>),
    /// A POST made `entity` number `id`.
    Created { entity: &'static str, id: u64 },
    /// A PUT of one thing.
    Put,
    /// A PUT of many rows that made none.
    PutMany,
    /// A PUT of many rows that made one.
    PutCreated {
        entity: &'static str,
        id: u64,
        names_id: bool,
    },
    /// A DELETE; names what it deleted, when that is one thing.
    Deleted(Option<(&'static str, u64)>),
}

/// Gives `reply` the status and headers of the call's version (copernica.md §1.6).
pub(crate) fn answer(call: &Call, base_url: &str, reply: Result<Reply, Refusal>) -> Response<Body> {
    let reply = match reply {
        Ok(reply) => reply,
        Err(refusal) => return refuse(call.version, &refusal),
    };
    let is_old = call.version == Version::V2;
    let bare = |status: StatusCode| plain(if is_old { status } else { StatusCode::NO_CONTENT });
    match reply {
        Reply::Json(body) => json(StatusCode::OK, body),
        Reply::Text(kind, text) => {
            let mut response = json(StatusCode::OK, text.into_bytes());
            put_header(&mut response, "content-type", kind);
            response
        }
        Reply::Stream(body) => {
            let mut response = Response::new(Body::pieces(body));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Reply::Created { entity, id } => {
            let mut response = plain(StatusCode::CREATED);
            name_id(&mut response, id);
            let place = format!("{base_url}/{}/{entity}/{id}", call.version.name());
            put_header(&mut response, "x-location", &place);
            response
        }
        Reply::Put if is_old && call.verb == Verb::Put => see_itself(call, base_url),
        // The place that v2 names here tells nothing (copernica.md §6.3).
        Reply::PutCreated { names_id: false, .. } if is_old => see_itself(call, base_url),
        Reply::Put | Reply::PutMany => bare(StatusCode::OK),
        Reply::PutCreated { entity, id, names_id } => {
            let mut response = if is_old {
                see_other(&format!("{base_url}/{entity}/{id}"))
            } else {
                plain(StatusCode::CREATED)
            };
            if names_id {
                name_id(&mut response, id);
                let place = format!("{base_url}/{}/{entity}/{id}", call.version.name());
                put_header(&mut response, "x-location", &place);
            }
            response
        }
        Reply::Deleted(what) => {
            let mut response = bare(StatusCode::OK);
            if let Some((entity, id)) = what {
                put_header(&mut response, "x-deleted", &format!("{entity} {id}"));
            }
            response
        }
    }
}

/// Writes the error envelope; v3 puts a prefix before the message.
pub(crate) fn refuse(version: Version, refusal: &Refusal) -> Response<Body> {
    let prefix = if version == Version::V3 {
        format!("Copernica REST API Error {}: ", refusal.status.as_u16())
    } else {
        String::new()
    };
    let mut out = super::out::Out::default();
    out.open(b'{')
        .key("error")
        .open(b'{')
        .key("message")
        .text(&format!("{prefix}{}", refusal.message));
    out.close(b'}').close(b'}');
    json(refusal.status, out.finish())
}

/// Makes an answer with a JSON body.
fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Makes an answer without a body.
pub(crate) fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::whole(Vec::new()));
    *response.status_mut() = status;
    response
}

fn see_other(place: &str) -> Response<Body> {
    let mut response = plain(StatusCode::SEE_OTHER);
    put_header(&mut response, "location", place);
    response
}

/// Sends the caller to the place he called.
fn see_itself(call: &Call, base_url: &str) -> Response<Body> {
    let query = if call.raw_query.is_empty() { "" } else { "?" };
    see_other(&format!("{base_url}/{}{query}{}", call.raw_path, call.raw_query))
}

fn name_id(response: &mut Response<Body>, id: u64) {
    response.headers_mut().insert("x-created", HeaderValue::from(id));
}

fn put_header(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
