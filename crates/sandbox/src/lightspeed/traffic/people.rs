//! Invents people: nobody real, every address unique.

use super::names::{BE, DE, Land, NL};
use crate::door::Seed;
use crate::lightspeed::person::{Country, Gender, Person, Text};

/// An invented person and the language of his account.
pub(super) struct Invented {
    pub(super) person: Person,
    pub(super) language: &'static str,
}

/// Invents the person with this number in this shop.
pub(super) fn invent(serial: u64, shop: u64, seed: &mut Seed) -> Invented {
    let land = match seed.below(100) {
        0..70 => &NL,
        70..88 => &BE,
        _ => &DE,
    };
    let is_woman = seed.percent(55);
    let firstname = one(if is_woman { land.women } else { land.men }, seed);
    let middlename = one(land.prepositions, seed);
    let lastname = one(land.lastnames, seed);
    let full = [firstname, middlename, lastname].join(" ").replace("  ", " ");
    let domain = one(&["example.org", "example.com", "example.net"], seed);
    let email = format!(
        "{}.{}.{serial}.{shop}@{domain}",
        plain(firstname),
        plain(lastname)
    );
    let email = respelt(&email, seed);
    let is_company = seed.percent(10);
    let [company, vat, coc] = if is_company {
        company(lastname, serial)
    } else {
        Default::default()
    };
    let birth_date = if seed.percent(40) {
        birth_date(seed)
    } else {
        String::new()
    };
    let phone = format!("{}{:08}", land.phone, seed.below(100_000_000));
    let place = address(land, seed);
    let mut texts = vec![
        (Text::Email, email.as_str()),
        (Text::Firstname, firstname),
        (Text::Middlename, middlename),
        (Text::Lastname, lastname),
        (Text::Phone, &phone),
        (Text::BirthDate, &birth_date),
        (Text::CompanyName, &company),
        (Text::CompanyVatNumber, &vat),
        (Text::CompanyCocNumber, &coc),
        (Text::ShippingCompany, &company),
        (Text::BillingName, &full),
    ];
    texts.extend(place.iter().map(|(text, value)| (*text, value.as_str())));
    let mut person = Person::of(&texts);
    person.gender = seed
        .percent(80)
        .then_some(if is_woman { Gender::Female } else { Gender::Male });
    person.is_company = is_company;
    person.billing_country = Country::of(land.country);
    Invented {
        person: person.shipped_to_billing(),
        language: land.language,
    }
}

/// Invents the name, VAT number and registration number of a company.
fn company(lastname: &str, serial: u64) -> [String; 3] {
    [
        format!("{lastname} Handel"),
        format!("NL{:09}B01", serial % 1_000_000_000),
        format!("{:08}", serial % 100_000_000),
    ]
}

/// Makes the data a person gives as a guest: no gender, no birth date, perhaps another spelling.
pub(super) fn as_guest(person: &Person, seed: &mut Seed) -> Person {
    let email = respelt(person.email(), seed);
    let mut guest = person.with(&[(Text::BirthDate, ""), (Text::Email, &email)]);
    guest.gender = None;
    guest
}

/// Writes an address the way some people type it, in capitals or with one; most do not.
pub(super) fn respelt(email: &str, seed: &mut Seed) -> String {
    match seed.below(20) {
        0 => email.to_uppercase(),
        1 | 2 => {
            let mut letters = email.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
        _ => email.to_owned(),
    }
}

/// Returns the texts of a new Dutch address, as billing and shipping address.
pub(super) fn moved(seed: &mut Seed) -> Vec<(Text, String)> {
    let texts = address(&NL, seed);
    let empty = Person::default();
    let changes: Vec<(Text, &str)> = texts
        .iter()
        .map(|(text, value)| (*text, value.as_str()))
        .collect();
    let person = empty.with(&changes).shipped_to_billing();
    let shipping = [
        Text::ShippingStreet,
        Text::ShippingNumber,
        Text::ShippingExtension,
        Text::ShippingZipcode,
        Text::ShippingCity,
    ];
    let shipping = shipping
        .into_iter()
        .map(|text| (text, person.text(text).to_owned()));
    let shipping: Vec<(Text, String)> = shipping.collect();
    texts.into_iter().chain(shipping).collect()
}

fn address(land: &Land, seed: &mut Seed) -> Vec<(Text, String)> {
    let at = usize::try_from(seed.below(land.cities.len() as u64)).unwrap_or(0);
    let (city, zip) = land.cities[at];
    let zipcode = match land.country {
        "nl" => {
            let letter = |seed: &mut Seed| char::from(b'A' + u8::try_from(seed.below(26)).unwrap_or(0));
            format!("{zip}{:02} {}{}", seed.below(100), letter(seed), letter(seed))
        }
        _ => format!("{zip}{:02}", seed.below(100)),
    };
    vec![
        (Text::BillingStreet, one(land.streets, seed).to_owned()),
        (Text::BillingNumber, (1 + seed.below(240)).to_string()),
        (Text::BillingExtension, one(land.extensions, seed).to_owned()),
        (Text::BillingZipcode, zipcode),
        (Text::BillingCity, city.to_owned()),
    ]
}

/// Lets a person mistype one thing: letters swapped or doubled, blanks too many, capitals left on.
pub(super) fn mistyped(person: &Person, seed: &mut Seed) -> Person {
    let text = [
        Text::Email,
        Text::Firstname,
        Text::Lastname,
        Text::BillingStreet,
        Text::BillingCity,
        Text::BillingZipcode,
        Text::Phone,
    ];
    let text = text[usize::try_from(seed.below(text.len() as u64)).unwrap_or(0)];
    let right = person.text(text);
    let mut letters: Vec<char> = right.chars().collect();
    // The part behind the @ stays, so that no letter leaves the names reserved for examples.
    let local = letters.iter().position(|c| *c == '@').unwrap_or(letters.len());
    let at = usize::try_from(seed.below(local.saturating_sub(1).max(1) as u64)).unwrap_or(0);
    let wrong: String = match seed.below(4) {
        0 if local > 1 => {
            letters.swap(at, at + 1);
            letters.into_iter().collect()
        }
        1 if local > 0 => {
            letters.insert(at, letters[at]);
            letters.into_iter().collect()
        }
        2 if text != Text::Email => format!(" {right}  "),
        _ => right.to_uppercase(),
    };
    person.with(&[(text, &wrong)])
}

fn birth_date(seed: &mut Seed) -> String {
    format!(
        "{}-{:02}-{:02}",
        1940 + seed.below(65),
        1 + seed.below(12),
        1 + seed.below(28)
    )
}

fn one(words: &'static [&'static str], seed: &mut Seed) -> &'static str {
    words[usize::try_from(seed.below(words.len() as u64)).unwrap_or(0)]
}

/// Makes a name fit for the local part of an address.
fn plain(name: &str) -> String {
    name.to_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect()
}
