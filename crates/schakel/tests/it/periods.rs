//! Histories by period through the commands: what was read of a period is read of that period only.

use std::collections::BTreeMap;

use schakel_core::time::{Clock, Timestamp};
use schakel_engine::clock::SystemClock;
use schakel_testkit::wait_until;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::history::{ORDERS, filled, part, states};
use crate::process::{END, Outside};

/// The day so many days before `now`, as the commands take it.
fn day(now: Timestamp, ago: i64) -> String {
    now.plus_ms(-ago * 86_400_000).to_string()[..10].to_owned()
}

/// Begins the history with further arguments; gives what became of it and the exit code.
fn start(outside: &Outside, arguments: &[&str]) -> (Value, i32) {
    let (said, exit) = outside.ask(&[&["backfill", "start"], arguments].concat());
    (said["histories"][0]["outcome"].clone(), exit)
}

/// The orders of the history, once all of it came to its end.
fn orders_once_done(outside: &Outside) -> Value {
    let is_done = || states(outside).iter().all(|state| state == "done");
    let end = wait_until(END, is_done);
    let (said, _) = outside.ask(&["backfill", "status"]);
    assert!(end, "{said}");
    part(&said["histories"][0]["history"]["parts"], "orders").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_was_read_is_not_the_history() {
    let outside = filled(17).await;
    block_in_place(|| {
        let now = SystemClock::new().now();
        let [from, inner, to, next] = [150, 120, 100, 99].map(|ago| day(now, ago));
        outside.run(&["setup"]);
        let _hub = outside.serve();
        let begins = (json!("begins"), 0);
        let read = (json!("read"), 3);

        assert_eq!(start(&outside, &["--from", &from, "--to", &to]), begins);
        let orders = orders_once_done(&outside);
        let seen = orders["seen"].as_u64().unwrap();
        assert!(seen > 0 && seen < ORDERS, "{orders}");
        let period =
            json!({ "from": format!("{from}T00:00:00.000000Z"), "to": format!("{to}T23:59:59.000000Z") });
        assert_eq!((&orders["period"], &orders["read"]), (&period, &json!([period])));
        let text = String::from_utf8(outside.run(&["backfill", "status"]).stdout).unwrap();
        for said in [
            format!("{seen} of {seen} created {from} to {to}"),
            format!("read so far is what was created {from} to {to}: "),
            "`schakel backfill start` reads the rest".to_owned(),
        ] {
            assert!(text.contains(&said), "{said}: {text}");
        }
        assert_eq!(start(&outside, &["--from", &inner, "--to", &to]), read);
        // Everything before and after was taken for new, and each order asked for by itself.
        let asked = outside.shop.calls();
        let reconcile = ["reconcile", "--part", "orders", "--wait"];
        let (said, exit) = outside.ask(&reconcile);
        let compared = &said["reconciliations"][0];
        let walk = &compared["walks"][0];
        assert_eq!((&compared["found"], exit), (&json!([]), 0), "{said}");
        assert_eq!(
            (&walk["listed"], &walk["doubted"]),
            (&json!(seen), &json!(0)),
            "{said}"
        );
        assert_eq!(outside.shop.calls() - asked, 2, "a page of ids and a count");
        let text = String::from_utf8(outside.run(&reconcile).stdout).unwrap();
        let period = format!("of orders only what was created {from} to {to}, where");
        assert!(text.contains(&period), "{text}");

        assert_eq!(start(&outside, &["--from", &next]), begins, "another period");
        let orders = orders_once_done(&outside);
        assert_eq!(
            orders["read"],
            json!([{ "from": format!("{from}T00:00:00.000000Z"), "to": null }]),
            "neighbours are one"
        );
        assert_eq!(start(&outside, &["--from", &inner]), read);
        assert_eq!(start(&outside, &[]), begins, "all of it");
        let orders = orders_once_done(&outside);
        assert_eq!(
            (&orders["seen"], &orders["is_all_read"]),
            (&json!(ORDERS), &json!(true))
        );
        for arguments in [&[][..], &["--from", &inner], &["--to", &to]] {
            assert_eq!(start(&outside, arguments), read, "{arguments:?}");
        }
        let text = String::from_utf8(outside.run(&["backfill", "status"]).stdout).unwrap();
        assert!(!text.contains("created"), "{text}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_begins_in_the_future_is_refused() {
    let outside = filled(18).await;
    block_in_place(|| {
        let tomorrow = day(SystemClock::new().now(), -1);
        for command in [&["plan"][..], &["backfill", "start"]] {
            let (said, exit) = outside.ask(&[command, &["--from", &tomorrow]].concat());
            assert_eq!((&said["error"]["code"], exit), (&json!("SCH-0106"), 2), "{said}");
            assert!(
                said["error"]["message"]
                    .as_str()
                    .unwrap()
                    .contains("in the future"),
                "{said}"
            );
        }
    });
}

/// A period refers to people and products that are older: what the plan says of them is what they cost, counted at the shop,
/// and then nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_a_period_tells_what_lies_outside_and_what_is_left() {
    let outside = filled(23).await;
    block_in_place(|| {
        let from = day(SystemClock::new().now(), 50);
        let period = ["plan", "--from", &from];
        outside.run(&["setup"]);
        let (said, exit) = outside.ask(&period);
        let plan = &said["plans"][0];
        let orders = part(&plan["parts"], "orders");
        assert_eq!((exit, &orders["standing"]), (0, &json!("new")), "{said}");
        let people = part(&plan["outside"], "customers");
        assert_eq!(people["calls_most"], 2, "a count and a page: {plan}");
        assert!(plan["people"].as_u64() > plan["people_least"].as_u64(), "{plan}");
        let most = plan["end"]["calls_left"]["high"].as_f64().unwrap();

        let before = calls(&outside);
        let hub = outside.serve();
        assert_eq!(start(&outside, &["--from", &from]), (json!("begins"), 0));
        let orders = orders_once_done(&outside);
        assert_eq!(part(&plan["parts"], "orders")["things"], orders["seen"], "{plan}");
        let is_looked_up = || {
            let (said, _) = outside.ask(&["backfill", "status"]);
            let history = &said["histories"][0]["history"];
            let lookups = history["lookups"].as_array().unwrap();
            let people = lookups.iter().find(|walk| walk["part"] == "customers");
            people.is_some_and(|walk| walk["phase"] == "read" && walk["state"] == "done")
        };
        assert!(wait_until(END, is_looked_up), "{:?}", calls(&outside));
        drop(hub);
        let made: u64 = calls(&outside)
            .iter()
            .map(|(label, calls)| calls - before.get(label).copied().unwrap_or(0))
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "some dozens")]
        let made_f = made as f64;
        assert!(made_f <= most + 3.0, "{made} of {most}: {:?}", calls(&outside));

        let (said, _) = outside.ask(&period);
        let plan = &said["plans"][0];
        assert_eq!(part(&plan["parts"], "orders")["standing"], "read", "{plan}");
        assert_eq!(
            (&plan["calls_left"], &plan["people"]),
            (&json!(0), &json!(0)),
            "{plan}"
        );
    });
}

/// The calls that the shop counted, by what they asked for.
fn calls(outside: &Outside) -> BTreeMap<String, u64> {
    outside.shop.calls_by_resource().into_iter().collect()
}
