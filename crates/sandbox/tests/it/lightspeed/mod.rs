//! The Lightspeed eCom simulator against the fidelity list of its reference (lightspeed-ecom.md §9).
//!
//! A test is named after the item it shows. Calls go to the router in process unless an item is about
//! connections.

mod lists;
mod receiver;
mod values;
mod webhooks;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use base64::Engine;
use http::{HeaderMap, Method, Request, StatusCode};
use schakel_sandbox::door::{HandClock, Seed};
use schakel_sandbox::lightspeed::{Burst, Buyer, Goods, Kind, NewOrder, Options, Person, Simulator, Text};
use serde_json::Value;
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
        let basic = base64::engine::general_purpose::STANDARD.encode(pair);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Basic {basic}"))
            .header("content-type", content_type)
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = self.shop.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
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
        self.shop
            .create_customer(schakel_sandbox::lightspeed::NewCustomer {
                person: person(email),
                language: Some("nl".to_owned()),
                is_confirmed: true,
            })
    }

    /// Places an order of two rows.
    pub fn order(&self, buyer: Buyer) -> u64 {
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
            quote: None,
            is_newsletter: false,
            discount_percent: 0,
        };
        self.shop.with_burst(Burst::FULL).place_order(order).unwrap()
    }
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

/// The keys of an object in the order they were written.
pub fn keys(json: &Value) -> Vec<&str> {
    json.as_object().unwrap().keys().map(String::as_str).collect()
}
