//! Field definitions and the conversion of every input to a value of the field.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::cell;
use super::dates::{LocalClock, Moment, datetime_text};
use super::out::Out;
use super::wire::Json;

/// The longest text of a field that was created without `length` (copernica.md §4.2).
const TEXT_LENGTH: u32 = 255;

/// The type of a field (copernica.md §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Integer,
    Float,
    Date,
    EmptyDate,
    DateTime,
    EmptyDateTime,
    Text,
    Email,
    Phone,
    PhoneFax,
    PhoneGsm,
    Select,
    Big,
    ForeignKey,
}

const KINDS: [(&str, Kind); 14] = [
    ("integer", Kind::Integer),
    ("float", Kind::Float),
    ("date", Kind::Date),
    ("empty_date", Kind::EmptyDate),
    ("datetime", Kind::DateTime),
    ("empty_datetime", Kind::EmptyDateTime),
    ("text", Kind::Text),
    ("email", Kind::Email),
    ("phone", Kind::Phone),
    ("phone_fax", Kind::PhoneFax),
    ("phone_gsm", Kind::PhoneGsm),
    ("select", Kind::Select),
    ("big", Kind::Big),
    ("foreign_key", Kind::ForeignKey),
];

impl Kind {
    /// Finds the type with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        KINDS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
    }

    /// Gives the name of the type on the wire.
    pub(crate) fn name(self) -> &'static str {
        KINDS
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("text", |(name, _)| name)
    }

    /// Gives the empty form of the type (copernica.md §10).
    pub(crate) fn empty(self) -> &'static str {
        match self {
            Self::Integer | Self::Float | Self::ForeignKey => "0",
            Self::Date => "0000-00-00",
            Self::DateTime => "0000-00-00 00:00:00",
            _ => "",
        }
    }

    /// Gives what rows hold that are older than the field: zeros, never the default (copernica.md §4.2).
    pub(crate) fn fill(self) -> &'static str {
        match self {
            Self::EmptyDate => "0000-00-00",
            Self::EmptyDateTime => "0000-00-00 00:00:00",
            _ => self.empty(),
        }
    }

    /// Says whether values are whole numbers.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Self::Integer | Self::ForeignKey)
    }

    /// Says whether values are dates.
    pub(crate) fn is_date(self) -> bool {
        matches!(
            self,
            Self::Date | Self::EmptyDate | Self::DateTime | Self::EmptyDateTime
        )
    }

    /// Says whether a database may have only one field of this type.
    pub(crate) fn is_single(self) -> bool {
        matches!(self, Self::Email | Self::PhoneFax | Self::PhoneGsm)
    }

    fn has_length(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Email | Self::Phone | Self::PhoneFax | Self::PhoneGsm
        )
    }
}

/// The choices of the account that change how a value is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coercion {
    /// Whether whole numbers have 64 bits; else they are cut to 32.
    pub(crate) keeps_64_bits: bool,
    /// Whether a text longer than the field is refused; else it is cut.
    pub(crate) refuses_long_text: bool,
}

/// A text was longer than its field and the account refuses such texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// One field of a database or collection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Field {
    /// Unique in its table only.
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The default, or the options of a select, as given.
    pub(crate) value: String,
    pub(crate) description: String,
    pub(crate) displayed: bool,
    pub(crate) ordered: bool,
    pub(crate) length: u32,
    pub(crate) textlines: u32,
    pub(crate) hidden: bool,
    pub(crate) index: bool,
    /// The definition may be changed through the API only.
    pub(crate) lock: bool,
    /// The name as a quoted member name with a colon.
    #[serde(skip)]
    pub(crate) json_key: Vec<u8>,
    #[serde(skip)]
    options: Vec<String>,
    #[serde(skip)]
    default: String,
}

impl Field {
    /// Makes a field with the defaults of the API.
    pub(crate) fn new(id: u32, name: &str, kind: Kind) -> Self {
        let mut field = Self {
            id,
            name: String::new(),
            kind,
            value: String::new(),
            description: String::new(),
            displayed: true,
            ordered: false,
            length: if kind.has_length() { TEXT_LENGTH } else { 0 },
            textlines: 1,
            hidden: false,
            index: false,
            lock: false,
            json_key: Vec::new(),
            options: Vec::new(),
            default: kind.empty().to_owned(),
        };
        field.rename(name);
        field
    }

    /// Gives the field another name.
    pub(crate) fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        self.json_key = format!("\"{name}\":").into_bytes();
    }

    /// Takes over what the members of a definition body say; members left out stay.
    pub(crate) fn define(&mut self, body: &Json<'_>) {
        let truth = |name: &str, old: bool| body.member(name).map_or(old, Json::truth);
        let number = |name: &str, old: u32| {
            body.member(name)
                .and_then(Json::text)
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(old)
        };
        let text = |name: &str, old: &str| {
            body.member(name)
                .and_then(Json::text)
                .map_or_else(|| old.to_owned(), Cow::into_owned)
        };
        self.value = text("value", &self.value);
        self.description = text("description", &self.description);
        self.displayed = truth("displayed", self.displayed);
        self.ordered = truth("ordered", self.ordered);
        self.length = number("length", self.length);
        self.textlines = number("textlines", self.textlines);
        self.hidden = truth("hidden", self.hidden);
        self.index = truth("index", self.index);
        self.lock = truth("lock", self.lock);
    }

    /// Works out options and default from the definition; to be called after every change of it.
    pub(crate) fn settle(&mut self, coercion: Coercion, clock: &LocalClock) {
        if self.kind == Kind::Select {
            self.options.clear();
            self.default.clear();
            for line in self.value.split('\n') {
                let line = line.trim_end();
                let option = line.strip_suffix('*').map_or(line, str::trim_end);
                if option.len() < line.len() {
                    option.clone_into(&mut self.default);
                }
                self.options.push(option.to_owned());
            }
            return;
        }
        let given = Json::Text(Cow::Borrowed(self.value.as_str()));
        self.default = self
            .coerce(&given, coercion, clock)
            .map_or_else(|_| String::new(), Cow::into_owned);
    }

    /// Gives the value of a new row that does not name this field.
    pub(crate) fn default(&self) -> &str {
        &self.default
    }

    /// Gives the value of rows that are older than this field.
    pub(crate) fn fill(&self) -> &'static str {
        self.kind.fill()
    }

    /// Reads the value of one cell; `None` is the cell of a row older than the field.
    pub(crate) fn read<'a>(&'a self, cell: Option<&'a [u8]>) -> Cow<'a, str> {
        cell.map_or(Cow::Borrowed(self.fill()), |cell| {
            cell::decode(cell, self.kind.empty())
        })
    }

    /// Turns any input into a value of this field (copernica.md §10).
    ///
    /// # Errors
    /// When the text is too long for the field and the account refuses that.
    pub(crate) fn coerce<'a>(
        &self,
        input: &'a Json<'_>,
        coercion: Coercion,
        clock: &LocalClock,
    ) -> Result<Cow<'a, str>, TooLong> {
        let kind = self.kind;
        Ok(match kind {
            Kind::Integer | Kind::ForeignKey => Cow::Owned(whole(input, coercion.keeps_64_bits).to_string()),
            Kind::Float => Cow::Owned(float(input).to_string()),
            Kind::Date | Kind::EmptyDate | Kind::DateTime | Kind::EmptyDateTime => date(input, kind, clock),
            Kind::Select => match input.text() {
                Some(text) if self.options.iter().any(|option| *option == text) => text,
                _ => Cow::Borrowed(""),
            },
            _ => self.cut(input.text().unwrap_or(Cow::Borrowed("")), coercion)?,
        })
    }

    fn cut<'a>(&self, text: Cow<'a, str>, coercion: Coercion) -> Result<Cow<'a, str>, TooLong> {
        let most = self.length as usize;
        if !self.kind.has_length() || most == 0 || text.len() <= most {
            return Ok(text);
        }
        let Some((end, _)) = text.char_indices().nth(most) else {
            return Ok(text);
        };
        if coercion.refuses_long_text {
            return Err(TooLong);
        }
        Ok(Cow::Owned(text[..end].to_owned()))
    }

    /// Writes the definition (copernica.md §4.1, §4.2).
    pub(crate) fn write(&self, out: &mut Out, with_star: bool) {
        out.open(b'{')
            .key("ID")
            .digits(u64::from(self.id))
            .key("name")
            .text(&self.name);
        out.key("description")
            .text(&self.description)
            .key("type")
            .text(self.kind.name());
        if self.kind == Kind::Select {
            let mut lines: Vec<&str> = self.value.split('\n').map(|line| line.trim_end()).collect();
            if !with_star {
                lines = self.options.iter().map(String::as_str).collect();
            }
            // Options come back with CRLF between them, however they were sent (copernica.md §4.2).
            out.key("value").text(&lines.join("\r\n"));
        } else {
            out.key("value").text(&self.value);
        }
        out.key("displayed")
            .truth(self.displayed)
            .key("ordered")
            .truth(self.ordered);
        out.key("length")
            .digits(u64::from(self.length))
            .key("textlines")
            .digits(u64::from(self.textlines));
        out.key("hidden")
            .truth(self.hidden)
            .key("index")
            .truth(self.index);
        out.key("lock").truth(self.lock).close(b'}');
    }
}

/// Casts like PHP: a numeric prefix, else 0; a full array is 1.
pub(crate) fn whole(input: &Json<'_>, keeps_64_bits: bool) -> i64 {
    let number = match input {
        Json::Null | Json::Bool(false) => 0,
        Json::Bool(true) => 1,
        Json::Int(number) => *number,
        // A float cast saturates; a fraction is dropped towards zero.
        Json::Float(number) => *number as i64,
        Json::Text(text) => {
            let digits = numeric_prefix(text);
            digits
                .parse()
                .unwrap_or_else(|_| digits.parse::<f64>().map_or(0, |number| number as i64))
        }
        Json::List(items) => i64::from(!items.is_empty()),
        Json::Object(members) => i64::from(!members.is_empty()),
    };
    if keeps_64_bits {
        number
    } else {
        number.clamp(i64::from(i32::MIN), i64::from(i32::MAX))
    }
}

/// Casts like PHP to a float.
pub(crate) fn float(input: &Json<'_>) -> f64 {
    let number = match input {
        Json::Float(number) => *number,
        Json::Text(text) => numeric_prefix(text).parse().unwrap_or(0.0),
        other => whole(other, true) as f64,
    };
    // PHP would print "-0" for the negative zero; a column keeps 0.
    if number == 0.0 { 0.0 } else { number }
}

/// Gives the longest prefix that is a number, after leading white space.
fn numeric_prefix(text: &str) -> &str {
    let text = text.trim_start();
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole_part = digits(end);
    end += whole_part;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole_part + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole_part + fraction == 0 {
        return "";
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let power = if bytes.len() > end + 1 + sign {
            digits(end + 1 + sign)
        } else {
            0
        };
        if power > 0 {
            end += 1 + sign + power;
        }
    }
    &text[..end]
}

/// Turns an input into a date of `kind`; the first ten characters for types without a time.
fn date<'a>(input: &'a Json<'_>, kind: Kind, clock: &LocalClock) -> Cow<'a, str> {
    let text = match input {
        Json::Null | Json::Bool(_) | Json::List(_) | Json::Object(_) => return Cow::Borrowed(kind.empty()),
        other => other.text().unwrap_or(Cow::Borrowed("")),
    };
    let mut whole = match clock.read(&text) {
        Moment::Empty => return Cow::Borrowed(kind.empty()),
        Moment::Zero => "0000-00-00 00:00:00".to_owned(),
        Moment::At(at) => datetime_text(at),
    };
    if matches!(kind, Kind::Date | Kind::EmptyDate) {
        whole.truncate(10);
    }
    Cow::Owned(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Coercion = Coercion {
        keeps_64_bits: true,
        refuses_long_text: false,
    };

    fn coerced(kind: &str, value: &str, input: &str) -> String {
        let mut field = Field::new(1, "F", Kind::named(kind).expect("a known type"));
        value.clone_into(&mut field.value);
        let clock = LocalClock::new();
        field.settle(USUAL, &clock);
        let input: Json<'_> = serde_json::from_str(input).expect("this is JSON");
        field
            .coerce(&input, USUAL, &clock)
            .expect("nothing is refused")
            .into_owned()
    }

    #[test]
    fn converts_every_input() {
        for (kind, input, wanted) in [
            ("text", "true", "1"),
            ("text", "false", ""),
            ("text", "2.99", "2.99"),
            ("text", "[1]", ""),
            ("text", "\" a \"", " a "),
            ("text", "null", ""),
            ("email", "\"value\"", "value"),
            ("integer", "\"   3 \"", "3"),
            ("integer", "2.99", "2"),
            ("integer", "-2.99", "-2"),
            ("integer", "\"value\"", "0"),
            ("integer", "\"true\"", "0"),
            ("integer", "true", "1"),
            ("integer", "null", "0"),
            ("integer", "[]", "0"),
            ("integer", "[0]", "1"),
            ("integer", "\"4294967296\"", "4294967296"),
            ("float", "\" 2.99  \"", "2.99"),
            ("float", "\"text\"", "0"),
            ("float", "-1", "-1"),
            ("date", "\"\"", "0000-00-00"),
            ("empty_date", "\"\"", ""),
            ("empty_date", "\"2020-01-02 03:04:05\"", "2020-01-02"),
            ("empty_date", "\"0000-00-01\"", "0000-00-00"),
            ("datetime", "true", "0000-00-00 00:00:00"),
            ("empty_datetime", "\"0000-00-01\"", "0000-00-00 00:00:00"),
            ("empty_datetime", "1596979546", ""),
        ] {
            assert_eq!(coerced(kind, "", input), wanted, "{kind} {input}");
        }
    }

    #[test]
    fn accepts_options_exactly() {
        for (input, wanted) in [
            ("\"B\"", "B"),
            ("\"b\"", ""),
            ("\"B \"", ""),
            ("true", "1"),
            ("\"C*\"", ""),
        ] {
            assert_eq!(coerced("select", "B  \r\nC*\n1", input), wanted, "{input}");
        }
    }

    #[test]
    fn cuts_long_texts_at_characters() {
        let long = format!("\"{}\"", "ü".repeat(300));
        assert_eq!(coerced("text", "", &long).chars().count(), 255);
        assert_eq!(coerced("big", "", &long).chars().count(), 300);
    }
}
