//! The configuration as it counts, with origins and without secrets.

use serde::Serialize;

use super::Config;
use super::source::Section;

/// One key as it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// Section and key, such as `connection.shop.language`.
    pub key: String,
    /// The value as TOML; secrets are `(hidden)`, or empty when there is none.
    pub value: String,
    /// Where it was written.
    pub origin: String,
}

impl Config {
    /// Gives every key with its value and origin.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = of_section("hub", &self.sections.hub);
        for section in &self.sections.connections {
            lines.extend(of_section(
                &format!("connection.{}", section.text("name")),
                section,
            ));
        }
        for (index, section) in self.sections.routes.iter().enumerate() {
            lines.extend(of_section(&format!("route.{}", index + 1), section));
        }
        lines
    }
}

fn of_section(path: &str, section: &Section) -> Vec<Line> {
    let keys = section
        .keys
        .iter()
        .filter_map(|key| Some((key, section.values.get(key.name)?)));
    keys.map(|(key, told)| {
        let is_empty = told.value.as_str().is_some_and(str::is_empty)
            || told.value.as_array().is_some_and(Vec::is_empty);
        let value = if key.is_secret && !is_empty {
            "(hidden)".to_owned()
        } else {
            told.value.to_string()
        };
        Line {
            key: format!("{path}.{}", key.name),
            value,
            origin: told.origin.to_string(),
        }
    })
    .collect()
}
