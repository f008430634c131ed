//! The value of one field in a sink, and how it is kept as JSON.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// The value of one field in a sink: ready to send, already cut and checked. As JSON a number or a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number (Copernica `integer`).
    Int(i64),
    /// Everything else, as text; empty for none.
    Text(String),
}

/// Written by hand: every delivery reads its 50 values back, and the derived reading of an untagged enum tries one kind
/// after the other, which for a text means an error that is composed and thrown away.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of 64 bits or a text")
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number)
            .map(Value::Int)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn a_value_comes_back_as_it_was_kept() {
        let values = vec![
            Value::Int(0),
            Value::Int(i64::MIN),
            Value::Int(i64::MAX),
            Value::Text(String::new()),
            Value::Text("12".to_owned()),
            Value::Text("Zo\u{eb} \"\n\u{1f600}".to_owned()),
        ];
        let kept = serde_json::to_string(&values).expect("values are JSON");
        assert_eq!(
            kept,
            "[0,-9223372036854775808,9223372036854775807,\"\",\"12\",\"Zo\u{eb} \\\"\\n\u{1f600}\"]"
        );
        assert_eq!(
            serde_json::from_str::<Vec<Value>>(&kept).expect("they are read"),
            values
        );
    }

    #[test]
    fn what_is_neither_a_whole_number_nor_a_text_is_refused_with_what_was_expected() {
        for wrong in ["1.5", "true", "null", "[1]", "{}", "9223372036854775808"] {
            let said = serde_json::from_str::<Value>(wrong)
                .expect_err("this is no value of a field")
                .to_string();
            assert!(
                said.contains("a whole number of 64 bits or a text"),
                "{wrong}: {said}"
            );
        }
    }
}
