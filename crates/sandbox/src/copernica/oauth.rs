//! OAuth for applications: the page that asks the customer, and the exchange of its code (copernica.md §1.4).

use http::{HeaderValue, Method, Response, StatusCode, header};
use md5::{Digest, Md5};

use super::body::Body;
use super::call::{self, Refusal, Version};
use super::out::Out;
use super::{Simulator, lock, wire};

/// How long `state` must be at least. The reference says only that a short one is refused.
const STATE_CHARS_MIN: usize = 16;

/// A registered application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its `client_id`.
    pub key: String,
    /// Its `client_secret`.
    pub secret: String,
}

/// A code that waits to be exchanged, with the address that it was sent to.
#[derive(Debug)]
pub(super) struct Code {
    code: String,
    redirect_uri: String,
}

impl Simulator {
    /// Answers the page that asks the customer for consent, always with yes; `None` for another path.
    ///
    /// The page is on another host at a real account; here it is `/nl/authorize` and `/en/authorize`.
    pub(super) fn consent(&self, parts: &http::request::Parts) -> Option<Response<Body>> {
        let is_page = matches!(parts.uri.path(), "/nl/authorize" | "/en/authorize");
        if !is_page || parts.method != Method::GET {
            return None;
        }
        let query = wire::pairs(parts.uri.query().unwrap_or(""));
        let of = |name: &str| wire::first_of(&query, name);
        let is_good = of("client_id") == self.0.application.key
            && of("response_type") == "code"
            && of("state").len() >= STATE_CHARS_MIN
            && !of("redirect_uri").is_empty();
        if !is_good {
            return Some(call::refuse(Version::V4, &Refusal::new("Invalid request")));
        }
        let code = self.mint("code");
        let mark = if of("redirect_uri").contains('?') {
            '&'
        } else {
            '?'
        };
        let place = format!("{}{mark}state={}&code={code}", of("redirect_uri"), of("state"));
        lock(&self.0.codes).push(Code {
            code,
            redirect_uri: of("redirect_uri").to_owned(),
        });
        let mut response = call::plain(StatusCode::FOUND);
        if let Ok(place) = HeaderValue::from_str(&place) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        Some(response)
    }

    /// Answers `GET vN/token`: an access token for a code, each code good for one; `None` for another path.
    pub(super) fn exchange(&self, parts: &http::request::Parts) -> Option<Response<Body>> {
        let path = parts.uri.path();
        let is_exchange = matches!(path, "/v2/token" | "/v3/token" | "/v4/token" | "/token");
        if !is_exchange || parts.method != Method::GET {
            return None;
        }
        let query = wire::pairs(parts.uri.query().unwrap_or(""));
        let of = |name: &str| wire::first_of(&query, name);
        let application = &self.0.application;
        let is_ours = of("client_id") == application.key && of("client_secret") == application.secret;
        let position = lock(&self.0.codes)
            .iter()
            .position(|known| known.code == of("code") && known.redirect_uri == of("redirect_uri"));
        let Some(position) = position.filter(|_| is_ours) else {
            return Some(call::refuse(Version::V4, &Refusal::new("Invalid access token")));
        };
        lock(&self.0.codes).remove(position);
        let token = self.mint("token");
        lock(&self.0.gate).add_token(&token);
        let mut out = Out::default();
        out.open(b'{').key("access_token").text(&token).close(b'}');
        let mut response = Response::new(Body::whole(out.finish()));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(response)
    }

    /// Makes 32 hex digits that nobody had before.
    fn mint(&self, what: &str) -> String {
        let mut account = self.account();
        account.minted += 1;
        let text = format!("{} {what} {}", account.seed, account.minted);
        hex::encode(Md5::digest(text))
    }
}
