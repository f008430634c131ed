//! Lists, counts and rows against the simulator of the platform.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use schakel_core::connector::{ConnectorError, Item, Method, Part, Source, Span};
use schakel_core::entity::QuoteRow;
use schakel_core::event::Origin;
use schakel_core::record::{Content, RecordKind};
use schakel_core::time::Timestamp;
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix, Past};
use schakel_sandbox::lightspeed::{
    Access, Burst, Kind, NewCustomer, Permissions, Person, RestFault, Simulator, Text,
};
use serde_json::{Value, json};

use super::simulated::{NOW_US, World, open, open_with, unlimited};
use super::world::{fetched, listed, stored, take};

fn register(shop: &Simulator, nth: u32) -> u64 {
    let email = format!("klant{nth}@example.org");
    shop.with_burst(Burst::SILENT).create_customer(NewCustomer {
        person: Person::of(&[
            (Text::Email, &email),
            (Text::Firstname, "Kim"),
            (Text::Lastname, "Klant"),
        ]),
        language: Some("nl".to_owned()),
        is_confirmed: true,
    })
}

fn remote(id: u64) -> i64 {
    i64::try_from(id).unwrap()
}

fn ids(items: &[Item]) -> Vec<i64> {
    items.iter().map(|item| item.remote_id).collect()
}

/// The contents that an item or answer says, by kind and id.
type Contents = BTreeMap<(RecordKind, i64), Option<Content>>;

impl World {
    fn said(&self, kind: RecordKind, item: &Item) -> Contents {
        let normalised = self.source.normalise(&listed(kind, item, Origin::Backfill));
        assert!(
            normalised.problems.is_empty(),
            "{kind:?}: {:?}",
            normalised.problems
        );
        assert!(normalised.wanted.is_empty(), "{kind:?}: {:?}", normalised.wanted);
        contents(normalised.records)
    }

    async fn fetched(&self, kind: RecordKind, id: i64) -> Contents {
        contents(self.fetch(kind, u64::try_from(id).unwrap()).await.records)
    }
}

fn contents(records: Vec<schakel_core::record::Record>) -> Contents {
    records
        .into_iter()
        .map(|record| ((record.key.kind, record.key.remote_id), record.content))
        .collect()
}

#[tokio::test]
async fn a_walk_misses_nothing_and_brings_nothing_twice_while_the_shop_goes_on() {
    let world = open().await;
    let at_start: Vec<u64> = (0..600).map(|nth| register(&world.shop, nth)).collect();
    let silent = world.shop.with_burst(Burst::SILENT);
    let mut seen = Vec::new();
    let mut cursor = Some(String::new());
    let mut pages = 0_u32;
    while let Some(at) = cursor.take() {
        let page = world.page(Part::Customers, Span::default(), &at).await.unwrap();
        assert!(page.items.is_sorted_by_key(|item| item.remote_id));
        assert!(page.at.is_some() && page.items.iter().all(|item| item.updated_at.is_some()));
        seen.extend(ids(&page.items));
        cursor = page.next;
        // What was read, what is to be read next and what is new: all of it moves a walk by page number.
        for nth in [0, 7, 251 + pages as usize, 598] {
            silent.delete_customer(at_start[nth]);
        }
        register(&world.shop, 1_000 + pages);
        pages += 1;
    }
    let distinct: BTreeSet<i64> = seen.iter().copied().collect();
    assert_eq!(
        (pages, distinct.len()),
        (3, seen.len()),
        "three pages, nothing twice"
    );
    for id in world.shop.ids(Kind::Customer).into_iter().map(remote) {
        assert!(
            distinct.contains(&id) || id > *seen.last().unwrap(),
            "{id} was there all the time"
        );
    }
}

#[tokio::test]
async fn filters_choose_and_counts_agree_with_lists() {
    let world = open().await;
    for days in 0..30 {
        let then = world.shop.in_the_past(days * 86_400);
        register(&then, u32::try_from(days).unwrap());
    }
    let day = |ago: i64| Timestamp::from_micros(NOW_US).plus_ms(-ago * 86_400_000);
    let spans = [
        (Span::default(), 30),
        (
            Span {
                created_from: Some(day(9)),
                ..Span::default()
            },
            10,
        ),
        (
            Span {
                created_to: Some(day(20)),
                ..Span::default()
            },
            10,
        ),
        (
            Span {
                created_from: Some(day(14)),
                created_to: Some(day(10)),
                ..Span::default()
            },
            5,
        ),
        (
            Span {
                updated_from: Some(day(3)),
                ..Span::default()
            },
            4,
        ),
    ];
    for (span, expected) in spans {
        let pages = world.walk(Part::Customers, span, false).await;
        assert_eq!(
            pages.iter().map(|page| page.items.len()).sum::<usize>(),
            expected,
            "{span:?}"
        );
        let count = world.source.count(&world.cx, Part::Customers, span).await;
        assert_eq!(count, Ok(expected as u64), "{span:?}");
    }
    world.place_order();
    for part in world.source.parts() {
        let count = world
            .source
            .count(&world.cx, *part, Span::default())
            .await
            .unwrap();
        let expected = match part {
            Part::Products => world.shop.counts().products as u64,
            Part::Variants => world.shop.ids(Kind::Variant).len() as u64,
            Part::Customers => 31,
            Part::Orders | Part::OrderRows | Part::Shipments => 1,
            _ => 0,
        };
        assert_eq!(count, expected, "{part:?}");
    }
}

#[tokio::test]
async fn ids_alone_come_with_their_times_and_without_contents() {
    let world = open().await;
    Generator::new(&world.shop, Seed::new(3), Mix::default()).history(30, 86_400);
    for part in [
        Part::Products,
        Part::Customers,
        Part::Subscriptions,
        Part::Quotes,
        Part::Orders,
        Part::Shipments,
    ] {
        let whole = world.items(part).await;
        let bare: Vec<Item> = world
            .walk(part, Span::default(), true)
            .await
            .into_iter()
            .flat_map(|page| page.items)
            .collect();
        assert_eq!(ids(&whole), ids(&bare), "{part:?}");
        assert!(!bare.is_empty(), "{part:?}");
        for (one, other) in whole.iter().zip(&bare) {
            assert_eq!(one.updated_at, other.updated_at);
            assert!(one.updated_at.is_some() && other.body.is_empty() && !one.body.is_empty());
        }
    }
}

/// What a list says of a thing is what a fetch of it says; of products only what is used is asked for.
#[tokio::test]
async fn an_item_says_what_a_fetch_says() {
    let world = open().await;
    Generator::new(&world.shop, Seed::new(5), Mix::default()).history(25, 86_400);
    for part in [
        Part::Products,
        Part::Customers,
        Part::Subscriptions,
        Part::Quotes,
        Part::Shipments,
    ] {
        let items = world.items(part).await;
        for item in items.iter().step_by(items.len().div_ceil(20)) {
            let fetched = world.fetched(part.kind(), item.remote_id).await;
            assert_eq!(world.said(part.kind(), item), fetched, "{part:?}");
        }
    }
    let product = &world.items(Part::Products).await[0];
    assert!(!String::from_utf8_lossy(&product.body).contains("\"description\""));
    // What came by the sweep is as good.
    let sweep = world
        .source
        .normalise(&listed(RecordKind::Product, product, Origin::Sweep));
    assert_eq!(sweep.records.len(), 1);
}

/// An order from wherever, joined with its rows, says exactly what a fetch of the order says.
#[tokio::test]
async fn an_order_joined_with_its_rows_says_what_a_fetch_says() {
    let world = open().await;
    world.source.register(&world.cx, &world.address).await.unwrap();
    Generator::new(&world.shop, Seed::new(11), Mix::default())
        .run(15)
        .await;
    world.shop.webhooks_idle().await;
    let bodies: BTreeMap<i64, Bytes> = world
        .receiver
        .take()
        .into_iter()
        .filter_map(|(headers, body)| {
            let received = take(&world.source, &headers, &body).unwrap();
            let event = stored(received, body);
            let is_order = event.kind == Some(RecordKind::Order) && !event.body.is_empty();
            is_order.then_some((event.remote_id, event.body))
        })
        .collect();
    let orders = world.items(Part::Orders).await;
    assert!(orders.len() >= 15);
    for item in &orders {
        let rows = world
            .source
            .rows(&world.cx, Part::OrderRows, item.remote_id)
            .await
            .unwrap();
        assert_eq!(rows.status, 200);
        let join = |body: &Bytes| world.source.with_rows(Part::OrderRows, body, &rows.body).unwrap();
        let whole = join(&item.body);
        let joined = Item {
            body: whole.clone(),
            ..item.clone()
        };
        let of_list = world.said(RecordKind::Order, &joined);
        assert_eq!(of_list, world.fetched(RecordKind::Order, item.remote_id).await);
        // Once more, with what is joined already: as an engine that does not remember would do.
        assert_eq!(join(&whole), whole);
        // A payload embeds more; what it says of the order is the same when it is the newest.
        let of_hook = Item {
            body: join(&bodies[&item.remote_id]),
            ..item.clone()
        };
        let of_hook = world
            .source
            .normalise(&listed(RecordKind::Order, &of_hook, Origin::Sweep));
        let (own, embedded): (Vec<_>, Vec<_>) = of_hook
            .records
            .into_iter()
            .partition(|r| r.key.kind == RecordKind::Order);
        assert_eq!(
            contents(own).keys().collect::<Vec<_>>(),
            of_list.keys().collect::<Vec<_>>()
        );
        assert!(!embedded.is_empty());
    }
}

#[tokio::test]
async fn a_cart_joined_with_its_rows_lists_them() {
    let world = open().await;
    Generator::new(&world.shop, Seed::new(11), Mix::default()).history(10, 86_400);
    let mut with_rows = 0;
    for item in world.items(Part::Quotes).await {
        let rows = world
            .source
            .rows(&world.cx, Part::QuoteRows, item.remote_id)
            .await
            .unwrap();
        let body = world
            .source
            .with_rows(Part::QuoteRows, &item.body, &rows.body)
            .unwrap();
        let contents = world.said(RecordKind::Quote, &Item { body, ..item.clone() });
        let Some(Some(Content::Quote(quote))) = contents.values().next() else {
            panic!("a cart was listed");
        };
        let facts = world.shop.quote(u64::try_from(item.remote_id).unwrap()).unwrap();
        assert_eq!(quote.rows.len(), facts.rows);
        let is_told = |row: &QuoteRow| !row.price_incl.is_empty() && row.quantity.ten_thousandths() > Some(0);
        assert!(quote.rows.iter().all(is_told));
        // A gift is no variant of the catalogue.
        with_rows += usize::from(
            quote
                .rows
                .iter()
                .any(|row| row.variant_id > 0 && row.product_id > 0),
        );
    }
    assert!(with_rows > 5);
    let gone = world
        .source
        .rows(&world.cx, Part::QuoteRows, 999_999_999)
        .await
        .unwrap();
    assert_eq!(gone.status, 404);
    let refusal = world.source.rows(&world.cx, Part::Customers, 1).await;
    assert!(matches!(refusal, Err(ConnectorError::Unsupported(_))));
}

#[tokio::test]
async fn memberships_are_listed_one_by_one_and_joined_by_customer() {
    let world = open().await;
    let customers: Vec<u64> = (0..3).map(|nth| register(&world.shop, nth)).collect();
    let mut groups = Vec::new();
    for title in ["Vast", "Zakelijk"] {
        let made = world
            .write(Method::Post, "groups", json!({"group": {"title": title}}))
            .await;
        groups.push(made["group"]["id"].as_u64().unwrap());
    }
    for (group, customer) in [(0, 0), (1, 1), (1, 0)] {
        let body = json!({"groupsCustomer": {"group": groups[group], "customer": customers[customer]}});
        world.write(Method::Post, "groups/customers", body).await;
    }
    let items = world.items(Part::Groups).await;
    assert_eq!(ids(&items), [0, 1, 0].map(|nth| remote(customers[nth])));
    assert_eq!(
        world.source.count(&world.cx, Part::Groups, Span::default()).await,
        Ok(3)
    );
    for customer in customers.into_iter().map(remote) {
        let own = items.iter().filter(|item| item.remote_id == customer);
        let bodies: Vec<Bytes> = own.map(|item| item.body.clone()).collect();
        let body = world.source.join(Part::Groups, &bodies).unwrap();
        let joined = Item {
            remote_id: customer,
            updated_at: None,
            body,
        };
        let expected = world.fetched(RecordKind::Groups, customer).await;
        assert_eq!(world.said(RecordKind::Groups, &joined), expected);
    }
    assert_eq!(world.source.join(Part::Groups, &[Bytes::from_static(b"{")]), None);
    assert_eq!(world.source.join(Part::Orders, &[]), None);
}

impl World {
    async fn open_checkout(&self, nth: u32) -> i64 {
        let body = json!({"mode": "guest", "customer": {"email": format!("gast{nth}@example.org")}});
        let made = self.write(Method::Post, "checkouts", body).await;
        made["id"].as_i64().unwrap()
    }
}

#[tokio::test]
async fn checkouts_are_listed_without_envelope_and_fetched_alike() {
    let world = open().await;
    for count in 1..=2 {
        let id = world.open_checkout(count).await;
        let items = world.items(Part::Checkouts).await;
        assert_eq!(items.len(), count as usize, "a list of one is a list as well");
        let item = items.last().unwrap();
        assert_eq!(item.remote_id, id);
        let said = world.said(RecordKind::Checkout, item);
        assert_eq!(said, world.fetched(RecordKind::Checkout, id).await);
        let Some(Some(Content::Checkout(checkout))) = said.values().next() else {
            panic!("a checkout was listed");
        };
        assert_eq!(checkout.email, format!("gast{count}@example.org"));
        assert!(checkout.quote_id > 0 && checkout.order_id == 0 && checkout.created_at.is_some());
        assert_eq!(checkout.step, "shipment");
        let body: Value = serde_json::from_slice(&item.body).unwrap();
        assert_eq!(body["id"].as_i64(), Some(id));
    }
    assert_eq!(
        world
            .source
            .count(&world.cx, Part::Checkouts, Span::default())
            .await,
        Ok(2)
    );
    assert_eq!(
        world.fetched(RecordKind::Checkout, 1).await[&(RecordKind::Checkout, 1)],
        None
    );
}

#[tokio::test]
async fn all_checkouts_are_walked_and_those_outside_the_span_left_out() {
    let world = open().await;
    for nth in 0..260 {
        world.open_checkout(nth).await;
    }
    let items = world.items(Part::Checkouts).await;
    assert_eq!(ids(&items).into_iter().collect::<BTreeSet<_>>().len(), 260);
    // The platform passes over the filter, the source does not.
    let now = Timestamp::from_micros(NOW_US);
    for (from, expected) in [(now, 260), (now.plus_ms(60_000), 0)] {
        let span = Span {
            updated_from: Some(from),
            ..Span::default()
        };
        let pages = world.walk(Part::Checkouts, span, false).await;
        assert_eq!(pages.iter().map(|page| page.items.len()).sum::<usize>(), expected);
    }
}

#[tokio::test]
async fn a_page_that_did_not_come_whole_is_not_used() {
    let world = open().await;
    world.shop.fill(&Past {
        customers: 300,
        ..Past::default()
    });
    let first = world.page(Part::Customers, Span::default(), "").await.unwrap();
    let cursor = first.next.unwrap();
    let faults = [
        RestFault::Half,
        RestFault::Cut,
        RestFault::HtmlOk,
        RestFault::ServerError(502),
        RestFault::LoadBalancer,
    ];
    for fault in faults {
        world.shop.fail_next(fault, 1);
        let refusal = world.page(Part::Customers, Span::default(), &cursor).await;
        assert!(
            matches!(refusal, Err(ConnectorError::Unavailable(_))),
            "{fault:?}: {refusal:?}"
        );
    }
    let second = world
        .page(Part::Customers, Span::default(), &cursor)
        .await
        .unwrap();
    assert_eq!((second.items.len(), second.next), (50, None));
}

#[tokio::test]
async fn a_language_or_permission_that_goes_half_way_ends_no_list() {
    let world = open_with(unlimited(), |_| {}).await;
    world.shop.fill(&Past {
        customers: 300,
        ..Past::default()
    });
    let first = world.page(Part::Customers, Span::default(), "").await.unwrap();
    let cursor = first.next.unwrap();

    world.shop.set_language_active("nl", false);
    let refusal = world.page(Part::Customers, Span::default(), &cursor).await;
    let Err(ConnectorError::SwitchedOff(text)) = refusal else {
        panic!("a language that is off is no end: {refusal:?}");
    };
    assert!(text.contains("`nl`"), "{text}");
    world.shop.set_language_active("nl", true);

    let key = world.shop.options().api_key.clone();
    let none = Permissions {
        customers: Access::NONE,
        ..Permissions::default()
    };
    assert!(world.shop.set_permissions(&key, none));
    for answer in [
        world
            .page(Part::Customers, Span::default(), &cursor)
            .await
            .map(|_| ()),
        world
            .source
            .count(&world.cx, Part::Customers, Span::default())
            .await
            .map(|_| ()),
    ] {
        let Err(ConnectorError::Rejected(text)) = answer else {
            panic!("a refusal is no end: {answer:?}");
        };
        assert!(text.contains("`customers`"), "{text}");
    }
    assert!(world.shop.set_permissions(&key, Permissions::default()));
    let second = world
        .page(Part::Customers, Span::default(), &cursor)
        .await
        .unwrap();
    assert_eq!(second.items.len(), 50);
    // Nothing of it was ever taken for a deletion.
    let gone = world.source.normalise(&fetched(RecordKind::Customer, 1, 404, ""));
    assert_eq!(gone.records.len(), 1);
}
