//! The source against the simulator of the platform: what it sends is understood, what is asked is answered.

use schakel_core::connector::{ConnectorError, Normalised, Source};
use schakel_core::entity::RowsSeen;
use schakel_core::privacy::Secret;
use schakel_core::record::RecordKind;
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_sandbox::lightspeed::{Access, Kind, Options, Permissions, RestFault, RowsChange};

use super::simulated::{open, open_with, order_in, unlimited};

#[tokio::test]
async fn registering_twice_registers_one_time() {
    let world = open().await;
    let first = world.source.register(&world.cx, &world.address).await.unwrap();
    assert_eq!(
        (first.kept, first.created, first.removed, first.foreign),
        (0, 8, 0, 0)
    );
    let second = world.source.register(&world.cx, &world.address).await.unwrap();
    assert_eq!(
        (second.kept, second.created, second.removed, second.foreign),
        (8, 0, 0, 0)
    );
    let other = world
        .source
        .register(&world.cx, "http://127.0.0.1:9/else")
        .await
        .unwrap();
    assert_eq!((other.created, other.foreign), (8, 8));
    assert_eq!(world.shop.counts().webhooks, 16);
}

#[tokio::test]
async fn an_order_that_is_placed_arrives_as_the_shop_holds_it() {
    let world = open().await;
    world.source.register(&world.cx, &world.address).await.unwrap();
    let id = world.place_order();
    world.shop.webhooks_idle().await;
    let facts = world.shop.order(id).unwrap();

    let deliveries = world.receiver.take();
    let all: Vec<Normalised> = deliveries
        .iter()
        .map(|delivery| world.understand(delivery))
        .collect();
    for normalised in &all {
        assert!(normalised.problems.is_empty(), "{:?}", normalised.problems);
    }
    let order = all.iter().find_map(order_in).expect("orders/created was sent");
    assert_eq!(order.number, facts.number);
    assert_eq!(order.person.email, "gijs.gast@example.org");
    assert_eq!(u64::try_from(order.customer_id).ok(), facts.customer);
    assert_eq!(order.price_incl.ten_thousandths(), Some(facts.price_incl_e4));
    let rows: Vec<(u64, u64)> = order
        .rows
        .iter()
        .map(|row| {
            (
                u64::try_from(row.id).unwrap(),
                row.quantity_ordered.0.parse().unwrap(),
            )
        })
        .collect();
    let expected: Vec<(u64, u64)> = facts.rows.iter().map(|row| (row.id, row.quantity)).collect();
    assert_eq!(rows, expected);

    // The same thing, fetched, says the same.
    let answer = world.fetch(RecordKind::Order, id).await;
    assert!(answer.problems.is_empty(), "{:?}", answer.problems);
    let mut fetched = order_in(&answer).unwrap().clone();
    fetched.rows_seen = order.rows_seen;
    assert_eq!(&fetched, order);
}

/// A realistic mix of traffic: everything that the platform sends is taken in without a note.
#[tokio::test]
async fn mixed_traffic_is_understood_without_a_note() {
    let world = open().await;
    world.source.register(&world.cx, &world.address).await.unwrap();
    let mut generator = Generator::new(&world.shop, Seed::new(11), Mix::default());
    generator.run(60).await;
    world.shop.webhooks_idle().await;
    let deliveries = world.receiver.take();
    assert!(deliveries.len() > 60);
    for delivery in &deliveries {
        let normalised = world.understand(delivery);
        assert!(normalised.problems.is_empty(), "{:?}", normalised.problems);
        assert!(!normalised.records.is_empty() || !normalised.wanted.is_empty());
        if let Some(order) = order_in(&normalised) {
            assert!(
                matches!(order.rows_seen, RowsSeen::At(_)),
                "orders embed their rows"
            );
        }
    }
}

#[tokio::test]
async fn every_kind_is_fetched_and_understood() {
    let world = open().await;
    let mut generator = Generator::new(&world.shop, Seed::new(3), Mix::default());
    generator.history(40, 86_400);
    let kinds = [
        (Kind::Customer, RecordKind::Customer),
        (Kind::Subscription, RecordKind::Subscription),
        (Kind::Quote, RecordKind::Quote),
        (Kind::Order, RecordKind::Order),
        (Kind::Product, RecordKind::Product),
        (Kind::Variant, RecordKind::Variant),
    ];
    for (simulated, kind) in kinds {
        let id = *world.shop.ids(simulated).first().unwrap();
        let normalised = world.fetch(kind, id).await;
        assert!(
            normalised.problems.is_empty(),
            "{kind:?}: {:?}",
            normalised.problems
        );
        let keys: Vec<_> = normalised
            .records
            .iter()
            .map(|record| (record.key.kind, record.key.remote_id))
            .collect();
        assert_eq!(keys, [(kind, i64::try_from(id).unwrap())]);
        assert!(normalised.records[0].content.is_some());
    }
    let facts = world.shop.order(world.shop.ids(Kind::Order)[0]).unwrap();
    for (kind, id) in [
        (RecordKind::Shipment, facts.shipment),
        (RecordKind::Invoice, facts.invoice),
    ] {
        let normalised = world.fetch(kind, id).await;
        assert_eq!(normalised.records.len(), 1, "{kind:?}: {:?}", normalised.problems);
    }
}

#[tokio::test]
async fn what_was_deleted_is_wanted_and_then_gone() {
    let world = open().await;
    world.source.register(&world.cx, &world.address).await.unwrap();
    let id = world.place_order();
    world.shop.webhooks_idle().await;
    world.receiver.take();
    let row = world.shop.order(id).unwrap().rows[0].id;
    assert!(world.shop.edit_order_rows(&RowsChange {
        order: id,
        removed: vec![row]
    }));
    let answer = world.fetch(RecordKind::Order, id).await;
    assert_eq!(order_in(&answer).unwrap().rows.len(), 1);

    assert!(world.shop.delete_order(id));
    world.shop.webhooks_idle().await;
    let wanted: Vec<(RecordKind, i64)> = world
        .receiver
        .take()
        .iter()
        .flat_map(|delivery| world.understand(delivery).wanted)
        .collect();
    let remote_id = i64::try_from(id).unwrap();
    assert!(wanted.contains(&(RecordKind::Order, remote_id)));
    let gone = world.fetch(RecordKind::Order, id).await;
    assert_eq!(gone.records.len(), 1);
    assert_eq!(gone.records[0].content, None);
}

#[tokio::test]
async fn check_passes_with_all_permissions_and_names_what_is_missing() {
    let world = open().await;
    let report = world.source.check(&world.cx).await.unwrap();
    assert!(report.is_good(), "{report:?}");
    assert!(report.identity.contains("297541"));

    let options = Options {
        permissions: Permissions {
            orders: Access::NONE,
            customers: Access::READ,
            ..Permissions::default()
        },
        ..unlimited()
    };
    let world = open_with(options, |_| {}).await;
    let report = world.source.check(&world.cx).await.unwrap();
    let refused: Vec<&str> = report
        .lines
        .iter()
        .filter(|line| !line.is_granted)
        .map(|line| line.subject.as_str())
        .collect();
    assert_eq!(refused, ["orders: read", "customers: write"]);
    let refusal = world.source.fetch(&world.cx, RecordKind::Order, 1).await;
    let Err(ConnectorError::Rejected(text)) = refusal else {
        panic!("a refusal is no deletion: {refusal:?}");
    };
    assert!(text.contains("`orders`"), "{text}");
}

#[tokio::test]
async fn a_section_that_is_refused_with_401_is_told_from_a_key_that_is() {
    let options = Options {
        permissions: Permissions {
            orders: Access::NONE,
            ..Permissions::default()
        },
        refusal_status: 401,
        ..unlimited()
    };
    let world = open_with(options, |_| {}).await;
    let refusal = world.source.fetch(&world.cx, RecordKind::Order, 1).await;
    let Err(ConnectorError::Rejected(text)) = refusal else {
        panic!("the key is good: {refusal:?}");
    };
    assert!(text.contains("`orders`"), "{text}");
}

#[tokio::test]
async fn a_wrong_key_and_a_language_that_is_off_are_told_apart() {
    let world = open_with(unlimited(), |settings| settings.api_secret = Secret::new("wrong")).await;
    assert!(matches!(
        world.source.check(&world.cx).await,
        Err(ConnectorError::Unauthorised(_))
    ));

    let world = open_with(unlimited(), |settings| settings.language = "fr".to_owned()).await;
    let report = world.source.check(&world.cx).await.unwrap();
    assert!(!report.is_good());
    let refusal = world.source.fetch(&world.cx, RecordKind::Order, 1).await;
    assert!(
        matches!(refusal, Err(ConnectorError::SwitchedOff(_))),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn faults_of_the_platform_have_their_meaning() {
    let world = open().await;
    let id = world.place_order();
    let waits = [
        (RestFault::TooManySeconds(7), 7_000..=7_000),
        (RestFault::TooManyDate(90), 80_000..=90_000),
        // All windows have something left, so it is the second that is used up.
        (RestFault::TooManyBare, 1_000..=1_000),
    ];
    for (fault, range) in waits {
        world.shop.fail_next(fault, 1);
        let id = i64::try_from(id).unwrap();
        let refusal = world.source.fetch(&world.cx, RecordKind::Order, id).await;
        let Err(ConnectorError::RateLimited {
            retry_after_ms: Some(ms),
        }) = refusal
        else {
            panic!("429 is a limit: {refusal:?}");
        };
        assert!(range.contains(&ms), "{fault:?}: {ms}");
    }
    for fault in [RestFault::ServerError(502), RestFault::Cut] {
        world.shop.fail_next(fault, 1);
        let id = i64::try_from(id).unwrap();
        let refusal = world.source.fetch(&world.cx, RecordKind::Order, id).await;
        assert!(
            matches!(refusal, Err(ConnectorError::Unavailable(_))),
            "{refusal:?}"
        );
    }
    let answer = world.fetch(RecordKind::Order, id).await;
    assert!(order_in(&answer).is_some(), "the next call is as before");
}

/// A key of another shop answers everything; only the shop's own page tells.
#[tokio::test]
async fn a_key_of_another_shop_is_noticed_and_one_that_may_not_say_is_let_through() {
    let world = open().await;
    assert_eq!(world.source.connect(&world.cx).await, Ok(()));
    let world = open_with(unlimited(), |settings| settings.shop_id = 4711).await;
    let error = world.source.connect(&world.cx).await.unwrap_err();
    let ConnectorError::NotOurs(text) = error else {
        panic!("{error}");
    };
    assert!(text.contains("4711") && text.contains("297541"), "{text}");
    let options = Options {
        permissions: Permissions {
            settings: Access::NONE,
            ..Permissions::default()
        },
        ..unlimited()
    };
    let world = open_with(options, |settings| settings.shop_id = 4711).await;
    assert_eq!(
        world.source.connect(&world.cx).await,
        Ok(()),
        "`check` names the missing right"
    );
}
