//! What a person enters to connect an account.

use schakel_core::privacy::Secret;
use serde::Deserialize;

/// The version of the API that is spoken (copernica.md §1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiVersion {
    /// 2019: the token in the query, 303 for writes.
    V2,
    /// 2021: the token in the query, 204 and 201 for writes.
    V3,
    /// 2023: as v3, with a bearer token that is fetched from a host of its own.
    #[default]
    V4,
}

impl ApiVersion {
    /// The first part of every path.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }
}

/// The settings of one connection to Copernica.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the API is, without version and slash at the end.
    #[serde(default = "api_host")]
    pub base_url: String,
    /// Where bearer tokens are fetched (v4).
    #[serde(default = "authentication_host")]
    pub auth_url: String,
    /// The API access token that the account's owner made by hand.
    pub access_token: Secret,
    /// The version of the API.
    #[serde(default)]
    pub api_version: ApiVersion,
    /// Name of the database, which this connection alone fills. Letters, digits and underscores.
    pub database: String,
    /// Longest time until a whole answer is there, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

impl Settings {
    /// Gives the settings of a real account: v4 at the vendor's hosts.
    #[must_use]
    pub fn new(access_token: Secret, database: impl Into<String>) -> Self {
        Self {
            base_url: api_host(),
            auth_url: authentication_host(),
            access_token,
            api_version: ApiVersion::default(),
            database: database.into(),
            timeout_ms: timeout_ms(),
        }
    }
}

fn api_host() -> String {
    "https://api.copernica.com".to_owned()
}

fn authentication_host() -> String {
    "https://authenticate.copernica.com".to_owned()
}

/// copernica.md §7 advises a minute at least: a late answer costs a probe, an early end costs the same.
const fn timeout_ms() -> u64 {
    60_000
}
