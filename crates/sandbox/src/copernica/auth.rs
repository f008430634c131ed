//! Tokens: in the query on v2 and v3, a signed bearer token on v4 (copernica.md §1.2, §1.3).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use md5::{Digest, Md5};

use super::call::{Call, Refusal, Version};
use super::out::Out;

/// Who may call, and the key that signs bearer tokens.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The API access tokens with the mark that their bearer tokens carry.
    tokens: Vec<(String, String)>,
    key: u64,
    issued: u64,
    /// Bearer tokens of an earlier age are refused.
    age: u64,
    lifetime_s: i64,
    refusal: StatusCode,
    /// The bearer token that was checked last, and until when it is good: most calls carry the same one.
    checked: Option<(String, i64)>,
}

impl Gate {
    /// Makes the gate of an account; `key` signs its bearer tokens.
    pub(crate) fn new(tokens: &[String], key: u64, lifetime_s: i64, refusal: StatusCode) -> Self {
        let mut gate = Self {
            tokens: Vec::new(),
            key,
            issued: 0,
            age: 0,
            lifetime_s,
            refusal,
            checked: None,
        };
        gate.set_tokens(tokens);
        gate
    }

    /// Replaces the API access tokens; bearer tokens of the others die.
    pub(crate) fn set_tokens(&mut self, tokens: &[String]) {
        self.checked = None;
        self.tokens = tokens
            .iter()
            .map(|token| (token.clone(), self.digest(token)))
            .collect();
    }

    /// Gives the API access tokens.
    pub(crate) fn names(&self) -> Vec<String> {
        self.tokens.iter().map(|(token, _)| token.clone()).collect()
    }

    /// Accepts one more API access token.
    pub(crate) fn add_token(&mut self, token: &str) {
        let digest = self.digest(token);
        self.tokens.push((token.to_owned(), digest));
    }

    /// Makes every bearer token issued so far invalid.
    pub(crate) fn expire_all(&mut self) {
        self.age += 1;
        self.checked = None;
    }

    fn digest(&self, text: &str) -> String {
        hex::encode(Md5::digest(format!("{} {text}", self.key)))
    }

    /// Gives a bearer token for an API access token; `now` in seconds. `None` for an unknown token.
    pub(crate) fn issue(&mut self, token: &str, now: i64) -> Option<String> {
        let mark = self.tokens.iter().find(|(known, _)| known == token)?.1.clone();
        self.issued += 1;
        let mut payload = Out::default();
        payload.open(b'{').key("sub").text(&mark).key("iat").number(now);
        payload
            .key("exp")
            .number(now + self.lifetime_s)
            .key("age")
            .number(self.age as i64);
        payload.key("jti").number(self.issued as i64).close(b'}');
        let head = URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"HS256"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(payload.finish()));
        let signature = URL_SAFE_NO_PAD.encode(self.digest(&signed));
        Some(format!("{signed}.{signature}"))
    }

    /// Lets a call through or not; `now` in seconds.
    ///
    /// # Errors
    /// When the token of the call's version is missing, wrong or over its time.
    pub(crate) fn check(&mut self, call: &Call, now: i64) -> Result<(), Refusal> {
        let is_good = match call.version {
            Version::V4 => call
                .bearer
                .as_deref()
                .is_some_and(|token| self.is_bearer_good(token, now)),
            Version::V2 | Version::V3 => {
                let given = call.param("access_token").unwrap_or("");
                self.tokens.iter().any(|(token, _)| token == given)
            }
        };
        if is_good {
            return Ok(());
        }
        let status = if call.version == Version::V4 {
            self.refusal
        } else {
            StatusCode::BAD_REQUEST
        };
        Err(Refusal {
            status,
            ..Refusal::new("Invalid access token")
        })
    }

    fn is_bearer_good(&mut self, token: &str, now: i64) -> bool {
        if let Some((checked, until)) = &self.checked
            && checked == token
        {
            return now < *until;
        }
        let Some(until) = self.good_until(token) else {
            return false;
        };
        self.checked = Some((token.to_owned(), until));
        now < until
    }

    fn good_until(&self, token: &str) -> Option<i64> {
        let (signed, signature) = token.rsplit_once('.')?;
        if signature != URL_SAFE_NO_PAD.encode(self.digest(signed)) {
            return None;
        }
        let payload = URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?;
        let payload: serde_json::Value = serde_json::from_slice(&payload).ok()?;
        let mark = payload["sub"].as_str()?;
        let is_known = self.tokens.iter().any(|(_, known)| known == mark);
        (is_known && payload["age"].as_u64() == Some(self.age))
            .then(|| payload["exp"].as_i64())
            .flatten()
    }
}
