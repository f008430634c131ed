//! One call: built, given its credentials, sent.

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schakel_core::connector::{Class, ConnectorError, Cx, HttpError, Method, Request, Response};
use serde::Serialize;

use super::Copernica;
use super::auth::Bearer;
use super::config::ApiVersion;
use super::outcome;

/// A call of the API, without credentials.
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Bytes,
    class: Class,
    label: &'static str,
}

impl Call {
    /// Starts a call; `label` names it in counters, without ids.
    pub(crate) fn new(method: Method, path: impl Into<String>, label: &'static str) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: Bytes::new(),
            class: Class::Live,
            label,
        }
    }

    /// Says who the call is made for.
    pub(crate) fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Adds a query parameter.
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds the conditions of a filter; all of them must hold.
    pub(crate) fn filter(mut self, conditions: impl IntoIterator<Item = String>) -> Self {
        let conditions = conditions.into_iter().map(|condition| ("fields[]", condition));
        self.query.extend(conditions);
        self
    }

    /// Sets the body.
    ///
    /// # Panics
    /// Never: bodies are maps of texts, whole numbers and truth values.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("a map of texts and numbers always serialises");
        self.body = Bytes::from(body);
        self
    }

    fn url(&self, base_url: &str, version: ApiVersion, token: Option<&str>) -> String {
        let mut url = format!(
            "{}/{}/{}",
            base_url.trim_end_matches('/'),
            version.as_str(),
            self.path
        );
        let token = token.map(|token| ("access_token", token));
        let query = self.query.iter().map(|(name, value)| (*name, value.as_str()));
        for (at, (name, value)) in token.into_iter().chain(query).enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.extend(utf8_percent_encode(name, QUERY));
            url.push('=');
            url.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        url
    }
}

/// Parameter names keep their underscore; brackets are escaped, which the API reads alike (copernica.md §1.5).
const QUERY: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'_');

/// Writes a name as one segment of a path.
pub(crate) fn segment(name: &str) -> String {
    utf8_percent_encode(name, QUERY).to_string()
}

impl Copernica {
    /// Sends `call`. A refused bearer token is fetched anew once, and the call repeated once: a call with a
    /// refused token was not executed.
    ///
    /// # Errors
    /// When there is no answer, or no token; a refusal in an answer is the caller's to read.
    pub(crate) async fn send(&self, cx: &Cx, call: &Call) -> Result<Response, ConnectorError> {
        if self.settings.api_version != ApiVersion::V4 {
            return self.exchange(cx, call, None).await;
        }
        let bearer = self.auth.bearer(cx, &self.settings).await?;
        let response = self.exchange(cx, call, Some(&bearer)).await?;
        if !outcome::is_token_refused(&response) {
            return Ok(response);
        }
        self.auth.forget(&bearer);
        let bearer = self.auth.bearer(cx, &self.settings).await?;
        self.exchange(cx, call, Some(&bearer)).await
    }

    async fn exchange(
        &self,
        cx: &Cx,
        call: &Call,
        bearer: Option<&Bearer>,
    ) -> Result<Response, ConnectorError> {
        let settings = &self.settings;
        let mut headers = Vec::with_capacity(2);
        if !call.body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let query_token = match bearer {
            Some(bearer) => {
                headers.push(("authorization", format!("Bearer {}", bearer.token.expose())));
                None
            }
            None => Some(settings.access_token.expose()),
        };
        let request = Request {
            method: call.method,
            url: call.url(&settings.base_url, settings.api_version, query_token),
            headers,
            body: call.body.clone(),
            timeout_ms: settings.timeout_ms,
            // A retry within a backfill is the backfill's.
            class: call.class.max(cx.class),
            label: call.label,
        };
        cx.http.send(request).await.map_err(|error| match error {
            // A read executes nothing, so losing its answer leaves nothing uncertain.
            HttpError::Lost(text) if call.method == Method::Get => ConnectorError::Unavailable(text),
            HttpError::TimedOut if call.method == Method::Get => {
                ConnectorError::Unavailable(error.to_string())
            }
            other => other.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_escaped_and_carry_the_token_only_where_the_version_wants_it() {
        let call = Call::new(Method::Put, "database/7/profiles", "PUT database/{id}/profiles")
            .filter(["RelationID==12".to_owned(), "ShopID==3".to_owned()])
            .query("create", "1");
        assert_eq!(
            call.url("https://api.example.org/", ApiVersion::V4, None),
            "https://api.example.org/v4/database/7/profiles?fields%5B%5D=RelationID%3D%3D12&fields%5B%5D=ShopID%3D%3D3&create=1"
        );
        assert_eq!(
            Call::new(Method::Get, "identity", "GET identity").url(
                "https://api.example.org",
                ApiVersion::V3,
                Some("a&b")
            ),
            "https://api.example.org/v3/identity?access_token=a%26b"
        );
    }
}
