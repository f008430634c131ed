//! Bodies and query strings as the server reads them.
//!
//! Order and repetition of names matter (the last spelling of a field name wins, copernica.md §5.2), so an
//! object is a list of pairs and never a map.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::form::{Nested, nest};
pub(crate) use crate::form::{pairs, unescape};

/// One value of a request body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object, in the order of the text.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Gives the last member with exactly this name, when this is an object.
    pub(crate) fn member(&self, name: &str) -> Option<&Json<'a>> {
        match self {
            Self::Object(members) => members
                .iter()
                .rev()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Gives the members of an object; nothing for any other value.
    pub(crate) fn members(&self) -> &[(Cow<'a, str>, Json<'a>)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// Gives the value as PHP would make it a string; `None` for arrays and objects.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null | Self::Bool(false) => Cow::Borrowed(""),
            Self::Bool(true) => Cow::Borrowed("1"),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Float(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
            Self::List(_) | Self::Object(_) => return None,
        })
    }

    /// Gives the value as PHP would make it a truth value.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !matches!(text.as_ref(), "" | "0" | "false" | "no"),
            Self::List(items) => !items.is_empty(),
            Self::Object(members) => !members.is_empty(),
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

/// Borrows a text from the body where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(JsonVisitor)? {
            Json::Text(text) => Ok(Self(text)),
            _ => Ok(Self(Cow::Borrowed(""))),
        }
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        into.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(value).map_or(Json::Float(value as f64), Json::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let mut object = Vec::with_capacity(members.size_hint().unwrap_or(8));
        while let Some((Key(key), value)) = members.next_entry()? {
            object.push((key, value));
        }
        Ok(Json::Object(object))
    }
}

/// Reads a body; `None` when it is neither empty nor readable.
pub(crate) fn read_body(body: &[u8], is_form: bool) -> Option<Json<'_>> {
    if is_form {
        let members = nest(pairs(&String::from_utf8_lossy(body)));
        return Some(Nested::Members(members).into());
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Some(Json::Object(Vec::new()));
    }
    serde_json::from_slice(body).ok()
}

/// Gives the first value of `name` among decoded pairs; empty when it is not there.
pub(crate) fn first_of<'p>(pairs: &'p [(String, String)], name: &str) -> &'p str {
    let found = pairs.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value.as_str())
}

impl From<Nested> for Json<'static> {
    fn from(value: Nested) -> Self {
        match value {
            Nested::Text(text) => Self::Text(Cow::Owned(text)),
            Nested::Members(members) => Self::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (Cow::Owned(name), value.into()))
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_forms_as_trees() {
        let body = read_body(
            b"fields%5BEmail%5D=a%40example.org&fields[Name]=A+B&profiles[]=1&profiles[]=2",
            true,
        );
        let body = body.expect("a form is always readable");
        let fields = body.member("fields").expect("there are fields");
        assert_eq!(
            fields.member("Email").and_then(Json::text).as_deref(),
            Some("a@example.org")
        );
        assert_eq!(fields.member("Name").and_then(Json::text).as_deref(), Some("A B"));
        assert_eq!(body.member("profiles").map(|list| list.members().len()), Some(2));
    }

    #[test]
    fn keeps_order_and_repetition() {
        let body = read_body(br#"{"a":1,"b":"\u00fc","a":2}"#, false).expect("this is JSON");
        assert_eq!(body.members().len(), 3);
        assert_eq!(body.member("a"), Some(&Json::Int(2)));
        assert_eq!(read_body(b"{", false), None);
    }
}
