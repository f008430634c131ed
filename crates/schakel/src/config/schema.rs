//! Every key of the configuration, its kind and its default: what may be written, and what holds when nothing is.

use toml::Value;

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text.
    Text,
    /// A whole number between these two, both allowed.
    Number(i64, i64),
    /// `true` or `false`.
    Switch,
    /// A list of texts.
    Texts,
    /// A length of time: a whole number with `s`, `m`, `h` or `d`, or `0`.
    Span,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// One key of a section.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds when nobody says otherwise, as TOML; `None` for keys that must be written.
    pub default: Option<&'static str>,
    /// Whether its value is never shown.
    pub is_secret: bool,
}

const fn key(name: &'static str, kind: Kind, default: &'static str) -> Key {
    Key {
        name,
        kind,
        default: Some(default),
        is_secret: false,
    }
}

const fn required(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        default: None,
        is_secret: false,
    }
}

const fn required_secret(name: &'static str, kind: Kind) -> Key {
    Key {
        is_secret: true,
        ..required(name, kind)
    }
}

const fn secret(name: &'static str, kind: Kind, default: &'static str) -> Key {
    Key {
        name,
        kind,
        default: Some(default),
        is_secret: true,
    }
}

use Kind::{Number, Span, Switch, Text, Texts, Word};

/// Connectors, in the words of `connector = …`.
pub(super) const CONNECTORS: &[&str] = &["lightspeed", "copernica"];

/// Keys of `[hub]`.
pub(super) const HUB: &[Key] = &[
    key("data", Text, "'schakel-data'"),
    secret("database", Text, "''"),
    key("database_file", Text, "''"),
    secret("key", Text, "''"),
    key("key_file", Text, "''"),
    key("hooks_listen", Text, "'127.0.0.1:8480'"),
    key("hooks_address", Text, "''"),
    key("pages_listen", Text, "'127.0.0.1:8481'"),
    key("pages_hosts", Texts, "[]"),
    key(
        "log",
        Word(&["error", "warn", "info", "debug", "trace"]),
        "'info'",
    ),
    key("log_format", Word(&["text", "json"]), "'text'"),
];

/// Keys of a `[[connection]]` with `connector = "lightspeed"`.
pub(super) const LIGHTSPEED: &[Key] = &[
    required("name", Text),
    required("connector", Word(CONNECTORS)),
    key("cluster", Word(&["eu1", "us1"]), "'eu1'"),
    key("base_url", Text, "''"),
    required("shop_id", Number(1, i64::MAX)),
    required_secret("api_key", Text),
    secret("api_secret", Text, "''"),
    key("api_secret_file", Text, "''"),
    secret("extra_secrets", Texts, "[]"),
    key("language", Text, "'nl'"),
    key("webhook_trust", Word(&["payload", "hint"]), "'payload'"),
    key("accept_unsigned", Switch, "false"),
    key("own_addresses", Texts, "[]"),
    key("scope", Word(&["shop", "account"]), "'shop'"),
    key("fetches", Number(1, 50), "8"),
    key("history", Word(&["auto", "manual"]), "'auto'"),
    key("webhooks", Switch, "true"),
    key("sweep_interval", Text, "'auto'"),
    key("reconcile_interval", Span, "'7d'"),
    key("checkout_interval", Span, "'15m'"),
    key("limits", Text, "'300/3000/12000'"),
    key("calls_per_second", Number(2, 10_000), "20"),
    key("reserve_live", Number(0, 80), "20"),
    key("reserve_others", Number(0, 80), "10"),
];

/// Keys of a `[[connection]]` with `connector = "copernica"`.
pub(super) const COPERNICA: &[Key] = &[
    required("name", Text),
    required("connector", Word(CONNECTORS)),
    key("base_url", Text, "'https://api.copernica.com'"),
    key("auth_url", Text, "'https://authenticate.copernica.com'"),
    key("api_version", Word(&["v4", "v3", "v2"]), "'v4'"),
    secret("access_token", Text, "''"),
    key("access_token_file", Text, "''"),
    required("database", Text),
    key("timeout_ms", Number(1_000, 600_000), "60000"),
    key("attempt_ms", Number(1_000, 3_600_000), "180000"),
    key("settle_ms", Number(1_000, 3_600_000), "120000"),
    key("concurrency", Number(1, 200), "50"),
];

/// Keys of a `[[route]]`.
pub(super) const ROUTE: &[Key] = &[
    required("from", Text),
    required("to", Text),
    key("preset", Word(&["bookerz"]), "'bookerz'"),
    key("newsletter", Word(&["confirmed", "subscribed"]), "'confirmed'"),
    key("extras", Texts, "[]"),
    key("pictures", Switch, "true"),
    key("quotes", Switch, "true"),
    key("quote_rows", Switch, "false"),
    key("recovery_url", Text, "''"),
    key("cart_hold_off", Span, "'0'"),
    key("cart_expires", Span, "'0'"),
    key("customer_groups", Switch, "false"),
    key("order_id", Word(&["shop", "hub"]), "'shop'"),
    key("zone", Text, "'Europe/Amsterdam'"),
    key("picture_wait_ms", Number(0, 86_400_000), "60000"),
];

/// The sections, for suggestions: `hub` is one table, the others are lists of tables.
pub(super) const SECTIONS: &[&str] = &["hub", "connection", "route"];

/// Gives the keys of a connection that uses `connector`; `None` for a connector that does not exist.
pub(super) fn connection_keys(connector: &str) -> Option<&'static [Key]> {
    match connector {
        "lightspeed" => Some(LIGHTSPEED),
        "copernica" => Some(COPERNICA),
        _ => None,
    }
}

impl Key {
    /// Gives the default as a value.
    ///
    /// # Panics
    /// Never: a test reads every default.
    pub(super) fn default_value(&self) -> Option<Value> {
        let text = self.default?;
        Some(
            text.parse()
                .expect("every default in the list is TOML, which a test checks"),
        )
    }

    /// Tells what is wrong with `value`, or nothing.
    pub(super) fn fault(&self, value: &Value) -> Option<String> {
        match (self.kind, value) {
            (Text, Value::String(_)) | (Switch, Value::Boolean(_)) => None,
            (Number(least, most), Value::Integer(number)) => {
                let is_inside = (least..=most).contains(number);
                (!is_inside).then(|| format!("must lie between {least} and {most}, and is {number}"))
            }
            (Texts, Value::Array(list)) if list.iter().all(Value::is_str) => None,
            (Span, Value::String(text)) => span_ms(text)
                .is_none()
                .then(|| format!("must be {}, and is `{text}`", self.kind.in_words())),
            (Word(words), Value::String(word)) => {
                let is_known = words.contains(&word.as_str());
                // All of them stand there, so no guess is needed.
                (!is_known).then(|| format!("must be {}, and is `{word}`", any_of(words)))
            }
            (kind, value) => Some(format!(
                "must be {}, and is {}",
                kind.in_words(),
                type_in_words(value)
            )),
        }
    }

    /// Reads a text that came without a type (environment, command line), in the way this key needs it.
    pub(super) fn read(&self, text: &str) -> Value {
        let as_text = || Value::String(text.to_owned());
        match self.kind {
            Text | Span | Word(_) => as_text(),
            Number(..) | Switch => text.trim().parse().unwrap_or_else(|_| as_text()),
            Texts => match text.trim().parse() {
                Ok(Value::Array(list)) => Value::Array(list),
                _ => Value::Array(vec![as_text()]),
            },
        }
    }
}

impl Kind {
    fn in_words(self) -> String {
        match self {
            Text => "a text in quotes".to_owned(),
            Number(least, most) => format!("a whole number between {least} and {most}"),
            Switch => "true or false".to_owned(),
            Texts => "a list of texts".to_owned(),
            Span => "a length of time in quotes, such as 30m, 6h or 90d, or 0 for none".to_owned(),
            Word(words) => any_of(words),
        }
    }
}

fn type_in_words(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a number with decimals",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// Reads a length of time, in milliseconds; `None` when it is none, or longer than a hundred years.
pub(crate) fn span_ms(text: &str) -> Option<i64> {
    const LONGEST_MS: i64 = 36_525 * 86_400_000;
    if text == "0" {
        return Some(0);
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let span = number.parse::<i64>().ok().filter(|_| is_number)?;
    span.checked_mul(unit_ms).filter(|span| *span <= LONGEST_MS)
}

/// Writes `a`, `b` or `c`.
pub(super) fn any_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// Gives `, did you mean …?` when one of `words` is near to `word`; else nothing.
pub(crate) fn guess(word: &str, words: &[&str]) -> String {
    let near = words
        .iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .min();
    match near {
        Some((distance, known)) if distance <= 1 + word.chars().count() / 4 => {
            format!(", did you mean `{known}`?")
        }
        _ => String::new(),
    }
}
