//! People and companies: what a source says about an addressee.

use serde::{Deserialize, Serialize};

use super::{is_default, is_false};
use crate::time::Timestamp;

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Addressee.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Company of the addressee (shipping addresses only).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub company: String,
    /// Street without number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub street: String,
    /// Second address line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub street2: String,
    /// House number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// Extension of the house number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub extension: String,
    /// Postal code.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub zipcode: String,
    /// Town.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub city: String,
    /// Region or province.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// ISO 3166-1 alpha-2 code in upper case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country_code: String,
    /// Name of the country in the connection's language.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country_title: String,
}

impl Address {
    /// Tells whether no line of it was said; a country alone is no address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        [
            &self.name,
            &self.company,
            &self.street,
            &self.number,
            &self.zipcode,
            &self.city,
        ]
        .iter()
        .all(|line| line.is_empty())
    }
}

/// A language with its own name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LanguageName {
    /// Two-letter code in lower case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Name in the language itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
}

impl LanguageName {
    /// Tells whether none was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }
}

/// Who somebody is, as a customer record or as the snapshot in an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// E-mail address in the spelling of the source; compared folded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// `male`, `female` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gender: String,
    /// First name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub firstname: String,
    /// Preposition of the last name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub middlename: String,
    /// Last name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lastname: String,
    /// Telephone number as entered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phone: String,
    /// Mobile number as entered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mobile: String,
    /// `YYYY-MM-DD`, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub birth_date: String,
    /// Whether the addressee is a company.
    #[serde(skip_serializing_if = "is_false")]
    pub is_company: bool,
    /// Name of the company.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub company_name: String,
    /// Number at the chamber of commerce.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub company_coc_number: String,
    /// VAT number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub company_vat_number: String,
    /// Billing address.
    #[serde(skip_serializing_if = "is_default")]
    pub billing: Address,
    /// Shipping address; empty when the source has none (billing is not copied).
    #[serde(skip_serializing_if = "is_default")]
    pub shipping: Address,
    /// Language of the person.
    #[serde(skip_serializing_if = "is_default")]
    pub language: LanguageName,
}

/// A customer account or a guest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Customer {
    /// Who it is.
    pub person: Person,
    /// `registered`, `guest` or another word of the source.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub customer_type: String,
    /// Whether the account was confirmed.
    #[serde(skip_serializing_if = "is_false")]
    pub is_confirmed: bool,
    /// When it was made at the source.
    pub created_at: Option<Timestamp>,
    /// When it was last changed at the source.
    pub updated_at: Option<Timestamp>,
    /// When the person was last seen in the shop.
    pub last_online_at: Option<Timestamp>,
}

impl Customer {
    /// Tells whether this is a registered account (a guest shops without one).
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.customer_type == "registered"
    }
}

/// A newsletter subscription.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Subscription {
    /// E-mail address in the spelling of the source.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// First name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub firstname: String,
    /// Last name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lastname: String,
    /// Language of the subscriber.
    #[serde(skip_serializing_if = "is_default")]
    pub language: LanguageName,
    /// Whether the double opt-in was done.
    #[serde(skip_serializing_if = "is_false")]
    pub is_confirmed: bool,
    /// When it was made at the source.
    pub created_at: Option<Timestamp>,
    /// When it was last changed at the source.
    pub updated_at: Option<Timestamp>,
}
