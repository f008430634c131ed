//! People and companies: what a source says about an addressee.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{is_default, is_false};
use crate::time::Timestamp;

/// Folds an e-mail address for comparison: blanks off, lower case, one way of writing for letters with marks (Unicode NFC)
/// and for international domains (the `xn--` form, IDNA). The result is never stored as the address itself.
///
/// Dots and plus-tags stay: whether they name one mailbox is the provider's business.
#[must_use]
pub fn fold_email(email: &str) -> String {
    let email = email.trim();
    if email.is_ascii() {
        return email.to_ascii_lowercase();
    }
    let Some((local, domain)) = email.rsplit_once('@') else {
        return fold_letters(email);
    };
    // What is no domain by the rules is compared as a text.
    let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| fold_letters(domain));
    format!("{}@{domain}", fold_letters(local))
}

fn fold_letters(text: &str) -> String {
    let composed: String = text.nfc().collect();
    composed.to_lowercase().nfc().collect()
}

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

/// The customer groups of one customer: each group with the lowest number that the source ever gave to his membership.
///
/// The source gives a new number to somebody who comes back; the lowest stays the same, so it names the membership of
/// this customer in this group for good (mission, Where the seeds are silent, CustomerGroupID).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memberships {
    /// The groups he is in, with the number of the membership.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<i64, i64>,
    /// The groups that he left, with the number that the membership had.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<i64, i64>,
}

impl Memberships {
    /// Takes in what another version knew: groups that this one does not list were left, and lower numbers count.
    /// Returns whether anything changed. Associative, commutative and idempotent towards the newest version.
    pub fn absorb(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for (group, number) in other.groups.iter().chain(&other.left) {
            let slot = match self.groups.get_mut(group) {
                Some(slot) => slot,
                None => self.left.entry(*group).or_insert(*number),
            };
            *slot = (*slot).min(*number);
        }
        *self != before
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Listings of groups, newest last; a group may come with several numbers.
    fn listings() -> impl Strategy<Value = Vec<BTreeMap<i64, i64>>> {
        proptest::collection::vec(proptest::collection::btree_map(1i64..5, 1i64..9, 0..4), 1..6)
    }

    #[test]
    fn addresses_that_look_the_same_are_the_same() {
        let same = [
            (" Jan@Example.org ", "jan@example.org"),
            ("pl\u{fc}s@example.org", "PLU\u{308}S@example.org"),
            ("x@b\u{fc}cher.example", "X@XN--bcher-kva.EXAMPLE"),
            ("\u{212a}k@example.org", "kK@example.org"),
            ("zo\u{eb}@b\u{fc}cher.example", "ZOE\u{308}@xn--bcher-kva.example"),
        ];
        for (one, other) in same {
            assert_eq!(fold_email(one), fold_email(other), "{one} and {other}");
        }
        let two = [
            ("plus@example.org", "pl\u{fc}s@example.org"),
            ("j.an@example.org", "jan@example.org"),
            ("jan+a@example.org", "jan@example.org"),
            ("x@bucher.example", "x@b\u{fc}cher.example"),
        ];
        for (one, other) in two {
            assert_ne!(fold_email(one), fold_email(other), "{one} and {other}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(email in prop_oneof![any::<String>(), "\\PC{0,5}@\\PC{0,6}(\\.[a-z]{2})?"]) {
            let once = fold_email(&email);
            prop_assert_eq!(fold_email(&once), once);
        }

        #[test]
        fn groups_that_were_ever_seen_stay_with_their_lowest_number(
            (listings, seen) in listings().prop_flat_map(|all| {
                let order: Vec<usize> = (0..all.len()).collect();
                (Just(all), Just(order).prop_shuffle())
            })
        ) {
            let mut newest = Memberships { groups: listings[listings.len() - 1].clone(), left: BTreeMap::new() };
            for index in seen {
                let other = Memberships { groups: listings[index].clone(), left: BTreeMap::new() };
                newest.absorb(&other);
                prop_assert!(!newest.absorb(&other), "a repeat changes nothing");
            }
            for (group, number) in newest.groups.iter().chain(&newest.left) {
                let lowest = listings.iter().filter_map(|listing| listing.get(group)).min();
                prop_assert_eq!(Some(number), lowest);
            }
            let ever: std::collections::BTreeSet<&i64> = listings.iter().flat_map(BTreeMap::keys).collect();
            prop_assert_eq!(newest.groups.len() + newest.left.len(), ever.len());
            prop_assert!(newest.groups.keys().eq(listings[listings.len() - 1].keys()));
        }
    }
}
