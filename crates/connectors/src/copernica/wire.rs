//! The JSON that the API gives, as far as it is used. Source: copernica.md §2.1, §3, §4.1, §5.1, §6.1.
//!
//! Ids and numbers arrive as strings in most places and as numbers in some; both are read everywhere.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::Value as Json;

/// A list with its wrapper.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(crate) data: Vec<T>,
    /// How many there are in all; absent when it was not asked for.
    #[serde(default)]
    pub(crate) total: Option<i64>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            data: Vec::new(),
            total: None,
        }
    }
}

impl<T> List<T> {
    /// Tells whether the list was cut: embedded lists hold 1000 or 100 items at most.
    pub(crate) fn is_cut(&self) -> bool {
        self.total
            .is_some_and(|total| usize::try_from(total).is_ok_and(|total| total > self.data.len()))
    }
}

/// Who the token belongs to.
#[derive(Debug, Deserialize)]
pub(crate) struct Identity {
    #[serde(alias = "ID", deserialize_with = "number")]
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) name: String,
}

/// A database.
#[derive(Debug, Deserialize)]
pub(crate) struct Database {
    #[serde(rename = "ID", alias = "id", deserialize_with = "number")]
    pub(crate) id: i64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) fields: List<Definition>,
    #[serde(default)]
    pub(crate) collections: List<Collection>,
}

/// A collection of a database.
#[derive(Debug, Deserialize)]
pub(crate) struct Collection {
    #[serde(rename = "ID", alias = "id", deserialize_with = "number")]
    pub(crate) id: i64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) fields: List<Definition>,
}

/// The definition of a field.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Definition {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) value: Json,
    /// Longest text; 0 when the type has none.
    #[serde(default, deserialize_with = "number")]
    pub(crate) length: i64,
    #[serde(default)]
    pub(crate) index: Option<bool>,
    #[serde(default)]
    pub(crate) lock: Option<bool>,
}

/// A profile or subprofile.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "ID", alias = "id", deserialize_with = "number")]
    pub(crate) id: i64,
    #[serde(default)]
    fields: Json,
    /// The profile of a subprofile; 0 for a profile.
    #[serde(default, deserialize_with = "number")]
    pub(crate) profile: i64,
    #[serde(default)]
    removed: Json,
}

impl Row {
    /// Tells whether the row is removed: `false` while it lives, the moment of its removal afterwards.
    pub(crate) fn is_removed(&self) -> bool {
        matches!(&self.removed, Json::String(at) if !at.is_empty()) || self.removed == Json::Bool(true)
    }

    /// Gives the fields with their values as texts.
    pub(crate) fn fields(&self) -> BTreeMap<&str, String> {
        // An empty object may arrive as an empty array.
        let fields = self.fields.as_object().into_iter().flatten();
        fields.map(|(name, value)| (name.as_str(), text(value))).collect()
    }

    /// Gives the whole number in the field `name`, which may be written in any case.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        let mut fields = self.fields.as_object().into_iter().flatten();
        let (_, value) = fields.find(|(held, _)| held.eq_ignore_ascii_case(name))?;
        text(value).trim().parse().ok()
    }
}

/// Gives a value as text, as it would stand in `fields`.
pub(crate) fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

/// Reads a whole number that may be written as a string; empty is 0.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    struct Number;

    impl Visitor<'_> for Number {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number, also as a string")
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
            Ok(number)
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
            i64::try_from(number).map_err(E::custom)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
            match text.trim() {
                "" => Ok(0),
                digits => digits.parse().map_err(E::custom),
            }
        }

        fn visit_unit<E: de::Error>(self) -> Result<i64, E> {
            Ok(0)
        }
    }

    from.deserialize_any(Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_spellings() {
        let read = |text: &str| serde_json::from_str::<Row>(text).unwrap();
        let row = read(r#"{"ID":"7","fields":{"Points":"-1","Odd":3},"profile":5,"removed":false}"#);
        assert_eq!((row.id, row.profile, row.is_removed()), (7, 5, false));
        assert_eq!(
            row.fields().into_iter().collect::<Vec<_>>(),
            [("Odd", "3".to_owned()), ("Points", "-1".to_owned())]
        );
        let gone = read(r#"{"ID":8,"fields":[],"removed":"2024-05-01 10:00:00"}"#);
        assert!(gone.is_removed() && gone.fields().is_empty());
    }

    #[test]
    fn a_list_tells_that_it_was_cut() {
        let read = |text: &str| serde_json::from_str::<List<Json>>(text).unwrap().is_cut();
        assert!(read(r#"{"start":0,"limit":1,"count":1,"data":[{}],"total":2}"#));
        assert!(!read(r#"{"start":0,"limit":2,"count":1,"data":[{}],"total":1}"#));
        assert!(!read(r#"{"data":[{}]}"#));
    }
}
