//! The Lightspeed eCom simulator against the fidelity list of its reference (lightspeed-ecom.md §9).
//!
//! A test is named after the item it shows. Calls go to the router in process unless an item is about
//! connections.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod apps;
mod checkout;
mod clients;
mod control;
mod door;
mod faults;
mod history;
mod lists;
mod plain;
mod receiver;
mod shapes;
mod shipments;
mod snapshot;
mod story;
mod switches;
mod values;
mod webhooks;
mod writes;
mod written;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use base64::Engine;
use http::{HeaderMap, Method, Request, StatusCode};
use schakel_sandbox::door::{HandClock, Seed};
use schakel_sandbox::lightspeed::{
    Buyer, Goods, Kind, NewCustomer, NewOrder, NewSubscription, Options, Person, Simulator, Text,
};
use serde_json::Value;
use serde_json::value::RawValue;
use tower::ServiceExt;

/// The instant of the reference: 12 May 2026, 17:25:37 in Amsterdam.
pub const NOW_S: i64 = 1_778_599_537;

/// A shop with its clock, and a way to call it.
pub struct World {
    pub shop: Simulator,
    pub clock: HandClock,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// Opens a shop whose limits never get in the way.
pub fn open() -> World {
    open_with(Options {
        limits: [1_000_000; 3],
        per_second: 1_000_000,
        ..Options::default()
    })
}

pub fn open_with(options: Options) -> World {
    let clock = HandClock::at(NOW_S * 1_000_000);
    let shop = Simulator::new(options, Arc::new(clock.clone()), Seed::new(7));
    World { shop, clock }
}

impl World {
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, "").await
    }

    pub async fn call(&self, method: Method, path: &str, body: &str) -> Answer {
        let options = self.shop.options();
        let pair = format!("{}:{}", options.api_key, options.api_secret);
        self.call_as(&pair, method, path, "application/json", body).await
    }

    pub async fn call_as(
        &self,
        pair: &str,
        method: Method,
        path: &str,
        content_type: &str,
        body: &str,
    ) -> Answer {
        let request = request_as(pair, method, path, content_type, body);
        let response = self.shop.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// Makes a call of the first key, for who wants to see the answer come in.
    pub fn request(&self, method: Method, path: &str, body: &str) -> Request<Body> {
        let options = self.shop.options();
        let pair = format!("{}:{}", options.api_key, options.api_secret);
        request_as(&pair, method, path, "application/json", body)
    }

    /// Registers a webhook and returns its id.
    pub async fn hook(&self, group: &str, action: &str, address: &str) -> u64 {
        let body = format!(
            r#"{{"webhook":{{"isActive":true,"itemGroup":"{group}","itemAction":"{action}","language":"nl","format":"json","address":"{address}"}}}}"#
        );
        let answer = self.call(Method::POST, "/nl/webhooks.json", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["webhook"]["id"].as_u64().unwrap()
    }

    /// Creates a customer and returns its id.
    pub fn customer(&self, email: &str) -> u64 {
        self.shop.create_customer(NewCustomer {
            person: person(email),
            language: Some("nl".to_owned()),
            is_confirmed: true,
        })
    }

    /// Places an order of two rows.
    pub fn order(&self, buyer: Buyer) -> u64 {
        self.order_from(buyer, None)
    }

    /// Places an order of two rows from a cart.
    pub fn order_from(&self, buyer: Buyer, quote: Option<u64>) -> u64 {
        let variants = self.shop.ids(Kind::Variant);
        let goods = vec![
            Goods {
                variant: Some(variants[0]),
                quantity: 1,
            },
            Goods {
                variant: Some(variants[1]),
                quantity: 2,
            },
        ];
        let order = NewOrder {
            buyer,
            goods,
            quote,
            is_newsletter: false,
            discount_percent: 0,
        };
        self.shop.place_order(order).unwrap()
    }

    /// Moves the clock by whole seconds.
    pub fn wait_s(&self, by_s: i64) {
        self.clock.advance(by_s * 1_000_000);
    }
}

fn request_as(pair: &str, method: Method, path: &str, content_type: &str, body: &str) -> Request<Body> {
    let basic = base64::engine::general_purpose::STANDARD.encode(pair);
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Basic {basic}"))
        .header("content-type", content_type)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// An invented person.
pub fn person(email: &str) -> Person {
    Person::of(&[
        (Text::Email, email),
        (Text::Firstname, "Zo\u{eb}"),
        (Text::Middlename, "van 't"),
        (Text::Lastname, "Proefhuis"),
        (Text::BillingStreet, "Teststraat"),
        (Text::BillingNumber, "12"),
        (Text::BillingZipcode, "1234 AB"),
        (Text::BillingCity, "Voorbeeldstad"),
    ])
    .shipped_to_billing()
}

/// A subscriber with this address.
pub fn subscription(email: &str) -> NewSubscription {
    NewSubscription {
        email: email.to_owned(),
        firstname: "Zo\u{eb}".to_owned(),
        ..NewSubscription::default()
    }
}

/// The keys of the object at `path` in the order they were written; list positions are path elements too.
pub fn keys(text: &str, path: &[&str]) -> Vec<String> {
    let members = ordered(text);
    match path.split_first() {
        None => members.into_iter().map(|(key, _)| key).collect(),
        Some((first, rest)) => {
            let (_, value) = members.into_iter().find(|(key, _)| key == first).unwrap();
            keys(&value, rest)
        }
    }
}

/// Splits an object or a list into its members in the order they were written.
fn ordered(text: &str) -> Vec<(String, String)> {
    if text.starts_with('[') {
        let list: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
        return list
            .iter()
            .enumerate()
            .map(|(at, raw)| (at.to_string(), raw.get().to_owned()))
            .collect();
    }
    serde_json::from_str::<Ordered>(text).unwrap().0
}

/// The members of an object as they were written; `serde_json`'s own map sorts them.
struct Ordered(Vec<(String, String)>);

impl<'de> serde::Deserialize<'de> for Ordered {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = Ordered;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut members = Vec::new();
                while let Some((key, raw)) = map.next_entry::<String, Box<RawValue>>()? {
                    members.push((key, raw.get().to_owned()));
                }
                Ok(Ordered(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
