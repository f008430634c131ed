//! A simulated shop on a socket, for the tests that need the platform itself.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schakel_connectors::lightspeed::{Lightspeed, Settings};
use schakel_core::connector::{
    Class, ConnectorError, Cx, Item, Method, Normalised, Page, PageAsk, Part, Request, Source, Span,
};
use schakel_core::entity::Order;
use schakel_core::privacy::Secret;
use schakel_core::record::{Content, RecordKind};
use schakel_core::time::{ManualClock, Timestamp};
use schakel_sandbox::door::{HandClock, Seed, Served};
use schakel_sandbox::lightspeed::{Buyer, Goods, Kind, NewOrder, Options, Person, Simulator, Text};
use serde_json::Value;

use super::socket::{Delivery, Receiver, Socket, listen};
use super::world::{fetched, stored, take};

/// 12 May 2026, 17:25:37 in Amsterdam, in microseconds.
pub const NOW_US: i64 = 1_778_599_537_000_000;

/// A simulated shop on a socket, a source that knows it, and a receiver of its webhooks.
pub struct World {
    pub shop: Simulator,
    pub source: Lightspeed,
    pub cx: Cx,
    pub receiver: Receiver,
    pub address: String,
    api: String,
    _served: [Served; 2],
}

/// Opens a shop with `options`; `change` changes what the source is told of it.
pub async fn open_with(options: Options, change: impl FnOnce(&mut Settings)) -> World {
    let (key, secret) = (options.api_key.clone(), options.api_secret.clone());
    let shop_id = i64::try_from(options.shop_id).unwrap();
    let shop = Simulator::new(options, Arc::new(HandClock::at(NOW_US)), Seed::new(7));
    let api = listen(shop.router()).await;
    let receiver = Receiver::default();
    let entrance = listen(receiver.router()).await;
    let mut settings = Settings::new(shop_id, Secret::new(key), Secret::new(secret));
    settings.base_url = format!("http://{}/", api.addr);
    change(&mut settings);
    World {
        shop,
        source: Lightspeed::new(settings),
        cx: Cx::new(
            Arc::new(Socket::new()),
            Arc::new(ManualClock::at(Timestamp::from_micros(NOW_US))),
        ),
        receiver,
        api: format!("http://{}/", api.addr),
        address: format!("http://{}/in/token", entrance.addr),
        _served: [api, entrance],
    }
}

/// A shop that never says that there were too many calls.
pub fn unlimited() -> Options {
    Options {
        limits: [1_000_000; 3],
        per_second: 1_000_000,
        ..Options::default()
    }
}

/// Opens a shop without limits.
pub async fn open() -> World {
    open_with(unlimited(), |_| {}).await
}

impl World {
    /// Lets a guest order two rows, and gives the id of the order.
    pub fn place_order(&self) -> u64 {
        let variants = self.shop.ids(Kind::Variant);
        let person = Person::of(&[
            (Text::Email, "gijs.gast@example.org"),
            (Text::Firstname, "Gijs"),
            (Text::Lastname, "Gast"),
        ]);
        let goods = |quantity: u16, at: usize| Goods {
            variant: Some(variants[at]),
            quantity,
        };
        let order = NewOrder {
            buyer: Buyer::Guest(person),
            goods: vec![goods(1, 0), goods(3, 1)],
            quote: None,
            is_newsletter: false,
            discount_percent: 0,
        };
        self.shop.place_order(order).unwrap()
    }

    /// Takes one delivery through receive and normalise.
    pub fn understand(&self, (headers, body): &Delivery) -> Normalised {
        let received = take(&self.source, headers, body).expect("the simulator signs as the platform does");
        self.source.normalise(&stored(received, body.clone()))
    }

    /// Fetches one thing and normalises the answer.
    pub async fn fetch(&self, kind: RecordKind, id: u64) -> Normalised {
        let id = i64::try_from(id).unwrap();
        let answer = self.source.fetch(&self.cx, kind, id).await.unwrap();
        self.source
            .normalise(&fetched(kind, id, answer.status, answer.body))
    }
}

impl World {
    /// Reads one page; `cursor` is empty at the start.
    pub async fn page(&self, part: Part, span: Span, cursor: &str) -> Result<Page, ConnectorError> {
        let ask = PageAsk {
            part,
            span,
            cursor,
            is_ids_only: false,
        };
        self.source.list(&self.cx, ask).await
    }

    /// Reads all pages of a list.
    pub async fn walk(&self, part: Part, span: Span, is_ids_only: bool) -> Vec<Page> {
        let mut pages = Vec::new();
        let mut cursor = Some(String::new());
        while let Some(at) = cursor.take() {
            let ask = PageAsk {
                part,
                span,
                cursor: &at,
                is_ids_only,
            };
            let page = self.source.list(&self.cx, ask).await.unwrap();
            cursor.clone_from(&page.next);
            pages.push(page);
        }
        pages
    }

    /// Reads all things of a list.
    pub async fn items(&self, part: Part) -> Vec<Item> {
        let pages = self.walk(part, Span::default(), false).await;
        pages.into_iter().flat_map(|page| page.items).collect()
    }

    /// Writes something into the shop through its API, and gives what it answers.
    pub async fn write(&self, method: Method, path: &str, body: Value) -> Value {
        let options = self.shop.options();
        let pair = format!("{}:{}", options.api_key, options.api_secret);
        let request = Request {
            method,
            url: format!("{}nl/{path}.json", self.api),
            headers: vec![
                ("authorization", format!("Basic {}", STANDARD.encode(pair))),
                ("content-type", "application/json".to_owned()),
            ],
            body: body.to_string().into(),
            timeout_ms: 1_000,
            class: Class::Live,
            label: "a write of a test",
        };
        let answer = self.cx.http.send(request).await.unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        serde_json::from_slice(&answer.body).unwrap()
    }
}

/// The order that something says, if any.
pub fn order_in(normalised: &Normalised) -> Option<&Order> {
    normalised
        .records
        .iter()
        .find_map(|record| match &record.content {
            Some(Content::Order(order)) => Some(order.as_ref()),
            _ => None,
        })
}
