//! The data of an import: rows of one set of columns, from JSON or from delimited text (copernica.md §5.7).

use std::borrow::Cow;

use super::wire::{Json, read_body};

/// One row: its columns and values, in the order in which they stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) columns: Vec<String>,
    pub(crate) values: Vec<Json<'static>>,
}

/// Reads the rows of an import body.
///
/// # Errors
/// With what the account shows as the last error; its true words are not known.
pub(crate) fn lines_of(body: &Json<'_>) -> Result<Vec<Line>, &'static str> {
    match body.member("source") {
        Some(Json::Text(text)) => {
            let format = body.member("format").and_then(Json::text).unwrap_or_default();
            if format == "csv" {
                let delimiter = body.member("delimiter").and_then(Json::text).unwrap_or_default();
                return delimited(text, &delimiter);
            }
            match read_body(text.as_bytes(), false) {
                Some(rows) => objects(&rows),
                None => Err("The source is not valid"),
            }
        }
        Some(rows) => objects(rows),
        None if body.member("location").is_some() => Err("The location could not be read"),
        None => Err("No source supplied"),
    }
}

fn objects(rows: &Json<'_>) -> Result<Vec<Line>, &'static str> {
    let rows: Vec<&Json<'_>> = match rows {
        Json::List(rows) => rows.iter().collect(),
        // A form sends a list as numbered members.
        Json::Object(rows) => rows.iter().map(|(_, row)| row).collect(),
        _ => return Err("The source is not valid"),
    };
    let line = |row: &&Json<'_>| Line {
        columns: row.members().iter().map(|(name, _)| name.to_string()).collect(),
        values: row.members().iter().map(|(_, value)| owned(value)).collect(),
    };
    Ok(rows.iter().map(line).collect())
}

/// Copies a value of a row; what is no scalar reads as nothing.
fn owned(value: &Json<'_>) -> Json<'static> {
    match value {
        Json::Bool(truth) => Json::Bool(*truth),
        Json::Int(number) => Json::Int(*number),
        Json::Float(number) => Json::Float(*number),
        Json::Text(text) => Json::Text(Cow::Owned(text.clone().into_owned())),
        Json::Null | Json::List(_) | Json::Object(_) => Json::Null,
    }
}

fn delimited(text: &str, delimiter: &str) -> Result<Vec<Line>, &'static str> {
    let delimiter = match delimiter {
        "\t" | "\\t" => '\t',
        "," => ',',
        ";" => ';',
        _ => return Err("The delimiter is not valid"),
    };
    let mut records = split(text, delimiter).into_iter();
    let columns = records.next().ok_or("The source is not valid")?;
    let line = |mut record: Vec<String>| {
        record.resize(columns.len(), String::new());
        Line {
            columns: columns.clone(),
            values: record
                .into_iter()
                .map(|value| Json::Text(Cow::Owned(value)))
                .collect(),
        }
    };
    Ok(records.map(line).collect())
}

/// Splits delimited text into records; a value may be quoted with either quote, a backslash escapes.
fn split(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let (mut records, mut record, mut value) = (Vec::new(), Vec::new(), String::new());
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (_, '\\') => value.extend(chars.next()),
            (Some(mark), char) if char == mark => {
                // A doubled quote stands for itself.
                if chars.next_if_eq(&mark).is_some() {
                    value.push(mark);
                } else {
                    quote = None;
                }
            }
            (Some(_), char) => value.push(char),
            (None, '"' | '\'') if value.is_empty() => quote = Some(char),
            (None, '\n') => {
                record.push(std::mem::take(&mut value));
                records.push(std::mem::take(&mut record));
            }
            (None, '\r') => {}
            (None, char) if char == delimiter => record.push(std::mem::take(&mut value)),
            (None, char) => value.push(char),
        }
    }
    if !value.is_empty() || !record.is_empty() {
        record.push(value);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_quoted_values() {
        let text = "a;b\n\"x;\ny\";'it\\'s'\n\"q\"\"q\";\r\n";
        let records = split(text, ';');
        assert_eq!(
            records,
            [["a", "b"], ["x;\ny", "it's"], ["q\"q", ""]].map(|record| record.map(str::to_owned).to_vec())
        );
    }
}
