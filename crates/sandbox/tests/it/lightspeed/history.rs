//! Large lists: a past that is told quickly, and pages that are right however much lies before them.

use http::Method;
use jiff::Timestamp;
use proptest::prelude::*;
use schakel_sandbox::lightspeed::traffic::Past;
use schakel_sandbox::lightspeed::{Cart, Kind};
use serde_json::Value;

use super::{NOW_S, World, open};

const DAY_S: i64 = 86_400;

/// A record of a list: id, created and updated in seconds since 1970.
type Timed = (u64, i64, i64);

fn timed(record: &Value) -> Timed {
    let seconds = |name: &str| {
        record[name]
            .as_str()
            .unwrap()
            .parse::<Timestamp>()
            .unwrap()
            .as_second()
    };
    (
        record["id"].as_u64().unwrap(),
        seconds("createdAt"),
        seconds("updatedAt"),
    )
}

/// Reads a whole list, one record per call, by the ids that the shop says it has.
async fn truth(world: &World, list: &str) -> Vec<Timed> {
    let orders = || world.shop.ids(Kind::Order).into_iter();
    let ids: Vec<u64> = match list {
        "customers" => world.shop.ids(Kind::Customer),
        "quotes" => world.shop.ids(Kind::Quote),
        "invoices" => orders().map(|id| world.shop.order(id).unwrap().invoice).collect(),
        "shipments" => orders()
            .map(|id| world.shop.order(id).unwrap().shipment)
            .collect(),
        _ => orders().collect(),
    };
    let mut all = Vec::new();
    for id in ids {
        let answer = world.get(&format!("/nl/{list}/{id}.json")).await;
        let singular = list.trim_end_matches('s');
        all.push(timed(&answer.json()[singular]));
    }
    all
}

/// Makes a shop with a past, in which some records were changed and some deleted since.
async fn lived_in(seed: u64) -> World {
    let world = open();
    world.shop.fill(&Past {
        customers: 300,
        orders: 700,
        rows_per_order: 1,
        days: 40,
        seed,
    });
    world.wait_s(3_600);
    let orders = world.shop.ids(Kind::Order);
    let customers = world.shop.ids(Kind::Customer);
    for nth in 0..20 {
        let at =
            |length: usize| usize::try_from(seed.wrapping_mul(2_654_435_761) + nth * 7_919).unwrap() % length;
        world.shop.delete_order(orders[at(orders.len())]);
        world.shop.pay_order(orders[at(orders.len() - 1)]);
        world
            .shop
            .change_email(customers[at(customers.len())], "anders@example.org");
        world.shop.delete_customer(customers[at(customers.len() - 7)]);
        world.shop.fill_cart(&Cart::default());
    }
    world
}

async fn page(world: &World, list: &str, query: &str) -> Vec<Timed> {
    let answer = world
        .get(&format!("/nl/{list}.json?fields=id,createdAt,updatedAt&{query}"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()[list]
        .as_array()
        .unwrap()
        .iter()
        .map(timed)
        .collect()
}

/// The instant `minutes` after the past began, as a filter has it.
fn instant(minutes: i64) -> (i64, String) {
    let at_s = NOW_S - 40 * DAY_S + minutes * 60;
    (at_s, Timestamp::from_second(at_s).unwrap().to_string())
}

/// A minute of the past, or one before or after all of it.
fn minute() -> impl Strategy<Value = i64> {
    prop_oneof![Just(-9), 0_i64..58_000, Just(58_000)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn pages_and_counts_are_those_of_a_walk_over_everything(
        seed in 0_u64..1_000,
        list in prop::sample::select(vec!["customers", "orders", "invoices", "shipments", "quotes"]),
        windows in prop::collection::vec((prop::bool::ANY, minute(), minute()), 2..5),
        limit in 40_usize..=250,
        since in prop::option::of(0_usize..700),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = lived_in(seed).await;
            let all = truth(&world, list).await;
            for (is_updated, one, other) in windows {
                let name = if is_updated { "updated" } else { "created" };
                let ((min_s, min), (max_s, max)) = (instant(one.min(other)), instant(one.max(other)));
                let since = since.and_then(|nth| all.get(nth)).map_or(0, |(id, _, _)| *id);
                let is_meant = |(id, created_s, updated_s): &&Timed| {
                    let at_s = if is_updated { *updated_s } else { *created_s };
                    *id > since && at_s >= min_s && at_s <= max_s
                };
                let expected: Vec<Timed> = all.iter().filter(is_meant).copied().collect();
                let filter = format!("{name}_at_min={min}&{name}_at_max={max}&since_id={since}");
                let count = world.get(&format!("/nl/{list}/count.json?{filter}")).await.json();
                assert_eq!(count["count"], expected.len(), "{list} {filter}");
                let mut paged = Vec::new();
                for number in 1..=expected.len() / limit + 1 {
                    paged.extend(page(&world, list, &format!("{filter}&limit={limit}&page={number}")).await);
                }
                assert_eq!(paged, expected, "{list} {filter}");
            }
        });
    }
}

#[tokio::test]
async fn a_past_is_spread_over_its_days_and_the_same_for_one_seed() {
    let past = Past {
        customers: 200,
        orders: 500,
        days: 50,
        ..Past::default()
    };
    let (world, twin) = (open(), open());
    world.shop.fill(&past);
    twin.shop.fill(&past);
    let counts = world.shop.counts();
    assert_eq!(
        (counts.customers, counts.guests, counts.orders, counts.order_rows),
        (200, 0, 500, 1_500)
    );
    let ids = world.shop.ids(Kind::Order);
    let per_fifth = |nth: i64| {
        let from_s = NOW_S - (50 - nth * 10) * DAY_S;
        let is_in = |id: &&u64| {
            let created_s = world.shop.order(**id).unwrap().created_s;
            (from_s..from_s + 10 * DAY_S).contains(&created_s)
        };
        ids.iter().filter(is_in).count()
    };
    for nth in 0..5 {
        assert!((90..=110).contains(&per_fifth(nth)), "{nth}: {}", per_fifth(nth));
    }
    for id in &ids {
        let facts = world.shop.order(*id).unwrap();
        assert!(facts.updated_s <= NOW_S && facts.created_s <= facts.updated_s);
        assert_eq!(
            world.shop.record_json(Kind::Order, *id),
            twin.shop.record_json(Kind::Order, *id)
        );
    }
    let sent = ids
        .iter()
        .filter(|id| world.shop.order(**id).unwrap().shipment_status == "shipped");
    assert!(sent.count() > 300, "most orders of the past are sent");
}

#[tokio::test]
async fn a_past_is_told_in_silence_and_goes_on_where_it_ended() {
    let world = open();
    world.hook("orders", "*", "http://127.0.0.1:9/hooks").await;
    world.hook("customers", "*", "http://127.0.0.1:9/hooks").await;
    let past = |seed| Past {
        customers: 20,
        orders: 30,
        seed,
        ..Past::default()
    };
    world.shop.fill(&past(1));
    world.shop.fill(&past(2));
    assert_eq!(world.shop.webhook_counts().queued, 0);
    let mut emails: Vec<String> = world
        .shop
        .ids(Kind::Customer)
        .into_iter()
        .map(|id| world.shop.person(id).unwrap().email().to_lowercase())
        .collect();
    emails.sort();
    emails.dedup();
    assert_eq!(emails.len(), 40, "everybody has an address of his own");
}

#[tokio::test]
async fn rows_shift_when_a_record_goes_between_two_pages() {
    let world = open();
    world.shop.fill(&Past {
        customers: 10,
        orders: 600,
        ..Past::default()
    });
    let ids = world.shop.ids(Kind::Order);
    let first = page(&world, "orders", "limit=250&page=1").await;
    assert_eq!(first.last().unwrap().0, ids[249]);
    let gone = world
        .call(Method::GET, &format!("/nl/orders/{}.json", ids[10]), "")
        .await;
    assert_eq!(gone.status, 200);
    assert!(world.shop.delete_order(ids[10]));
    let second = page(&world, "orders", "limit=250&page=2").await;
    assert_eq!(second.first().unwrap().0, ids[251], "one order is on no page");
    let since = page(&world, "orders", &format!("limit=250&since_id={}", ids[249])).await;
    assert_eq!(since.first().unwrap().0, ids[250], "by id none is missed");
}

/// What the shop knows of a list from before a change does not outlive it.
#[tokio::test]
async fn a_change_shows_in_a_list_that_was_read_before() {
    let world = open();
    world.shop.fill(&Past {
        customers: 300,
        orders: 300,
        ..Past::default()
    });
    world.wait_s(60);
    let since = format!("updated_at_min={}", instant(40 * 24 * 60 + 1).1);
    assert!(page(&world, "customers", &since).await.is_empty());
    let customer = world.shop.ids(Kind::Customer)[3];
    world.shop.change_email(customer, "anders@example.org");
    let changed = page(&world, "customers", &since).await;
    assert_eq!(
        changed.iter().map(|(id, _, _)| *id).collect::<Vec<u64>>(),
        [customer]
    );
}
