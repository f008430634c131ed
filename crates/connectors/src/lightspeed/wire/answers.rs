//! Answers of the API that are no records: permissions, shop, languages, webhooks, errors.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads a text; whatever is none is empty.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

/// Reads a choice, also one that is written as a number or a text.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_i64() == Some(1),
        Value::String(text) => ["1", "true"].contains(&text.as_str()),
        _ => false,
    })
}

/// Reads an id, also one that is written as a text; 0 when it is none.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64().unwrap_or(0),
        Value::String(text) => text.trim().parse().unwrap_or(0),
        _ => 0,
    })
}

/// Reads a count, also one that is written as a text; anything else is an error, since 0 would be a word.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let text = value.as_str().and_then(|text| text.trim().parse().ok());
    value
        .as_u64()
        .or(text)
        .ok_or_else(|| serde::de::Error::custom("no count"))
}

/// Read and write of one section of the back office.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Grant {
    /// May read.
    #[serde(deserialize_with = "flag")]
    pub read: bool,
    /// May write.
    #[serde(deserialize_with = "flag")]
    pub write: bool,
}

/// The six sections (lightspeed-ecom.md §1.4).
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Permissions {
    pub content: Grant,
    pub products: Grant,
    pub customers: Grant,
    pub orders: Grant,
    pub settings: Grant,
    pub tracking: Grant,
}

/// `GET account/permissions`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionsAnswer {
    /// What the key may do.
    pub account_permissions: Permissions,
}

/// What is used of the shop.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Shop {
    /// The shop's number.
    #[serde(deserialize_with = "id")]
    pub id: i64,
    /// Host name that shoppers see.
    #[serde(deserialize_with = "text")]
    pub main_domain: String,
    /// Name below the platform's own domain.
    #[serde(deserialize_with = "text")]
    pub sub_domain: String,
    /// The shop's own address.
    #[serde(deserialize_with = "text")]
    pub email: String,
}

/// `GET shop`.
#[derive(Debug, Clone, Deserialize)]
pub struct ShopAnswer {
    /// The shop.
    pub shop: Shop,
}

/// One language of the shop.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Language {
    /// Two-letter code.
    #[serde(deserialize_with = "text")]
    pub code: String,
    /// Whether it may stand in paths.
    #[serde(deserialize_with = "flag")]
    pub is_active: bool,
}

/// `GET languages`.
#[derive(Debug, Clone, Deserialize)]
pub struct LanguagesAnswer {
    /// All languages of the shop.
    #[serde(default)]
    pub languages: Vec<Language>,
}

/// One registered webhook (§4.1).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Webhook {
    /// Its number.
    #[serde(deserialize_with = "id")]
    pub id: i64,
    /// Whether it is delivered.
    #[serde(deserialize_with = "flag")]
    pub is_active: bool,
    /// Which records.
    #[serde(deserialize_with = "text")]
    pub item_group: String,
    /// Which actions; `*` for all.
    #[serde(deserialize_with = "text")]
    pub item_action: String,
    /// Language of the payload, an object or `false`.
    pub language: Value,
    /// `json` or `xml`.
    #[serde(deserialize_with = "text")]
    pub format: String,
    /// Where it is delivered.
    #[serde(deserialize_with = "text")]
    pub address: String,
}

impl Webhook {
    /// The code of its language, empty when it has none.
    pub fn language_code(&self) -> &str {
        self.language["code"]
            .as_str()
            .or(self.language.as_str())
            .unwrap_or_default()
    }
}

/// `GET webhooks`; the list may be missing when it is empty.
#[derive(Debug, Clone, Deserialize)]
pub struct WebhooksAnswer {
    /// One page of registrations.
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
}

/// `GET {collection}/count` (§3.1).
#[derive(Debug, Deserialize)]
pub struct CountAnswer {
    /// How many there are.
    #[serde(deserialize_with = "count")]
    pub count: u64,
}

/// The body of an error (§2.2).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    message: Value,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ErrorAnswer {
    error: Option<ErrorBody>,
    message: Value,
}

/// Longest message of the platform that is passed on, in characters.
const MESSAGE_CHARS: usize = 200;

/// Gives the message of an error, empty when there is none; also of a 200 that is an error (§2.2).
pub fn error_message(body: &[u8]) -> String {
    let answer: ErrorAnswer = serde_json::from_slice(body).unwrap_or_default();
    let message = answer.error.map_or(answer.message, |error| error.message);
    let text = message.as_str().unwrap_or_default();
    text.chars()
        .filter(|character| !character.is_control())
        .take(MESSAGE_CHARS)
        .collect()
}
