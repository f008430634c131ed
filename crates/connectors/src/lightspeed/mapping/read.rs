//! Reads single fields: each by the rule of lightspeed-ecom.md §6.0, each with its problems noted.

use std::borrow::Cow;
use std::fmt::Write;

use schakel_core::entity::{Amount, LanguageName};
use schakel_core::problem::{Code, Problem};
use schakel_core::time::{Timestamp, Zone, is_date};

use super::super::wire::{Maybe, Named, Raw, Scalar};
use super::{codes, decimal, text};

/// Most repaired values that are noted of one event; a record with more is broken in one way over and over.
const REPAIRS_MAX: usize = 100;

/// How far a time may lie ahead of the receipt before it is noted, in milliseconds: clocks differ a little.
const AHEAD_MS: i64 = 60_000;

/// Where in the payload a field stands, such as `order.products[3]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    path: &'static str,
    index: Option<usize>,
}

impl Place {
    /// Names the object at `path`.
    pub(super) const fn at(path: &'static str) -> Self {
        Self { path, index: None }
    }

    /// Names the item `index` of the list at `path`.
    pub(super) const fn item(path: &'static str, index: usize) -> Self {
        Self {
            path,
            index: Some(index),
        }
    }

    fn field(self, name: &str) -> String {
        let mut field = self.path.to_owned();
        if let Some(index) = self.index {
            write!(field, "[{index}]").expect("writing to a text cannot fail");
        }
        if !name.is_empty() {
            field.push('.');
            field.push_str(name);
        }
        field
    }
}

/// The problems of one event, found so far.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Vec<Problem>);

impl Notes {
    /// Notes `code` at the field `name` of `place`.
    pub(super) fn add(&mut self, code: Code, place: Place, name: &str) {
        let problem = Problem::new(code, place.field(name));
        if problem.is_quarantine() || self.0.len() < REPAIRS_MAX {
            self.0.push(problem);
        }
    }

    /// Tells whether the event is to be set aside.
    pub(super) fn is_quarantine(&self) -> bool {
        self.0.iter().any(Problem::is_quarantine)
    }
}

/// Reads the fields of one object and notes what is wrong with them.
pub(super) struct Reader<'n> {
    /// Where problems go.
    pub(super) notes: &'n mut Notes,
    /// The object.
    pub(super) place: Place,
    /// The zone of times without an offset.
    pub(super) zone: &'n Zone,
    /// When the event was received; no time may lie after it.
    pub(super) received_at: Timestamp,
}

impl Reader<'_> {
    fn note(&mut self, code: Code, name: &str) {
        self.notes.add(code, self.place, name);
    }

    /// Reads a text: TXT without its cut, which belongs to the preset.
    pub(super) fn text(&mut self, name: &str, raw: Raw<'_>) -> String {
        let said = match raw.scalar() {
            Scalar::Text(said) => said,
            Scalar::Number(literal) => return literal.to_owned(),
            Scalar::Empty | Scalar::True | Scalar::Other => return String::new(),
        };
        let (cleaned, is_changed) = text::clean(&said);
        if is_changed {
            self.note(Code::ControlCharacters, name);
        }
        cleaned
    }

    /// Reads an e-mail address: MAIL; what is none is left out.
    pub(super) fn email(&mut self, name: &str, raw: Raw<'_>) -> String {
        let (address, is_changed) = text::clean_address(self.text(name, raw));
        if is_changed {
            self.note(Code::ControlCharacters, name);
        }
        if address.is_empty() || text::is_email(&address) {
            return address;
        }
        self.note(Code::BadEmail, name);
        String::new()
    }

    /// Reads a gender; only the two words that the platform knows.
    pub(super) fn gender(&mut self, name: &str, raw: Raw<'_>) -> String {
        let said = self.text(name, raw).to_ascii_lowercase();
        if ["male", "female"].contains(&said.as_str()) {
            said
        } else {
            String::new()
        }
    }

    /// Reads an id: INT; 0 when there is none.
    pub(super) fn id(&mut self, name: &str, raw: Raw<'_>) -> i64 {
        raw.id().unwrap_or_else(|| {
            self.note(Code::BadNumber, name);
            0
        })
    }

    /// Reads a choice: YN.
    pub(super) fn flag(raw: Raw<'_>) -> bool {
        match raw.scalar() {
            Scalar::True => true,
            Scalar::Number(literal) => literal == "1",
            Scalar::Text(said) => matches!(said.trim(), "1" | "true"),
            Scalar::Empty | Scalar::Other => false,
        }
    }

    /// Reads a number: NUM without its length, which belongs to the preset.
    pub(super) fn amount(&mut self, name: &str, raw: Raw<'_>) -> Amount {
        let literal = match raw.scalar() {
            Scalar::Number(literal) => Cow::Borrowed(literal),
            Scalar::Text(said) => Cow::Owned(said.trim().to_owned()),
            Scalar::Empty | Scalar::True => return Amount::default(),
            Scalar::Other => Cow::Borrowed(""),
        };
        if let Some(plain) = decimal::plain(&literal) {
            return Amount(plain.into_owned());
        }
        if !literal.is_empty() || raw.scalar() == Scalar::Other {
            self.note(Code::BadNumber, name);
        }
        Amount::default()
    }

    /// Reads a price: a number that is noted, and kept, when it is below zero.
    pub(super) fn price(&mut self, name: &str, raw: Raw<'_>) -> Amount {
        let amount = self.amount(name, raw);
        if amount.0.starts_with('-') && amount.0.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
            self.note(Code::NegativePrice, name);
        }
        amount
    }

    /// Reads a time with its offset; one without is wall time of the connection's zone. A time that lies ahead
    /// of the receipt by more than a minute is set to the receipt.
    pub(super) fn time(&mut self, name: &str, raw: Raw<'_>) -> Option<Timestamp> {
        let said = match raw.scalar() {
            Scalar::Text(said) => said,
            Scalar::Empty => return None,
            Scalar::Number(_) | Scalar::True | Scalar::Other => {
                self.note(Code::BadTime, name);
                return None;
            }
        };
        let said = said.trim();
        if said.is_empty() || is_empty_date(said) {
            return None;
        }
        let Some(at) = moment(said, self.zone) else {
            self.note(Code::BadTime, name);
            return None;
        };
        if at <= self.received_at.plus_ms(AHEAD_MS) {
            return Some(at);
        }
        self.note(Code::FutureTime, name);
        Some(self.received_at)
    }

    /// Reads a date: D; the time of day is left out where one is written.
    pub(super) fn date(&mut self, name: &str, raw: Raw<'_>) -> String {
        let said = match raw.scalar() {
            Scalar::Text(said) => said,
            Scalar::Empty => return String::new(),
            Scalar::Number(_) | Scalar::True | Scalar::Other => {
                self.note(Code::BadDate, name);
                return String::new();
            }
        };
        let said = said.trim();
        let (date, rest) = said.split_at_checked(10).unwrap_or((said, ""));
        if is_date(date) && (rest.is_empty() || rest.starts_with(['T', ' '])) {
            return date.to_owned();
        }
        if !said.is_empty() && !is_empty_date(said) {
            self.note(Code::BadDate, name);
        }
        String::new()
    }

    /// Reads a country: CC2 and its name. A code that does not exist is left out, the name stays.
    pub(super) fn country(&mut self, name: &str, country: &Maybe<Named<'_>>) -> (String, String) {
        let Maybe(Some(country)) = country else {
            return (String::new(), String::new());
        };
        let title = self.text(name, country.title);
        let said = self.text(name, country.code);
        let code = codes::country(&said);
        if code.is_none() && !said.is_empty() {
            self.note(Code::UnknownCountry, name);
        }
        (code.unwrap_or_default(), title)
    }

    /// Reads a language: LC2 and its name; both are left out when the code does not exist.
    pub(super) fn language(&mut self, name: &str, language: &Maybe<Named<'_>>) -> LanguageName {
        let Maybe(Some(language)) = language else {
            return LanguageName::default();
        };
        let said = self.text(name, language.code);
        match codes::language(&said) {
            Some(code) => LanguageName {
                code,
                title: self.text(name, language.title),
            },
            None => {
                if !said.is_empty() {
                    self.note(Code::UnknownLanguage, name);
                }
                LanguageName::default()
            }
        }
    }
}

/// Reads a time with its offset; one without is wall time of `zone`.
pub(in crate::lightspeed) fn moment(text: &str, zone: &Zone) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_wall(text, zone))
}

/// The ways in which the platform, and PHP beneath it, write that there is no date.
fn is_empty_date(text: &str) -> bool {
    text.starts_with("0000-00-00") || text.starts_with("-0001-11-30")
}
