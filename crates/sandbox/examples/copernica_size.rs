//! What a million profiles cost in memory, and a call in processor time.
//!
//! Run it with `cargo run --release -p schakel-sandbox --example copernica_size -- [PROFILES]`. The profiles have
//! the fields of the bookerz database, filled the way that the demo fills them, with invented people; all of them
//! are made through the simulated API, in process. Needs `/proc`, so Linux.

#![expect(clippy::print_stdout, reason = "an example says what it measured")]

use std::error::Error;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Request, StatusCode};
use schakel_sandbox::copernica::{Options, Simulator};
use schakel_sandbox::door::{MachineClock, Seed};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

#[path = "measure/mod.rs"]
mod measure;

use measure::{memory, processor};

/// Name, type, length (0: none), value and index of the profile's fields.
const FIELDS: [(&str, &str, u32, &str, bool); 48] = [
    ("RelationID", "integer", 0, "0", true),
    ("ShopID", "integer", 0, "0", false),
    ("CustomerID", "integer", 0, "0", false),
    ("SubscriberID", "integer", 0, "0", false),
    ("Email", "email", 255, "", true),
    ("Newsletter", "select", 0, "Yes\nNo*", false),
    ("Gender", "text", 10, "", false),
    ("FirstName", "text", 100, "", false),
    ("MiddleName", "text", 50, "", false),
    ("LastName", "text", 100, "", false),
    ("Phone", "phone", 0, "", false),
    ("Mobile", "phone_gsm", 0, "", false),
    ("BirthDate", "empty_date", 0, "", false),
    ("IsCompany", "select", 0, "Yes\nNo*", false),
    ("CompanyName", "text", 100, "", false),
    ("CompanyCoCNumber", "text", 50, "", false),
    ("CompanyVatNumber", "text", 50, "", false),
    ("AddressBillingName", "text", 255, "", false),
    ("AddressBillingStreet", "text", 100, "", false),
    ("AddressBillingNumber", "text", 50, "", false),
    ("AddressBillingExtension", "text", 100, "", false),
    ("AddressBillingZipcode", "text", 30, "", false),
    ("AddressBillingCity", "text", 100, "", false),
    ("AddressBillingRegion", "text", 50, "", false),
    ("AddressBillingCountryISO2", "text", 2, "", false),
    ("AddressBillingCountryTitle", "text", 50, "", false),
    ("AddressShippingName", "text", 255, "", false),
    ("AddressShippingStreet", "text", 100, "", false),
    ("AddressShippingNumber", "text", 50, "", false),
    ("AddressShippingExtension", "text", 100, "", false),
    ("AddressShippingZipcode", "text", 30, "", false),
    ("AddressShippingCity", "text", 100, "", false),
    ("AddressShippingRegion", "text", 50, "", false),
    ("AddressShippingCountryISO2", "text", 2, "", false),
    ("AddressShippingCountryTitle", "text", 50, "", false),
    ("LanguageISO2", "text", 2, "", false),
    ("LanguageTitle", "text", 50, "", false),
    ("CustomerType", "text", 50, "", false),
    ("IsConfirmedCustomer", "select", 0, "Yes\nNo*", false),
    ("IsConfirmedSubscriber", "select", 0, "Yes\nNo*", false),
    ("CustomerCreatedAt", "empty_datetime", 0, "", false),
    ("CustomerUpdatedAt", "empty_datetime", 0, "", false),
    ("SubscriberCreatedAt", "empty_datetime", 0, "", false),
    ("LastOnlineAt", "empty_datetime", 0, "", false),
    ("BookerzCustomerIsDeleted", "select", 0, "Yes\nNo*", false),
    ("BookerzGUID", "text", 36, "", false),
    ("BookerzCreatedAt", "empty_datetime", 0, "", false),
    ("BookerzUpdatedAt", "empty_datetime", 0, "", false),
];
/// Values that everybody has alike.
const SAME: [(&str, &str); 20] = [
    ("ShopID", "24501"),
    ("Newsletter", "Yes"),
    ("Gender", "male"),
    ("MiddleName", "van"),
    ("IsCompany", "No"),
    ("AddressBillingExtension", "bis"),
    ("AddressBillingCountryISO2", "NL"),
    ("AddressBillingCountryTitle", "Nederland"),
    ("AddressShippingCountryISO2", "NL"),
    ("AddressShippingCountryTitle", "Nederland"),
    ("LanguageISO2", "nl"),
    ("LanguageTitle", "Nederlands"),
    ("CustomerType", "registered"),
    ("IsConfirmedCustomer", "Yes"),
    ("IsConfirmedSubscriber", "Yes"),
    ("CustomerCreatedAt", "2025-10-26 02:30:00"),
    ("SubscriberCreatedAt", "2025-10-26 02:30:00"),
    ("LastOnlineAt", "2026-07-01 12:34:56"),
    ("BookerzCreatedAt", "2026-06-02 10:24:43"),
    ("BookerzUpdatedAt", "2026-12-02 09:24:43"),
];
const STREETS: [&str; 5] = [
    "Proefstraat",
    "Voorbeeldlaan",
    "Testplein",
    "Monsterweg",
    "Dorpsstraat",
];
const CITIES: [&str; 5] = ["Utrecht", "Amersfoort", "Antwerpen", "Groningen", "Zwolle"];
const FIRST_NAMES: [&str; 6] = ["Jan", "Anna", "Piet", "Sofie", "Karel", "Lotte"];
const LAST_NAMES: [&str; 6] = ["Voorbeeld", "Proefman", "Tester", "Monster", "Staal", "Keur"];

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Gives the values of one invented person.
fn person(number: u64, seed: &mut Seed) -> Value {
    let mut one = |list: &[&'static str]| list[seed.below(list.len() as u64) as usize];
    let (first, last) = (one(&FIRST_NAMES), one(&LAST_NAMES));
    let (street, city) = (one(&STREETS), one(&CITIES));
    let mut fields: Map<String, Value> = SAME
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let house = (number % 300).to_string();
    let zipcode = format!("{} AB", 1000 + number % 9000);
    for (name, value) in [
        ("RelationID", number.to_string()),
        ("CustomerID", (10_000_000 + number).to_string()),
        ("SubscriberID", (20_000_000 + number).to_string()),
        (
            "Email",
            format!("{first}.{last}.{number}@example.org").to_lowercase(),
        ),
        ("FirstName", first.to_owned()),
        ("LastName", last.to_owned()),
        ("Phone", format!("030{:07}", number % 10_000_000)),
        ("BirthDate", format!("{}-02-1{}", 1950 + number % 50, number % 10)),
        ("AddressBillingName", format!("{first} van {last}")),
        ("AddressBillingStreet", street.to_owned()),
        ("AddressBillingNumber", house.clone()),
        ("AddressBillingZipcode", zipcode.clone()),
        ("AddressBillingCity", city.to_owned()),
        ("AddressShippingName", format!("{first} van {last}")),
        ("AddressShippingStreet", street.to_owned()),
        ("AddressShippingNumber", house),
        ("AddressShippingZipcode", zipcode),
        ("AddressShippingCity", city.to_owned()),
        ("BookerzGUID", format!("5f0d1c3e-8a44-8b6f-9c21-{number:012x}")),
    ] {
        fields.insert(name.to_owned(), Value::String(value));
    }
    json!({ "fields": fields })
}

/// Calls the simulated API and gives the body of the answer.
async fn call(simulator: &Simulator, method: &str, path: &str, body: Body) -> Outcome<Bytes> {
    let mark = if path.contains('?') { '&' } else { '?' };
    let request = Request::builder()
        .method(method)
        .uri(format!("/v3/{path}{mark}access_token=sandbox-token"))
        .header("content-type", "application/json")
        .body(body)?;
    let response = simulator.router().oneshot(request).await?;
    let is_refused = response.status() == StatusCode::BAD_REQUEST;
    let bytes = to_bytes(response.into_body(), usize::MAX).await?;
    if is_refused {
        return Err(String::from_utf8_lossy(&bytes).into_owned().into());
    }
    Ok(bytes)
}

/// Says what one of `times` reads costs.
async fn measure(simulator: &Simulator, name: &str, times: u64, path: impl Fn(u64) -> String) -> Outcome<()> {
    let before = processor()?;
    for number in 0..times {
        call(simulator, "GET", &path(number), Body::empty()).await?;
    }
    let each = (processor()? - before) * 1e6 / times as f64;
    println!("{name}: {each:.1} µs of processor time, router and answer included");
    Ok(())
}

/// Makes the database and its profiles.
async fn fill(simulator: &Simulator, count: u64) -> Outcome<()> {
    call(
        simulator,
        "POST",
        "databases",
        Body::from(r#"{"name":"bookerz"}"#),
    )
    .await?;
    for (name, kind, length, value, index) in FIELDS {
        let mut field = json!({"name": name, "type": kind, "value": value, "index": index, "lock": true});
        if length > 0 {
            field["length"] = json!(length);
        }
        call(
            simulator,
            "POST",
            "database/1/fields",
            Body::from(field.to_string()),
        )
        .await?;
    }
    let mut seed = Seed::new(1);
    for number in 1..=count {
        let body = Body::from(person(number, &mut seed).to_string());
        call(simulator, "POST", "database/1/profiles", body).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let count: u64 = std::env::args()
        .nth(1)
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let simulator = Simulator::new(Options::default(), Arc::new(MachineClock), 1);
    let (start, empty) = (processor()?, memory()?);
    fill(&simulator, count).await?;
    println!(
        "{count} profiles made in {:.1} s of processor time",
        processor()? - start
    );
    let find = |number: u64| {
        format!(
            "database/bookerz/profiles?fields[]=RelationID=={}",
            1 + number % count
        )
    };
    call(&simulator, "GET", &find(0), Body::empty()).await?;
    let held = memory()? - empty;
    println!(
        "{:.0} MB held, {} bytes a profile, one index included",
        held as f64 / 1e6,
        held / count
    );
    measure(&simulator, "one profile by its id", 20_000, |number| {
        format!("profile/{}", 1 + number % count)
    })
    .await?;
    measure(&simulator, "one profile by an indexed field", 20_000, find).await?;
    measure(&simulator, "the identity", 20_000, |_| "identity".to_owned()).await?;
    let page = |number: u64| format!("database/1/profiles?fields[]=id>{}", number * 100 % count);
    measure(&simulator, "a page of 100 profiles", 300, |number| {
        page(number).replace('>', "%3E")
    })
    .await
}
