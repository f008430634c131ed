//! The configuration as it counts, with origins and without secrets.

use serde::Serialize;

use super::Config;
use super::source::Section;

/// One key as it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// Section and key, such as `connection.shop.language`.
    pub key: String,
    /// The value as TOML; of secrets at most the last four characters, to tell two apart.
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
            hidden(key.name, told.value.as_str().unwrap_or_default())
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

/// Shortest secret of which the end is shown: the rest is still too much to guess.
const SHOWN_FROM_CHARS: usize = 16;
/// Characters that are shown.
const SHOWN_CHARS: usize = 4;

/// Says that there is a secret, and how a long one ends (reliability.md §11.5). The end of an address says nothing.
fn hidden(key: &str, secret: &str) -> String {
    let chars = secret.chars().count();
    if chars < SHOWN_FROM_CHARS || key == "database" {
        return "(hidden)".to_owned();
    }
    let end: String = secret.chars().skip(chars - SHOWN_CHARS).collect();
    format!("(hidden, ends in {end})")
}
