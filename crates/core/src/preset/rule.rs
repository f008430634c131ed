//! How a value is written into a field: the rules of lightspeed-ecom.md §6.0.

use std::borrow::Cow;

use serde::Deserialize;

use super::paths::Raw;
use super::{Field, FieldType};
use crate::delivery::Value;
use crate::problem::Code;
use crate::time::{Timestamp, Zone};

/// Longest amount, in characters (lightspeed-ecom.md §6.0, NUM).
pub(crate) const AMOUNT_CHARS: usize = 20;

/// Longest telephone number, in characters; Copernica's phone types state no length, the text that replaces
/// them has 50 (copernica.md §4.2).
pub(crate) const PHONE_CHARS: usize = 50;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rule {
    /// Text that may be cut.
    Prose,
    /// Key, code, hash or URL: whole or not at all.
    Code,
    /// Country code in upper case.
    Country,
    /// Telephone number.
    Phone,
    /// E-mail address.
    Email,
    /// Whole number.
    Integer,
    /// `Yes` or `No`.
    YesNo,
    /// One of the options of the field.
    Choice,
    /// Decimal number.
    Amount,
    /// Calendar date.
    Date,
    /// Date and time of day in the sink's zone.
    Datetime,
}

impl Rule {
    /// The word in presets.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Prose => "prose",
            Self::Code => "code",
            Self::Country => "country",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Integer => "integer",
            Self::YesNo => "yes_no",
            Self::Choice => "choice",
            Self::Amount => "amount",
            Self::Date => "date",
            Self::Datetime => "datetime",
        }
    }

    /// Tells whether this rule can write into a field of `field_type`.
    pub(crate) const fn fits(self, field_type: FieldType) -> bool {
        match self {
            Self::Prose | Self::Code | Self::Country | Self::Amount => matches!(field_type, FieldType::Text),
            Self::Phone => matches!(
                field_type,
                FieldType::Phone | FieldType::PhoneGsm | FieldType::Text
            ),
            Self::Email => matches!(field_type, FieldType::Email | FieldType::Text),
            Self::Integer => matches!(field_type, FieldType::Integer),
            Self::YesNo | Self::Choice => matches!(field_type, FieldType::Select),
            Self::Date => matches!(field_type, FieldType::EmptyDate),
            Self::Datetime => matches!(field_type, FieldType::Datetime | FieldType::EmptyDatetime),
        }
    }

    /// Tells whether this rule can write `raw`.
    pub(crate) const fn takes(self, raw: &Raw<'_>) -> bool {
        match self {
            Self::Prose | Self::Code | Self::Country | Self::Phone | Self::Email | Self::Choice => {
                matches!(raw, Raw::Text(_))
            }
            Self::Integer => matches!(raw, Raw::Number(_)),
            Self::YesNo => matches!(raw, Raw::Truth(_)),
            Self::Amount => matches!(raw, Raw::Amount(_)),
            Self::Date => matches!(raw, Raw::Date(_)),
            Self::Datetime => matches!(raw, Raw::Time(_)),
        }
    }
}

/// Writes `raw` into `field`, with what was done to it when it did not fit.
pub(crate) fn write(field: &Field, raw: Raw<'_>, zone: &Zone) -> (Value, Option<Code>) {
    match raw {
        Raw::Number(number) => (Value::Int(number), None),
        Raw::Truth(is_so) => (Value::Text(if is_so { "Yes" } else { "No" }.to_owned()), None),
        Raw::Time(at) => {
            let known = at.filter(|at| *at != Timestamp::ZERO);
            (
                Value::Text(known.map_or_else(String::new, |at| at.to_wall(zone))),
                None,
            )
        }
        Raw::Amount(literal) => whole(Cow::Borrowed(literal), AMOUNT_CHARS, is_plain_number),
        Raw::Date(date) => whole(Cow::Borrowed(date), 10, crate::time::is_date),
        Raw::Text(text) => write_text(field, text),
    }
}

fn write_text(field: &Field, text: &str) -> (Value, Option<Code>) {
    let clean = cleaned(text);
    let length = field.length.unwrap_or(PHONE_CHARS);
    match field.rule {
        Rule::Prose => cut(clean, length),
        Rule::Choice if field.options.iter().any(|option| *option == clean) => {
            (Value::Text(clean.into_owned()), None)
        }
        Rule::Choice => (Value::Text(field.default.clone()), None),
        Rule::Country => whole(Cow::Owned(clean.to_uppercase()), length, |_| true),
        _ => whole(clean, length, |_| true),
    }
}

/// Takes out control characters (those that are blanks become blanks) and surrounding blanks.
fn cleaned(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text.trim());
    }
    let mapped = text
        .chars()
        .filter_map(|c| match (c.is_control(), c.is_whitespace()) {
            (false, _) => Some(c),
            (true, true) => Some(' '),
            (true, false) => None,
        });
    Cow::Owned(mapped.collect::<String>().trim().to_owned())
}

/// Cuts prose to `length` characters.
fn cut(text: Cow<'_, str>, length: usize) -> (Value, Option<Code>) {
    // A text of no more bytes than characters allowed fits without counting.
    if text.len() <= length {
        return (Value::Text(text.into_owned()), None);
    }
    match text.char_indices().nth(length) {
        Some((end, _)) => (Value::Text(text[..end].trim_end().to_owned()), Some(Code::Cut)),
        None => (Value::Text(text.into_owned()), None),
    }
}

/// Keeps a text that has at most `length` characters and passes `is_right`; half of a code would be wrong.
fn whole(text: Cow<'_, str>, length: usize, is_right: fn(&str) -> bool) -> (Value, Option<Code>) {
    let is_short = text.len() <= length || text.chars().nth(length).is_none();
    if text.is_empty() || (is_short && is_right(&text)) {
        (Value::Text(text.into_owned()), None)
    } else {
        (Value::Text(String::new()), Some(Code::LeftOut))
    }
}

/// Tells whether `text` is a plain decimal number: sign, digits, point, digits; no exponent, no grouping.
fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction)
}
