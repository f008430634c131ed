//! The configuration as the rest of the program sees it: one structure per section.

use std::path::{Path, PathBuf};

use schakel_connectors::lightspeed::KeyLimits;
use schakel_core::budget::Reserves;
use schakel_core::privacy::Secret;
use schakel_engine::hub::WalkSettings;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::schema::span_ms;
use super::source::{Section, Sections};
use crate::error::Failure;

/// `[hub]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HubConfig {
    /// Folder for the database file; made when it is missing.
    pub data: PathBuf,
    /// Address of the database; empty for SQLite in `data`. May hold a password.
    pub database: Secret,
    /// File that holds the address of the database.
    pub database_file: PathBuf,
    /// The key of the hub, 64 hexadecimal digits; empty for the file `hub.key` in `data`.
    pub key: Secret,
    /// File that holds `key`.
    pub key_file: PathBuf,
    /// Where webhooks are received.
    pub hooks_listen: String,
    /// The address under which shops reach `hooks_listen`.
    pub hooks_address: String,
    /// Where the pages are.
    pub pages_listen: String,
    /// Further names under which the pages answer.
    pub pages_hosts: Vec<String>,
    /// Least severity of log lines.
    pub log: String,
    /// `text` or `json`.
    pub log_format: String,
}

impl HubConfig {
    /// Gives the address of the database to open.
    pub(crate) fn database_url(&self) -> String {
        if self.database.is_empty() {
            self.data.join("schakel.db").display().to_string()
        } else {
            self.database.expose().to_owned()
        }
    }
}

/// Within what a person is one relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Per shop.
    Shop,
    /// Over all shops of the hub that say so.
    Account,
}

/// A `[[connection]]` with `connector = "lightspeed"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LightspeedConfig {
    /// Its name.
    pub name: String,
    /// `lightspeed`.
    #[serde(rename = "connector")]
    _connector: String,
    /// `eu1` or `us1`.
    pub cluster: String,
    /// Address of the API; empty for that of the cluster.
    pub base_url: String,
    /// The shop's number.
    pub shop_id: i64,
    /// User name at the API.
    pub api_key: Secret,
    /// Password at the API, and what signs webhooks.
    pub api_secret: Secret,
    /// File that holds `api_secret`.
    pub api_secret_file: PathBuf,
    /// Further secrets that may sign webhooks, while one is being replaced.
    pub extra_secrets: Vec<Secret>,
    /// Language in which titles are read.
    pub language: String,
    /// `payload` or `hint`.
    pub webhook_trust: String,
    /// Whether webhooks without a signature are taken as hints.
    pub accept_unsigned: bool,
    /// Addresses of the shop itself, which join nobody.
    pub own_addresses: Vec<String>,
    /// Within what a person is one relation.
    pub scope: Scope,
    /// Most fetches at once.
    pub fetches: usize,
    /// Whether the history begins by itself at the first start.
    pub history: History,
    /// Whether the shop tells of changes; otherwise it is asked.
    pub webhooks: bool,
    /// How often it is asked what changed; `auto` for what fits `webhooks`.
    pub sweep_interval: String,
    /// How often ids and counts are compared.
    pub reconcile_interval: Span,
    /// How often unfinished checkouts are collected.
    pub checkout_interval: Span,
    /// Calls per five minutes, hour and day, or `none`.
    pub limits: String,
    /// Calls per second.
    pub calls_per_second: u32,
    /// Part of each limit that is kept for live calls, in percent.
    pub reserve_live: u8,
    /// Part of each limit that is kept for other programs, in percent.
    pub reserve_others: u8,
}

/// Fewest calls of a limit with which a shop can be served; less is a slip of the pen.
const LEAST_CALLS: u32 = 10;

impl LightspeedConfig {
    /// Gives the limits of the key.
    ///
    /// # Errors
    /// When `limits` can't be read, with what is expected.
    pub(crate) fn key_limits(&self) -> Result<KeyLimits, String> {
        let windows = match self.limits.trim() {
            "none" => None,
            text => {
                let parts: Option<Vec<u32>> = text.split('/').map(|part| part.trim().parse().ok()).collect();
                let calls = parts.and_then(|parts| <[u32; 3]>::try_from(parts).ok());
                let calls = calls.filter(|calls| calls.iter().all(|calls| *calls >= LEAST_CALLS));
                Some(calls.ok_or_else(|| {
                    format!(
                        "`limits` must be the calls per five minutes, hour and day, such as 300/3000/12000 \
                         ({LEAST_CALLS} each at least), or none, and is `{text}`"
                    )
                })?)
            }
        };
        Ok(KeyLimits {
            windows,
            per_second: self.calls_per_second,
            reserves: Reserves {
                live_percent: self.reserve_live,
                others_percent: self.reserve_others,
                is_polled: !self.webhooks,
            },
        })
    }
}

impl LightspeedConfig {
    /// How often the shop is swept, in milliseconds; 0 for never, `None` when that is no length of time.
    pub(super) fn sweep_ms(&self) -> Option<i64> {
        match (self.sweep_interval.as_str(), self.webhooks) {
            ("auto", true) => Some(WalkSettings::default().sweep_ms),
            ("auto", false) => Some(POLL_MS),
            (text, _) => span_ms(text),
        }
    }

    /// How often its lists are walked.
    pub(crate) fn walks(&self) -> WalkSettings {
        WalkSettings {
            sweep_ms: self.sweep_ms().unwrap_or_default(),
            reconcile_ms: self.reconcile_interval.0,
            checkouts_ms: self.checkout_interval.0,
            has_history: self.history == History::Auto,
        }
    }
}

/// How often a shop without webhooks is asked, in milliseconds: five minutes (A19).
const POLL_MS: i64 = 300_000;

/// Who begins a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum History {
    /// The hub, at the first start.
    Auto,
    /// `schakel backfill start`.
    Manual,
}

/// A `[[connection]]` with `connector = "copernica"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CopernicaConfig {
    /// Its name.
    pub name: String,
    /// `copernica`.
    #[serde(rename = "connector")]
    _connector: String,
    /// Address of the API.
    pub base_url: String,
    /// Address that gives bearer tokens.
    pub auth_url: String,
    /// `v4`, `v3` or `v2`.
    pub api_version: String,
    /// API access token.
    pub access_token: Secret,
    /// File that holds `access_token`.
    pub access_token_file: PathBuf,
    /// Name of the database.
    pub database: String,
    /// Longest time for one call, in milliseconds.
    pub timeout_ms: u64,
    /// Longest time for all calls of one delivery, in milliseconds.
    pub attempt_ms: i64,
    /// How long a call that we gave up on may still be executing there, in milliseconds.
    pub settle_ms: i64,
    /// Most calls at once.
    pub concurrency: usize,
}

/// A `[[connection]]`.
#[derive(Debug, Clone)]
pub(crate) enum ConnectionConfig {
    /// A Lightspeed shop.
    Lightspeed(LightspeedConfig),
    /// A Copernica account.
    Copernica(CopernicaConfig),
}

impl ConnectionConfig {
    /// Gives its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Lightspeed(config) => &config.name,
            Self::Copernica(config) => &config.name,
        }
    }
}

/// Which subscriptions count as a Yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Newsletter {
    /// Confirmed ones only.
    Confirmed,
    /// All of them.
    Subscribed,
}

/// Whose number of an order stands in the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderId {
    /// The shop's.
    Shop,
    /// The hub's own.
    Hub,
}

/// A length of time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub i64);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        span_ms(&text)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no length of time"))
    }
}

/// A `[[route]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteConfig {
    /// The source connection's name.
    pub from: String,
    /// The sink connection's name.
    pub to: String,
    /// The sink's fields; `bookerz` is the only preset so far.
    #[serde(rename = "preset")]
    _preset: String,
    /// Which subscriptions count as a Yes.
    pub newsletter: Newsletter,
    /// Extra fields beside the preset, by name.
    pub extras: Vec<String>,
    /// Whether order rows get the pictures and the address of their product.
    pub pictures: bool,
    /// Whether carts are delivered.
    pub quotes: bool,
    /// Whether the rows of carts are fetched and delivered.
    pub quote_rows: bool,
    /// The address that gives a cart back, with `{hash}` in it.
    pub recovery_url: String,
    /// How long a cart must have been left alone before it is delivered for the first time.
    pub cart_hold_off: Span,
    /// After how long without a change a cart counts as expired.
    pub cart_expires: Span,
    /// Whether memberships of customer groups are fetched and delivered.
    pub customer_groups: bool,
    /// Whose number of an order stands in the sink.
    pub order_id: OrderId,
    /// Zone of the times in the sink.
    pub zone: String,
    /// How long an order row waits for its product's picture, in milliseconds.
    pub picture_wait_ms: i64,
}

type Typed = (HubConfig, Vec<ConnectionConfig>, Vec<RouteConfig>);

/// Turns complete sections into structures; secrets named by a file are read relative to the folder of `file`.
pub(super) fn read(sections: &Sections, file: &Path) -> Result<Typed, Failure> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut hub: HubConfig = structure(&sections.hub)?;
    fill(&mut hub.database, &hub.database_file, folder, "hub", "database")?;
    fill(&mut hub.key, &hub.key_file, folder, "hub", "key")?;
    let mut connections = Vec::new();
    for section in &sections.connections {
        connections.push(connection(section, folder)?);
    }
    let routes = sections.routes.iter().map(structure).collect::<Result<_, _>>()?;
    Ok((hub, connections, routes))
}

fn connection(section: &Section, folder: &Path) -> Result<ConnectionConfig, Failure> {
    let title = &section.title;
    if section.text("connector") == "copernica" {
        let mut config: CopernicaConfig = structure(section)?;
        fill(
            &mut config.access_token,
            &config.access_token_file,
            folder,
            title,
            "access_token",
        )?;
        return Ok(ConnectionConfig::Copernica(config));
    }
    let mut config: LightspeedConfig = structure(section)?;
    fill(
        &mut config.api_secret,
        &config.api_secret_file,
        folder,
        title,
        "api_secret",
    )?;
    Ok(ConnectionConfig::Lightspeed(config))
}

fn structure<T: DeserializeOwned>(section: &Section) -> Result<T, Failure> {
    let table: Table = section
        .values
        .iter()
        .map(|(name, told)| ((*name).to_owned(), told.value.clone()))
        .collect();
    Value::Table(table).try_into().map_err(|error: toml::de::Error| {
        Failure::usage("SCH-0102", format!("{}: {}", section.title, error.message()))
    })
}

/// Reads a secret from its file when one is named.
fn fill(secret: &mut Secret, file: &Path, folder: &Path, title: &str, key: &str) -> Result<(), Failure> {
    if file.as_os_str().is_empty() {
        return Ok(());
    }
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::usage(
            "SCH-0103",
            format!("{title}: the secret in {} cannot be read", path.display()),
        )
        .caused_by(error)
        .hint("check the path and that the user who runs Schakel may read the file")
    })?;
    if text.trim().is_empty() {
        let text = format!(
            "{title}: the file {} that `{key}_file` names is empty",
            path.display()
        );
        return Err(Failure::usage("SCH-0103", text).hint("write the secret into it, on a line of its own"));
    }
    *secret = Secret::new(text.trim());
    Ok(())
}
