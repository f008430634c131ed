//! Carts of one person, and what is switched on beside the preset.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use schakel_connectors::copernica::Copernica;
use schakel_core::event::{Action, Event, Origin, Trust};
use schakel_core::id::EventId;
use schakel_core::limits;
use schakel_core::preset::Preset;
use schakel_core::record::RecordKind;
use schakel_core::time::Timestamp;
use schakel_engine::hub::Hub;
use schakel_engine::report::{self, CartView, Presets, Reader};
use serde_json::{Value, json};

use crate::payloads::{NewOrder, at, customer, order, plain_order, quote};
use crate::world::{SINK, SOURCE, World, copernica_settings};

pub const CART: [&str; 2] = ["QuoteID", "BookerzQuotesDeleted"];

const ROW: [&str; 9] = [
    "QuoteRowID",
    "QuoteID",
    "ProductTitle",
    "VariantTitle",
    "SKU",
    "Quantity",
    "PriceIncl",
    "ThumbnailURL",
    "BookerzQuoteRowsDeleted",
];

/// Switches all extras and the rows of carts on.
pub fn with_everything(hub: &mut Hub) {
    let all: Vec<String> = Preset::extras().map(str::to_owned).collect();
    let preset = Preset::bookerz().with_extras(&all).unwrap();
    let preset = Arc::new(preset.with_quote_rows().unwrap());
    let sink = Copernica::new(copernica_settings(), preset.clone());
    hub.sinks.get_mut(&SINK).unwrap().sink = Arc::new(sink);
    let route = &mut hub.routes[0];
    route.preset = preset;
    route.has_quote_rows = true;
    route.carts.recovery_url = "https://shop.example.org/cart/recover/{hash}".to_owned();
}

/// An order of a customer, placed at a second, perhaps from a cart.
pub fn placed(id: i64, customer: &Value, second: u32, cart: Option<Value>) -> Value {
    let mut placed = order(&NewOrder {
        id,
        email: customer["email"].as_str().unwrap().to_owned(),
        customer: Some(customer.clone()),
        rows: vec![],
        quote: cart,
        updated: second,
        status: "new".to_owned(),
    });
    placed["createdAt"] = json!(at(second));
    placed
}

/// Puts what a list of history says into the inbox.
async fn from_history(world: &World, id: i64, kind: RecordKind, remote_id: i64, record: &Value) {
    let body = json!({ kind.as_str(): record });
    listed(world, (EventId(id), Origin::Backfill), (kind, remote_id), &body).await;
}

/// Puts what a list says about a thing into the inbox.
async fn listed(
    world: &World,
    (id, origin): (EventId, Origin),
    (kind, remote_id): (RecordKind, i64),
    body: &Value,
) {
    let event = Event {
        id,
        tenant: world.hub.tenant,
        connection: SOURCE,
        origin,
        class: origin.class(),
        trust: Trust::Payload,
        stream: format!("{}s", kind.as_str()),
        kind: Some(kind),
        action: Action::Updated,
        remote_id,
        ordinal: 0,
        status: 200,
        floor: Timestamp::ZERO,
        received_at: world.hub.clock.now(),
        asked_at: Some(world.hub.clock.now()).filter(|_| origin != Origin::Webhook),
        headers: "{}".to_owned(),
        body: Bytes::from(body.to_string()),
    };
    let turn = world.hub.store.intake().await.unwrap();
    turn.insert(&[event.into()]).await.unwrap();
}

/// What the shop says: the name of the webhook, or `checkouts` for what only a list tells of; about which id; what.
pub type Message = (&'static str, i64, Value);

/// Lets the shop say something.
pub async fn say(world: &World, (event, id, record): &Message) {
    if *event == "checkouts" {
        let event = EventId(world.hub.new_id());
        listed(world, (event, Origin::Sweep), (RecordKind::Checkout, *id), record).await;
    } else {
        world.webhook(event, *id, record).await;
    }
}

/// Gives the carts that the sink holds after these messages, each applied and delivered alone where `is_slow`.
async fn carts_after(messages: &[&Message], is_slow: bool) -> Vec<Vec<String>> {
    let mut world = World::new().await;
    for message in messages {
        say(&world, message).await;
        if is_slow {
            world.run_until_idle().await;
        }
    }
    world.run_until_idle().await;
    world.assert_nothing_double();
    let carts = without_owners(world.subprofiles("Quotes", &CART));
    for said in explained(&world).await {
        assert!(
            carts.contains(&said),
            "`explain` says {said:?}, {carts:?} stand there"
        );
    }
    carts
}

/// What `explain` says of the carts of everybody, as [`CART`] has it; of one whose a checkout says that it is only once it is
/// closed.
async fn explained(world: &World) -> Vec<Vec<String>> {
    let (mut carts, presets) = (Vec::new(), Presets::default());
    for (person, ..) in world.profiles() {
        let reader = world.reader(&presets);
        let found = report::explain(reader, &person.to_string(), 1).await.unwrap();
        carts.extend(found.into_iter().flat_map(|one| one.carts));
    }
    let is_closed = |cart: &CartView| cart.is_ordered || cart.is_gone;
    carts.retain(|cart| is_closed(cart) || !cart.is_by_checkout);
    let closed = |cart| if is_closed(cart) { "Yes" } else { "No" };
    let rows = carts.iter();
    rows.map(|cart| vec![cart.remote_id.to_string(), closed(cart).to_owned()])
        .collect()
}

/// Leaves the RelationIDs out, which depend on who came first.
fn without_owners(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|row| row[1..].to_vec()).collect();
    rows.sort();
    rows
}

/// Ends alike for these messages in many orders, some of them twice.
pub async fn ends_alike(messages: &[Message], expected: &[[&str; 2]]) {
    ends_alike_in(messages, expected, |_| true).await;
}

/// Ends alike as far as `is_seen` looks at a cart.
pub async fn ends_alike_in(messages: &[Message], expected: &[[&str; 2]], is_seen: fn(&[String]) -> bool) {
    for seed in 0..24_usize {
        let mut left: Vec<&Message> = messages.iter().collect();
        let (mut arranged, mut dice) = (Vec::new(), seed * 7919 + 1);
        while !left.is_empty() {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            arranged.push(left.remove((dice >> 33) % left.len()));
        }
        let repeated = arranged[seed % arranged.len()];
        arranged.push(repeated);
        let mut carts = carts_after(&arranged, seed % 2 == 0).await;
        carts.retain(|cart| is_seen(cart));
        let names: Vec<String> = arranged
            .iter()
            .map(|(event, id, _)| format!("{event} {id}"))
            .collect();
        assert_eq!(carts, expected, "after {names:?}");
    }
}

#[tokio::test]
async fn an_order_closes_the_older_carts_of_its_person_whatever_arrives_first() {
    let account = customer(11, "registered", "jan@example.org", 3);
    let guest = customer(12, "guest", "jan@example.org", 4);
    let messages = [
        ("customers/created", 11, account.clone()),
        ("quotes/created", 70, quote(70, 11, 5)),
        // Filled after every order: a new wish.
        ("quotes/updated", 71, quote(71, 11, 30)),
        // An order refers to it, however often the shop still touches it.
        ("quotes/updated", 72, quote(72, 11, 40)),
        ("orders/created", 900, placed(900, &guest, 20, None)),
        (
            "orders/created",
            901,
            placed(901, &account, 10, Some(quote(72, 11, 9))),
        ),
    ];
    ends_alike(&messages, &[["70", "Yes"], ["71", "No"], ["72", "Yes"]]).await;
}

#[tokio::test]
async fn carts_open_again_when_the_order_was_somebody_elses() {
    let jan = customer(11, "registered", "jan@example.org", 3);
    let els = customer(12, "registered", "els@example.org", 3);
    let mut corrected = placed(900, &els, 20, None);
    corrected["updatedAt"] = json!(at(25));
    let messages = [
        ("customers/created", 11, jan.clone()),
        ("customers/created", 12, els),
        ("quotes/created", 70, quote(70, 11, 5)),
        ("quotes/created", 71, quote(71, 12, 5)),
        ("orders/created", 900, placed(900, &jan, 20, None)),
        ("orders/updated", 900, corrected),
    ];
    ends_alike(&messages, &[["70", "No"], ["71", "Yes"]]).await;
}

#[tokio::test]
async fn people_who_part_again_take_their_orders_from_the_carts_of_the_other() {
    let mut world = World::new().await;
    let account = customer(11, "registered", "jan@example.org", 3);
    let guest = |email: &str, second| customer(12, "guest", email, second);
    world.webhook("customers/created", 11, &account).await;
    world.webhook("quotes/created", 70, &quote(70, 11, 5)).await;
    let order = placed(900, &guest("jan@example.org", 4), 20, None);
    world.webhook("orders/created", 900, &order).await;
    world.run_until_idle().await;
    assert_eq!(world.subprofiles("Quotes", &CART), [["1", "70", "Yes"]]);
    world
        .webhook("customers/updated", 12, &guest("els@example.org", 30))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.subprofiles("Quotes", &CART), [["1", "70", "No"]]);
    assert_eq!(world.subprofiles("Orders", &["OrderID"]), [["2", "900"]]);
}

#[tokio::test]
async fn a_cart_is_told_only_when_it_was_left_alone() {
    let hold_off = |hub: &mut Hub| hub.routes[0].carts.hold_off_ms = 2 * 3_600_000;
    let mut world = World::with(hold_off).await;
    let person = customer(11, "registered", "jan@example.org", 3);
    world.webhook("customers/created", 11, &person).await;
    world.webhook("quotes/created", 70, &quote(70, 11, 5)).await;
    world.run().await;
    assert!(world.subprofiles("Quotes", &CART).is_empty());
    // It is an hour old when the story begins; a change begins the wait anew.
    world.clock.advance_ms(59 * 60_000);
    world.webhook("quotes/updated", 70, &quote(70, 11, 600)).await;
    world.clock.advance_ms(2 * 60_000);
    world.run().await;
    assert!(world.subprofiles("Quotes", &CART).is_empty());
    world.clock.advance_ms(9 * 60_000);
    world.run().await;
    assert_eq!(world.subprofiles("Quotes", &CART), [["1", "70", "No"]]);
    // What stands in the sink is changed at once.
    world
        .webhook("orders/created", 900, &placed(900, &person, 700, None))
        .await;
    world.run().await;
    assert_eq!(world.subprofiles("Quotes", &CART), [["1", "70", "Yes"]]);
}

#[tokio::test]
async fn the_extras_tell_what_became_of_a_cart_and_how_to_get_it_back() {
    let mut world = World::with(|hub| {
        with_everything(hub);
        hub.routes[0].has_quote_rows = false;
        hub.routes[0].carts.expires_ms = 24 * 3_600_000;
    })
    .await;
    let person = customer(11, "registered", "jan@example.org", 3);
    world.webhook("customers/created", 11, &person).await;
    let mut old = quote(70, 11, 5);
    old["createdAt"] = json!("2026-04-01T10:00:00+02:00");
    old["updatedAt"] = json!("2026-04-01T10:00:00+02:00");
    world.webhook("quotes/created", 70, &old).await;
    world.webhook("quotes/created", 71, &quote(71, 11, 5)).await;
    world.run_until_idle().await;
    let url = |id: i64| format!("https://shop.example.org/cart/recover/{id:032x}");
    let told = world.subprofiles(
        "Quotes",
        &["QuoteID", "QuoteStatus", "BookerzQuotesDeleted", "RecoveryURL"],
    );
    assert_eq!(
        told,
        [
            ["1", "70", "Expired", "No", &url(70)],
            ["1", "71", "Open", "No", &url(71)]
        ]
    );
    world
        .webhook("orders/created", 900, &placed(900, &person, 20, None))
        .await;
    world.run_until_idle().await;
    let told = world.subprofiles("Quotes", &["QuoteID", "QuoteStatus", "BookerzQuotesDeleted"]);
    assert_eq!(
        told,
        [["1", "70", "Ordered", "Yes"], ["1", "71", "Ordered", "Yes"]]
    );
}

#[tokio::test]
async fn rows_of_a_cart_are_fetched_once_and_marked_when_they_leave() {
    let mut world = World::with(with_everything).await;
    let link =
        |kind: &str, id: i64| json!({"resource": {"id": id, "url": format!("{kind}/{id}"), "link": ""}});
    let row = |id: i64| {
        json!({"id": id, "quantity": 2, "priceExcl": 74.3388, "priceIncl": 89.95, "discountExcl": 0, "discountIncl": 0,
            "product": link("products", 5), "variant": link("variants", 6)})
    };
    let product = json!({"id": 5, "createdAt": at(0), "updatedAt": at(1), "url": "fietsbel", "title": "Fietsbel",
        "image": {"thumb": "https://cdn.example.org/t.jpg", "src": "https://cdn.example.org/f.jpg"}});
    let variant = json!({"id": 6, "createdAt": at(0), "updatedAt": at(1), "title": "Messing", "articleCode": "FB-1",
        "sku": "FB-1-M", "ean": "8712345678906", "image": false, "product": link("products", 5)});
    world.shop_has("/nl/products/5.json", json!({ "product": product }));
    world.shop_has("/nl/variants/6.json", json!({ "variant": variant }));
    let person = customer(11, "registered", "jan@example.org", 3);
    world.webhook("customers/created", 11, &person).await;
    let cart_has = |second, rows: Vec<Value>| {
        world.shop_has("/nl/quotes/70.json", json!({ "quote": quote(70, 11, second) }));
        world.shop_has("/nl/quotes/70/products.json", json!({ "quoteProducts": rows }));
    };
    cart_has(5, vec![row(701), row(702)]);
    world.webhook("quotes/created", 70, &quote(70, 11, 5)).await;
    world.run_until_idle().await;
    let shown = |world: &World| world.subprofiles("QuoteRows", &ROW);
    let line = |id: &'static str, gone: &'static str| {
        [
            "1",
            id,
            "70",
            "Fietsbel",
            "Messing",
            "FB-1-M",
            "2",
            "89.95",
            "https://cdn.example.org/t.jpg",
            gone,
        ]
    };
    assert_eq!(shown(&world), [line("701", "No"), line("702", "No")]);
    let asked: BTreeSet<String> = world
        .asked()
        .into_iter()
        .map(|path| path.split('?').next().unwrap().to_owned())
        .collect();
    let expected = [
        "/nl/products/5.json",
        "/nl/quotes/70/products.json",
        "/nl/variants/6.json",
    ];
    assert_eq!(asked, expected.map(str::to_owned).into());
    assert_eq!(
        world.asked().len(),
        3,
        "the cart came with its webhook, and nothing is asked twice for one version"
    );

    world.shop_has("/nl/quotes/70.json", json!({ "quote": quote(70, 11, 9) }));
    world.shop_has(
        "/nl/quotes/70/products.json",
        json!({ "quoteProducts": [row(702)] }),
    );
    world.webhook("quotes/updated", 70, &quote(70, 11, 9)).await;
    world.run_until_idle().await;
    assert_eq!(shown(&world), [line("701", "Yes"), line("702", "No")]);
    world.assert_nothing_double();
}

#[tokio::test]
async fn what_was_first_known_from_history_is_marked_and_stays_so() {
    let mut world = World::with(with_everything).await;
    let old = customer(11, "registered", "jan@example.org", 3);
    let live = customer(12, "registered", "els@example.org", 3);
    world.webhook("customers/created", 12, &live).await;
    world.run_until_idle().await;
    from_history(&world, 1, RecordKind::Customer, 11, &old).await;
    from_history(&world, 2, RecordKind::Order, 900, &plain_order(900, &old, 1, 5)).await;
    from_history(&world, 3, RecordKind::Customer, 12, &live).await;
    from_history(&world, 4, RecordKind::Order, 901, &plain_order(901, &live, 1, 5)).await;
    world.run_until_idle().await;
    let marked = |world: &World| {
        let profiles = |word| {
            world
                .copernica
                .find_profiles("schakel", "BookerzHistory", word)
                .len()
        };
        let orders = world.subprofiles("Orders", &["OrderID", "BookerzHistory"]);
        (profiles("Yes"), profiles("No"), without_owners(orders))
    };
    let expected = |last: &[[&str; 2]]| {
        let orders = [["900", "Yes"], ["901", "Yes"]].iter().chain(last);
        (
            1,
            1,
            orders
                .map(|order| order.map(str::to_owned).to_vec())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(marked(&world), expected(&[]));
    // News about both, and a new order of the person of history.
    let changed = customer(11, "registered", "jan@example.org", 20);
    world.webhook("customers/updated", 11, &changed).await;
    world
        .webhook("orders/updated", 900, &plain_order(900, &changed, 2, 21))
        .await;
    world
        .webhook("orders/created", 902, &plain_order(902, &changed, 1, 22))
        .await;
    world.run_until_idle().await;
    assert_eq!(marked(&world), expected(&[["902", "No"]]));
}

#[tokio::test]
async fn a_customer_who_is_asked_for_because_of_history_is_historic_too() {
    let mut world = World::with(with_everything).await;
    let person = customer(11, "registered", "jan@example.org", 3);
    world.shop_has("/nl/customers/11.json", json!({ "customer": person }));
    let mut order = plain_order(900, &person, 1, 5);
    order["customer"] = json!({"resource": {"id": 11, "url": "customers/11", "link": ""}});
    from_history(&world, 1, RecordKind::Order, 900, &order).await;
    world.run().await;
    assert!(world.asked().is_empty(), "it is held back");
    world.clock.advance_ms(limits::HELD_BACK_MS);
    world.run_until_idle().await;
    assert_eq!(world.asked(), ["/nl/customers/11.json"]);
    assert_eq!(
        world
            .copernica
            .find_profiles("schakel", "BookerzHistory", "Yes")
            .len(),
        1
    );
    assert_eq!(world.subprofiles("Orders", &["BookerzHistory"]), [["1", "Yes"]]);
}

#[tokio::test]
async fn what_is_switched_on_is_explained_by_its_name() {
    let mut world = World::with(with_everything).await;
    let person = customer(11, "registered", "jan@example.org", 3);
    world.webhook("customers/created", 11, &person).await;
    world.webhook("quotes/created", 70, &quote(70, 11, 5)).await;
    world.run_until_idle().await;
    let (store, tenant) = (&world.hub.store, world.hub.tenant);
    let known = store.ensure_connection(tenant, "mail", "copernica", SINK);
    known.await.unwrap();
    let fields = [(SINK, world.hub.routes[0].preset.clone())];
    let (own, plain) = (Presets::new(fields.into()), Presets::default());
    for (presets, history) in [(&own, Some(&json!("No"))), (&plain, None)] {
        let reader = Reader {
            store,
            tenant,
            presets,
            is_unconfirmed_enough: false,
        };
        let found = report::explain(reader, "jan@example.org", 9).await.unwrap();
        let shown = serde_json::to_value(&found[0].sinks[0].fields).unwrap();
        assert_eq!(shown.get("BookerzHistory"), history, "{shown}");
        assert_eq!(shown["Email"], "jan@example.org", "{shown}");
    }
}
