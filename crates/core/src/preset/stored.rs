//! What Copernica gives back for what we send, and whether two values mean the same.
//!
//! Source: copernica.md §10 (coercion), as far as values of this hub go. Anything else counts as what the
//! API makes of nonsense: nothing.

use super::{Field, FieldType};
use crate::delivery::Value;

const ZERO_DATE: &str = "0000-00-00";
const ZERO_DATETIME: &str = "0000-00-00 00:00:00";

/// Gives the text that Copernica holds after `value` was sent for `field`.
///
/// Writing that text again changes nothing: `stored(f, stored(f, x)) == stored(f, x)`.
#[must_use]
pub fn stored(field: &Field, value: &Value) -> String {
    let text = match value {
        Value::Int(number) => &number.to_string(),
        Value::Text(text) => text,
    };
    match field.field_type {
        FieldType::Integer => whole_number(text).to_string(),
        FieldType::Select => chosen(field, text),
        FieldType::EmptyDate => date(text).unwrap_or_default(),
        FieldType::Datetime => datetime(text).unwrap_or_else(|| ZERO_DATETIME.to_owned()),
        FieldType::EmptyDatetime => datetime(text).unwrap_or_default(),
        FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::PhoneGsm => match field.length {
            Some(length) => text.chars().take(length).collect(),
            None => text.clone(),
        },
    }
}

/// Tells whether `held`, as read from Copernica, is what `wanted` becomes there; the empty dates of all types
/// count as one.
#[must_use]
pub fn agrees(field: &Field, wanted: &Value, held: &str) -> bool {
    let wanted = stored(field, wanted);
    wanted == held || (is_none(field, &wanted) && is_none(field, held))
}

fn is_none(field: &Field, text: &str) -> bool {
    match field.field_type {
        FieldType::EmptyDate | FieldType::Datetime | FieldType::EmptyDatetime => {
            text.is_empty() || text.starts_with(ZERO_DATE)
        }
        _ => text.is_empty(),
    }
}

/// Casts like the API: a prefix of digits with a sign, else 0; what does not fit in 64 bits saturates.
fn whole_number(text: &str) -> i64 {
    let text = text.trim_start();
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    let number = &text[..sign + digits];
    match number.parse() {
        Ok(number) => number,
        Err(_) if digits == 0 => 0,
        Err(_) if number.starts_with('-') => i64::MIN,
        Err(_) => i64::MAX,
    }
}

fn chosen(field: &Field, text: &str) -> String {
    let is_option = field.options.iter().any(|option| option == text);
    if is_option { text.to_owned() } else { String::new() }
}

fn date(text: &str) -> Option<String> {
    let day = text.trim().get(..10)?;
    crate::time::is_date(day).then(|| day.to_owned())
}

fn datetime(text: &str) -> Option<String> {
    let text = text.trim();
    let day = date(text)?;
    let clock = match &text[10..] {
        "" => "00:00:00",
        rest => rest.strip_prefix(' ')?,
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let is_part = |part: &str, most: u32| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u32>().is_ok_and(|number| number < most)
    };
    let is_clock =
        parts.len() == 3 && is_part(parts[0], 24) && is_part(parts[1], 60) && is_part(parts[2], 60);
    is_clock.then(|| format!("{day} {clock}"))
}
