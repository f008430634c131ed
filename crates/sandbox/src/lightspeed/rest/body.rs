//! Bodies of writes: JSON, or a form with bracket names (lightspeed-ecom.md §3.1).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::query::pairs;
use super::{Call, Refusal};
use crate::form::{Nested, nest};
use crate::lightspeed::json::push_amount;
use crate::lightspeed::state::Shop;
use crate::lightspeed::written::{self, Form};

/// The members inside the envelope of a write.
pub(super) struct Fields(Map<String, Value>);

impl From<Map<String, Value>> for Fields {
    fn from(members: Map<String, Value>) -> Self {
        Self(members)
    }
}

impl Fields {
    /// Reads the body of a call, whose envelope must be `singular`.
    ///
    /// # Errors
    /// When it is neither JSON nor a form, or the envelope is missing.
    pub(super) fn of(call: &Call<'_>, singular: &str) -> Result<Self, Refusal> {
        let is_form = call.content_type.starts_with("application/x-www-form-urlencoded");
        let mut whole = if is_form {
            form(&call.body)
        } else {
            json(&call.body)?
        };
        match whole.remove(singular) {
            Some(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(Refusal::INVALID),
        }
    }

    /// Returns what was sent inside the envelope.
    pub(super) fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Says whether nothing was sent inside the envelope.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a text; `false` and `null` are the empty text, absence is `None`.
    ///
    /// # Errors
    /// When the value is an object or a list.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Refusal> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(false) | Value::Null) => Ok(Some(String::new())),
            Some(_) => Err(Refusal::INVALID),
        }
    }

    /// Returns a flag; forms write it as `true` or `1`.
    ///
    /// # Errors
    /// When the value is no flag.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Refusal> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::Number(number)) => Ok(Some(number.as_i64() != Some(0))),
            Some(Value::String(text)) => match text.as_str() {
                "true" | "1" => Ok(Some(true)),
                "false" | "0" | "" => Ok(Some(false)),
                _ => Err(Refusal::INVALID),
            },
            Some(_) => Err(Refusal::INVALID),
        }
    }

    /// Returns a whole number, given as such or as text.
    ///
    /// # Errors
    /// When the value is no whole number.
    pub(super) fn int(&self, key: &str) -> Result<Option<i64>, Refusal> {
        match self.0.get(key) {
            None | Some(Value::Null | Value::Bool(false)) => Ok(None),
            Some(Value::Number(number)) => number.as_i64().map(Some).ok_or(Refusal::INVALID),
            Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| Refusal::INVALID),
            Some(_) => Err(Refusal::INVALID),
        }
    }

    /// Returns an amount in ten-thousandths.
    ///
    /// # Errors
    /// When the value is no amount.
    pub(super) fn amount_e4(&self, key: &str) -> Result<Option<u32>, Refusal> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let digits: String = decimals.chars().chain("0000".chars()).take(4).collect();
        let e4 = format!("{whole}{digits}").parse().map_err(|_| Refusal::INVALID)?;
        Ok(Some(e4))
    }
}

/// Keeps the members that come back as they were sent (see [`crate::lightspeed::written`]).
///
/// # Errors
/// When one is not of its kind; then none is kept.
pub(super) fn keep(shop: &mut Shop, (resource, id): (&str, u64), fields: &Fields) -> Result<(), Refusal> {
    let mut changes = BTreeMap::new();
    for (key, form) in written::members(resource) {
        let json = match form {
            Form::Flag => fields.flag(key)?.map(|flag| flag.to_string()),
            Form::Whole => fields.int(key)?.map(|whole| whole.to_string()),
            Form::Amount => fields.amount_e4(key)?.map(|e4| {
                let mut json = Vec::new();
                push_amount(&mut json, i64::from(e4));
                String::from_utf8_lossy(&json).into_owned()
            }),
            Form::TextOrFalse if fields.text(key)?.is_some_and(|text| text.is_empty()) => {
                Some("false".to_owned())
            }
            Form::Text | Form::TextOrFalse => fields.text(key)?.map(|text| Value::from(text).to_string()),
        };
        changes.extend(json.map(|json| ((*key).to_owned(), json)));
    }
    shop.written.keep((resource, id), changes);
    Ok(())
}

/// Reads a body that has no envelope, as those of checkouts.
///
/// # Errors
/// When it is no JSON object.
pub(super) fn bare(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    json(&call.body)
}

/// Reads a number that may be given as text.
pub(super) fn id_of(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Returns an amount of a body without envelope, in ten-thousandths.
///
/// # Errors
/// When it is no amount.
pub(super) fn amount_e4(members: &Map<String, Value>, key: &str) -> Result<Option<u32>, Refusal> {
    Fields(members.clone()).amount_e4(key)
}

fn json(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Refusal::INVALID),
    }
}

/// Reads a form; an array whose keys are numbers is a list.
fn form(body: &[u8]) -> Map<String, Value> {
    object(nest(pairs(&String::from_utf8_lossy(body))))
}

fn object(members: Vec<(String, Nested)>) -> Map<String, Value> {
    members
        .into_iter()
        .map(|(name, value)| (name, tree(value)))
        .collect()
}

fn tree(value: Nested) -> Value {
    match value {
        Nested::Text(text) => Value::String(text),
        Nested::Members(members) if members.iter().all(|(name, _)| name.parse::<u32>().is_ok()) => {
            Value::Array(members.into_iter().map(|(_, value)| tree(value)).collect())
        }
        Nested::Members(members) => Value::Object(object(members)),
    }
}
