//! Our words in Copernica's: bodies, filters and the definitions of fields.

use std::sync::Arc;

use schakel_core::delivery::Value;
use schakel_core::preset::{Field, FieldType};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Length of the text that takes the place of a phone field (copernica.md §4.2).
pub(crate) const PHONE_TEXT: usize = 50;

/// Field values as one JSON object, in the preset's order: whole numbers as numbers, the rest as strings,
/// never null (copernica.md §10).
pub(crate) struct Fields<'a>(pub(crate) &'a [(Arc<str>, Value)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(&**name, value)?;
        }
        map.end()
    }
}

/// The body of a profile: its fields wrapped, where that of a subprofile is flat (copernica.md §6.4).
#[derive(serde::Serialize)]
pub(crate) struct Wrapped<'a> {
    pub(crate) fields: Fields<'a>,
}

/// Writes one condition of a filter. Keys are whole numbers, so no value can look like an operator.
pub(crate) fn condition(name: &str, number: i64) -> String {
    format!("{name}=={number}")
}

/// The body that creates a field.
#[derive(Debug, serde::Serialize)]
pub(crate) struct NewField<'a> {
    name: &'a str,
    r#type: &'static str,
    value: String,
    displayed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
    index: bool,
    /// Only the API may change the definition (mission A11).
    lock: bool,
}

impl<'a> NewField<'a> {
    /// Describes `field` as the preset wants it.
    pub(crate) fn of(field: &'a Field) -> Self {
        Self {
            name: &field.name,
            r#type: field.field_type.as_str(),
            value: definition_value(field),
            displayed: true,
            length: field.length,
            index: field.is_indexed,
            lock: true,
        }
    }

    /// Describes the text field that takes the place of a phone field.
    pub(crate) fn text_instead(field: &'a Field) -> Self {
        Self {
            r#type: FieldType::Text.as_str(),
            length: Some(PHONE_TEXT),
            ..Self::of(field)
        }
    }
}

/// Gives the `value` of a definition: the default, or for a select the options, one a line, with a star behind
/// the default (copernica.md §4.2).
fn definition_value(field: &Field) -> String {
    if field.field_type != FieldType::Select {
        return field.default.clone();
    }
    let line = |option: &String| {
        let star = if *option == field.default { "*" } else { "" };
        format!("{option}{star}")
    };
    field.options.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads the options of a definition as a set: without stars, order, line ends and blanks at the end.
pub(crate) fn options_of(value: &str) -> Vec<String> {
    let lines = value.split('\n').map(|line| line.trim_end());
    let mut options: Vec<String> = lines
        .map(|line| line.strip_suffix('*').unwrap_or(line).trim_end().to_owned())
        .filter(|option| !option.is_empty())
        .collect();
    options.sort_unstable();
    options.dedup();
    options
}

#[cfg(test)]
mod tests {
    use schakel_core::preset::Preset;

    use super::*;

    fn field(name: &str) -> Field {
        let preset = Preset::bookerz();
        let mut fields = preset.tables[0].fields.iter();
        fields.find(|field| &*field.name == name).unwrap().clone()
    }

    #[test]
    fn a_field_is_described_with_type_length_options_default_index_and_lock() {
        for (name, rest) in [
            (
                "RelationID",
                r#""type":"integer","value":"0","displayed":true,"index":true"#,
            ),
            (
                "Newsletter",
                r#""type":"select","value":"Yes\nNo*","displayed":true,"index":false"#,
            ),
            (
                "Email",
                r#""type":"email","value":"","displayed":true,"length":255,"index":true"#,
            ),
            (
                "BirthDate",
                r#""type":"empty_date","value":"","displayed":true,"index":false"#,
            ),
            (
                "Mobile",
                r#""type":"phone_gsm","value":"","displayed":true,"index":false"#,
            ),
        ] {
            let body = serde_json::to_string(&NewField::of(&field(name))).unwrap();
            assert_eq!(body, format!(r#"{{"name":"{name}",{rest},"lock":true}}"#));
        }
        let instead = serde_json::to_string(&NewField::text_instead(&field("Mobile"))).unwrap();
        let text = r#"{"name":"Mobile","type":"text","value":"","displayed":true,"length":50,"index":false,"lock":true}"#;
        assert_eq!(instead, text);
    }

    #[test]
    fn numbers_are_numbers_and_texts_are_texts() {
        let values = [
            (Arc::from("B"), Value::Int(-7)),
            (Arc::from("A"), Value::Text("7\"é".to_owned())),
            (Arc::from("C"), Value::Text(String::new())),
        ];
        let body = serde_json::to_string(&Wrapped {
            fields: Fields(&values),
        })
        .unwrap();
        assert_eq!(body, r#"{"fields":{"B":-7,"A":"7\"é","C":""}}"#);
    }

    #[test]
    fn options_are_a_set() {
        for value in ["Yes\nNo*", "No\r\nYes", "No *\r\nYes  \r\n", "Yes\nNo\nYes"] {
            assert_eq!(options_of(value), ["No", "Yes"], "{value}");
        }
    }
}
