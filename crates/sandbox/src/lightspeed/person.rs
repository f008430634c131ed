//! The personal data of a customer, or of an order at the moment it was placed.
//!
//! A shop of 200,000 customers and as many orders must stay small: the texts of one person are one
//! allocation, shared between the customer and the orders until the customer changes.

/// A text of a person; the order is that of the packed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name, lightspeed-ecom.md §5.4"
)]
pub enum Text {
    Email,
    Firstname,
    Middlename,
    Lastname,
    Phone,
    Mobile,
    BirthDate,
    NationalId,
    CompanyName,
    CompanyCocNumber,
    CompanyVatNumber,
    Memo,
    BillingName,
    BillingStreet,
    BillingStreet2,
    BillingNumber,
    BillingExtension,
    BillingZipcode,
    BillingCity,
    BillingRegion,
    ShippingCompany,
    ShippingName,
    ShippingStreet,
    ShippingStreet2,
    ShippingNumber,
    ShippingExtension,
    ShippingZipcode,
    ShippingCity,
    ShippingRegion,
}

/// Number of texts of a person.
const TEXTS: usize = 29;

/// The keys of the texts in the customer record, in the order of [`Text`].
pub(crate) const TEXT_KEYS: [(&str, Text); TEXTS] = [
    ("email", Text::Email),
    ("firstname", Text::Firstname),
    ("middlename", Text::Middlename),
    ("lastname", Text::Lastname),
    ("phone", Text::Phone),
    ("mobile", Text::Mobile),
    ("birthDate", Text::BirthDate),
    ("nationalId", Text::NationalId),
    ("companyName", Text::CompanyName),
    ("companyCoCNumber", Text::CompanyCocNumber),
    ("companyVatNumber", Text::CompanyVatNumber),
    ("memo", Text::Memo),
    ("addressBillingName", Text::BillingName),
    ("addressBillingStreet", Text::BillingStreet),
    ("addressBillingStreet2", Text::BillingStreet2),
    ("addressBillingNumber", Text::BillingNumber),
    ("addressBillingExtension", Text::BillingExtension),
    ("addressBillingZipcode", Text::BillingZipcode),
    ("addressBillingCity", Text::BillingCity),
    ("addressBillingRegion", Text::BillingRegion),
    ("addressShippingCompany", Text::ShippingCompany),
    ("addressShippingName", Text::ShippingName),
    ("addressShippingStreet", Text::ShippingStreet),
    ("addressShippingStreet2", Text::ShippingStreet2),
    ("addressShippingNumber", Text::ShippingNumber),
    ("addressShippingExtension", Text::ShippingExtension),
    ("addressShippingZipcode", Text::ShippingZipcode),
    ("addressShippingCity", Text::ShippingCity),
    ("addressShippingRegion", Text::ShippingRegion),
];

/// A country the platform knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Country(u8);

/// Code and JSON of each country; the ids of `nl` and `us` are those seen live (lightspeed-ecom.md §3.2).
const COUNTRIES: [(&str, &str); 7] = [
    (
        "nl",
        r#"{"id":150,"code":"nl","code3":"nld","title":"Netherlands, The"}"#,
    ),
    ("be", r#"{"id":21,"code":"be","code3":"bel","title":"Belgium"}"#),
    ("de", r#"{"id":80,"code":"de","code3":"deu","title":"Germany"}"#),
    ("fr", r#"{"id":73,"code":"fr","code3":"fra","title":"France"}"#),
    (
        "lu",
        r#"{"id":124,"code":"lu","code3":"lux","title":"Luxembourg"}"#,
    ),
    (
        "gb",
        r#"{"id":225,"code":"gb","code3":"gbr","title":"United Kingdom"}"#,
    ),
    (
        "us",
        r#"{"id":226,"code":"us","code3":"usa","title":"United States"}"#,
    ),
];

impl Country {
    /// The Netherlands.
    pub const NL: Self = Self(0);
    /// Belgium.
    pub const BE: Self = Self(1);
    /// Germany.
    pub const DE: Self = Self(2);

    /// Finds the country with this two-letter code, whatever its case.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        let at = COUNTRIES
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(code))?;
        u8::try_from(at).ok().map(Self)
    }

    /// Returns every country the simulator knows.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..7).map(Self)
    }

    /// Returns the two-letter code, lower case.
    #[must_use]
    pub fn code(self) -> &'static str {
        COUNTRIES[usize::from(self.0)].0
    }

    /// Returns the object that records carry.
    pub(crate) fn json(self) -> &'static str {
        COUNTRIES[usize::from(self.0)].1
    }
}

/// A gender as the platform knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Gender {
    Female,
    Male,
}

impl Gender {
    /// Returns the word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }

    /// Reads the word on the wire.
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Female, Self::Male]
            .into_iter()
            .find(|gender| gender.word() == word)
    }
}

/// The data of one person, packed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Person {
    texts: Box<str>,
    ends: [u16; TEXTS],
    /// The gender, when told.
    pub gender: Option<Gender>,
    /// Buys for a company.
    pub is_company: bool,
    /// Country of the billing address.
    pub billing_country: Option<Country>,
    /// Country of the shipping address.
    pub shipping_country: Option<Country>,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            texts: Box::default(),
            ends: [0; TEXTS],
            gender: None,
            is_company: false,
            billing_country: Some(Country::NL),
            shipping_country: Some(Country::NL),
        }
    }
}

impl Person {
    /// Makes a person from some texts; the others are empty, the country is the Netherlands.
    #[must_use]
    pub fn of(texts: &[(Text, &str)]) -> Self {
        Self::default().with(texts)
    }

    /// Returns one text, empty when there is none.
    #[must_use]
    pub fn text(&self, text: Text) -> &str {
        let at = text as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        self.texts
            .get(usize::from(start)..usize::from(self.ends[at]))
            .unwrap_or("")
    }

    /// Returns a copy in which `changes` replace the texts they name.
    ///
    /// A text is cut at 1,000 bytes, so that the whole stays addressable with 16 bits.
    #[must_use]
    pub fn with(&self, changes: &[(Text, &str)]) -> Self {
        let mut texts = String::with_capacity(self.texts.len() + 64);
        let mut ends = [0_u16; TEXTS];
        for (at, (_, text)) in TEXT_KEYS.iter().enumerate() {
            let changed = changes.iter().rev().find(|(named, _)| named == text);
            let value = changed.map_or_else(|| self.text(*text), |(_, value)| *value);
            texts.push_str(&value[..value.floor_char_boundary(1_000)]);
            ends[at] = u16::try_from(texts.len()).unwrap_or(u16::MAX);
        }
        Self {
            texts: texts.into_boxed_str(),
            ends,
            gender: self.gender,
            is_company: self.is_company,
            billing_country: self.billing_country,
            shipping_country: self.shipping_country,
        }
    }

    /// Fills the shipping address from the billing address.
    #[must_use]
    pub fn shipped_to_billing(&self) -> Self {
        const PAIRS: [(Text, Text); 8] = [
            (Text::ShippingName, Text::BillingName),
            (Text::ShippingStreet, Text::BillingStreet),
            (Text::ShippingStreet2, Text::BillingStreet2),
            (Text::ShippingNumber, Text::BillingNumber),
            (Text::ShippingExtension, Text::BillingExtension),
            (Text::ShippingZipcode, Text::BillingZipcode),
            (Text::ShippingCity, Text::BillingCity),
            (Text::ShippingRegion, Text::BillingRegion),
        ];
        let changes = PAIRS.map(|(to, from)| (to, self.text(from)));
        Self {
            shipping_country: self.billing_country,
            ..self.with(&changes)
        }
    }

    /// Returns the person's e-mail address.
    #[must_use]
    pub fn email(&self) -> &str {
        self.text(Text::Email)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_in_the_order_of_their_enum() {
        for (at, (_, text)) in TEXT_KEYS.iter().enumerate() {
            assert_eq!(*text as usize, at);
        }
    }

    #[test]
    fn keeps_what_is_not_changed() {
        let person = Person::of(&[(Text::Email, "a@example.org"), (Text::Lastname, "Ärlig")]);
        let moved = person.with(&[(Text::BillingCity, "Veere"), (Text::Email, "")]);
        assert_eq!(moved.text(Text::Lastname), "Ärlig");
        assert_eq!(moved.text(Text::BillingCity), "Veere");
        assert_eq!(moved.email(), "");
        assert_eq!(moved.shipped_to_billing().text(Text::ShippingCity), "Veere");
    }
}
