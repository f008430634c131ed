//! The settings of one Lightspeed connection.

use schakel_core::event::Trust;
use schakel_core::privacy::Secret;
use schakel_core::time::Zone;
use serde::Deserialize;

/// Which of the platform's two clusters holds the shop (lightspeed-ecom.md §1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cluster {
    /// European shops; old guides call it `live`.
    #[default]
    #[serde(alias = "live")]
    Eu1,
    /// North American shops.
    Us1,
}

impl Cluster {
    /// The API's address.
    #[must_use]
    pub const fn base_url(self) -> &'static str {
        match self {
            Self::Eu1 => "https://api.webshopapp.com/",
            Self::Us1 => "https://api.shoplightspeed.com/",
        }
    }

    /// Reads the cluster's name; `None` when there is no such cluster.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "eu1" | "live" => Some(Self::Eu1),
            "us1" => Some(Self::Us1),
            _ => None,
        }
    }

    /// The cluster's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eu1 => "eu1",
            Self::Us1 => "us1",
        }
    }
}

/// The settings of one shop.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// Address of the API, or a cluster's name. Empty: that of `cluster`. A simulator has its own.
    #[serde(default)]
    pub base_url: String,
    /// The API key: user name of every call.
    pub api_key: Secret,
    /// The API secret: password of every call, and the secret under the webhooks' signatures.
    pub api_secret: Secret,
    /// Further secrets that a signature may be made with, while a secret is being replaced (or an app's secret).
    #[serde(default)]
    pub extra_secrets: Vec<Secret>,
    /// The number by which the shop knows itself; webhooks of other shops are refused.
    pub shop_id: i64,
    /// The cluster that holds the shop.
    #[serde(default)]
    pub cluster: Cluster,
    /// Two-letter code of a language that is active in the shop; decides the language of all titles.
    #[serde(default = "default_language")]
    pub language: String,
    /// How much of a signed payload is believed (reliability.md §11.1).
    #[serde(default = "default_trust")]
    pub webhook_trust: Trust,
    /// Whether a webhook without a signature is taken in, as a hint. A wrong signature is always refused.
    #[serde(default)]
    pub accept_unsigned: bool,
    /// Addresses of the shop itself, which join nobody (mission, Identity); `check` names the one that the shop says.
    #[serde(default)]
    pub own_addresses: Vec<String>,
    /// Zone of times that come without an offset.
    #[serde(default = "default_zone")]
    pub zone: String,
}

fn default_language() -> String {
    "nl".to_owned()
}

const fn default_trust() -> Trust {
    Trust::Payload
}

fn default_zone() -> String {
    "Europe/Amsterdam".to_owned()
}

impl Settings {
    /// Gives the settings of a European shop with everything else by default.
    #[must_use]
    pub fn new(shop_id: i64, api_key: Secret, api_secret: Secret) -> Self {
        Self {
            base_url: String::new(),
            api_key,
            api_secret,
            extra_secrets: Vec::new(),
            shop_id,
            cluster: Cluster::default(),
            language: default_language(),
            webhook_trust: default_trust(),
            accept_unsigned: false,
            own_addresses: Vec::new(),
            zone: default_zone(),
        }
    }

    /// Gives the API's address, with a slash at its end.
    #[must_use]
    pub fn base(&self) -> String {
        let given = self.base_url.trim();
        if given.is_empty() {
            return self.cluster.base_url().to_owned();
        }
        match Cluster::parse(given) {
            Some(cluster) => cluster.base_url().to_owned(),
            None => format!("{}/", given.trim_end_matches('/')),
        }
    }

    /// Gives the language as it stands in paths.
    #[must_use]
    pub fn path_language(&self) -> String {
        self.language.trim().to_ascii_lowercase()
    }

    /// Gives the zone of times without an offset; Amsterdam when the name is unknown, which the binary reports.
    #[must_use]
    pub fn fallback_zone(&self) -> Zone {
        Zone::named(&self.zone).unwrap_or_else(Zone::amsterdam)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_follows_the_cluster_unless_one_is_given() {
        let mut settings = Settings::new(1, Secret::new("k"), Secret::new("s"));
        assert_eq!(settings.base(), "https://api.webshopapp.com/");
        settings.cluster = Cluster::Us1;
        assert_eq!(settings.base(), "https://api.shoplightspeed.com/");
        settings.base_url = "live".to_owned();
        assert_eq!(settings.base(), "https://api.webshopapp.com/");
        settings.base_url = "http://127.0.0.1:8000".to_owned();
        assert_eq!(settings.base(), "http://127.0.0.1:8000/");
    }

    #[test]
    fn few_settings_are_enough_and_secrets_do_not_print() {
        let settings: Settings = serde_json::from_str(
            r#"{"api_key":"key0123","api_secret":"secret0123","shop_id":297541,"cluster":"live"}"#,
        )
        .unwrap();
        assert_eq!(settings.cluster, Cluster::Eu1);
        assert_eq!(settings.webhook_trust, Trust::Payload);
        let printed = format!("{settings:?}");
        assert!(!printed.contains("key0123") && !printed.contains("secret0123"));
    }
}
