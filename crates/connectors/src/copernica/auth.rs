//! The bearer token of v4: fetched from the authentication host, kept until most of its life is over.
//!
//! Source: copernica.md §1.3. Two callers who find no token fetch two: both are good, the later one stays.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schakel_core::connector::{ConnectorError, Cx, HttpError, Method, Request, Response};
use schakel_core::privacy::Secret;
use schakel_core::time::Timestamp;
use serde::Deserialize;

use super::config::Settings;
use super::outcome;

/// Shortest time for which a token is used, in milliseconds: with a wrong clock of ours every token looks old.
const SHORTEST_USE_MS: i64 = 60 * 1000;

/// How long a token is used that does not say when it ends, in milliseconds: the vendor's own example.
const UNKNOWN_USE_MS: i64 = 6 * 3600 * 1000;

/// Longest token that is accepted, in characters.
const TOKEN_CHARS: usize = 8 * 1024;

/// A bearer token.
#[derive(Debug)]
pub(crate) struct Bearer {
    pub(crate) token: Secret,
    refresh_at: Timestamp,
}

/// Keeps the bearer token of one connection.
#[derive(Debug, Default)]
pub(crate) struct Auth(Mutex<Option<Arc<Bearer>>>);

impl Auth {
    /// Gives a token that is good for a while, a fetched one when there is none.
    ///
    /// # Errors
    /// [`ConnectorError::Unauthorised`] when the access token is refused; otherwise the call that the token is
    /// for was not sent, so every failure says so.
    pub(crate) async fn bearer(&self, cx: &Cx, settings: &Settings) -> Result<Arc<Bearer>, ConnectorError> {
        let now = cx.clock.now();
        let cached = self.lock().clone();
        if let Some(bearer) = cached
            && now < bearer.refresh_at
        {
            return Ok(bearer);
        }
        let bearer = Arc::new(fetch(cx, settings, now).await?);
        *self.lock() = Some(Arc::clone(&bearer));
        Ok(bearer)
    }

    /// Forgets `refused`, unless another caller has a newer one already.
    pub(crate) fn forget(&self, refused: &Arc<Bearer>) {
        let mut cached = self.lock();
        if cached.as_ref().is_some_and(|bearer| Arc::ptr_eq(bearer, refused)) {
            *cached = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Bearer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetch(cx: &Cx, settings: &Settings, now: Timestamp) -> Result<Bearer, ConnectorError> {
    let token = utf8_percent_encode(settings.access_token.expose(), NON_ALPHANUMERIC);
    let request = Request {
        method: Method::Post,
        url: settings.auth_url.clone(),
        headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
        body: Bytes::from(format!("access_token={token}")),
        timeout_ms: settings.timeout_ms,
        class: cx.class,
        label: "POST authenticate",
    };
    let response = cx.http.send(request).await.map_err(|error| match error {
        // Lost or not: the call that needs the token was not made.
        HttpError::NotSent(text) | HttpError::Lost(text) => ConnectorError::Unavailable(text),
        timed_out @ HttpError::TimedOut => ConnectorError::Unavailable(timed_out.to_string()),
        HttpError::TooLarge => no_token(),
        spent @ HttpError::Spent { .. } => spent.into(),
    })?;
    if response.status != 200 {
        return Err(refused(&response));
    }
    let token = token_of(&response.body).ok_or_else(no_token)?;
    Ok(Bearer {
        refresh_at: refresh_at(&token, now),
        token: Secret::new(token),
    })
}

/// Reads a refusal of the authentication host, whose words are not documented: any 4xx is about the token.
fn refused(response: &Response) -> ConnectorError {
    match response.status {
        408 | 425 | 429 => outcome::throttled(response),
        400..500 => ConnectorError::Unauthorised("the access token is refused".to_owned()),
        status => ConnectorError::Unavailable(format!("authentication host answers HTTP {status}")),
    }
}

fn no_token() -> ConnectorError {
    ConnectorError::Unavailable("authentication host gives no token".to_owned())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TokenText {
    Bare(String),
    Named {
        #[serde(alias = "access_token", alias = "jwt")]
        token: String,
    },
}

/// Reads the token: bare, as a JSON string, or in an object.
fn token_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let token = match serde_json::from_str(text) {
        Ok(TokenText::Bare(token) | TokenText::Named { token }) => token,
        Err(_) => text.to_owned(),
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='))
    };
    let is_token =
        token.len() <= TOKEN_CHARS && token.split('.').count() == 3 && token.split('.').all(is_part);
    is_token.then_some(token)
}

#[derive(Deserialize)]
struct Claims {
    /// Seconds since 1970.
    exp: f64,
}

/// Gives the moment at which four fifths of the token's life are over.
fn refresh_at(token: &str, now: Timestamp) -> Timestamp {
    let claims = token.split('.').nth(1).and_then(|part| {
        let payload = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        serde_json::from_slice::<Claims>(&payload).ok()
    });
    let Some(Claims { exp }) = claims else {
        return now.plus_ms(UNKNOWN_USE_MS);
    };
    let left_ms = (exp * 1000.0) as i64 - now.as_micros() / 1000;
    now.plus_ms((left_ms / 5).saturating_mul(4).max(SHORTEST_USE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"exp":1800000000}`
    const JWT: &str = "aaa.eyJleHAiOjE4MDAwMDAwMDB9.sig-_1";

    #[test]
    fn a_token_comes_bare_or_in_json() {
        for body in [
            JWT.to_owned(),
            format!(" {JWT}\n"),
            format!("\"{JWT}\""),
            format!("{{\"token\":\"{JWT}\"}}"),
            format!("{{\"access_token\":\"{JWT}\",\"more\":1}}"),
            format!("{{\"jwt\":\"{JWT}\"}}"),
        ] {
            assert_eq!(token_of(body.as_bytes()).as_deref(), Some(JWT), "{body}");
        }
        for body in ["", "<html>a.b.c</html>", "a.b", "{}", "a.b.c.d", "a..c"] {
            assert_eq!(token_of(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn a_token_is_used_for_four_fifths_of_its_life() {
        let now = Timestamp::from_micros((1_800_000_000 - 1000) * 1_000_000);
        assert_eq!(refresh_at(JWT, now), now.plus_ms(800_000));
        assert_eq!(refresh_at("a.b.c", now), now.plus_ms(UNKNOWN_USE_MS));
        let late = Timestamp::from_micros(1_900_000_000 * 1_000_000);
        assert_eq!(refresh_at(JWT, late), late.plus_ms(SHORTEST_USE_MS));
    }
}
