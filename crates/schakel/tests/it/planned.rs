//! `schakel plan` where the budget has no room for counts of its own: the history's counts take their place.

use schakel_sandbox::lightspeed::RestFault;
use schakel_testkit::wait_until;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::budget::limited;
use crate::history::{ORDERS, filled, part, states};
use crate::process::{END, Outside};

/// Has the shop refuse a call for two hours, which a command hears and writes down; gives what it said.
fn spend(outside: &Outside) -> (Value, i32) {
    outside.shop.fail_next(RestFault::TooManySeconds(7_200), 1);
    outside.ask(&["plan"])
}

fn refused(said: &(Value, i32)) -> bool {
    (&said.0["error"]["code"], said.1) == (&json!("SCH-0403"), 1)
}

/// Before the first history nothing was counted by anybody, so a plan needs room.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_before_the_first_history_needs_room() {
    let outside = filled(41).await;
    limited(&outside, "900/9000/36000");
    block_in_place(|| {
        outside.run(&["setup"]);
        let (said, exit) = outside.ask(&["plan"]);
        let plan = &said["plans"][0];
        assert_eq!(
            (&plan["counted_by"], &plan["uncounted"], exit),
            (&json!("shop"), &json!([]), 0),
            "{said}"
        );
        assert!(plan["per_day"].is_array(), "{said}");
        assert!(refused(&spend(&outside)));
        let calls = outside.shop.calls();
        assert!(refused(&outside.ask(&["plan"])), "no history counted anything");
        outside.run(&["backfill", "start"]);
        assert!(refused(&outside.ask(&["plan"])), "nor one that waits");
        assert_eq!(outside.shop.calls(), calls);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_room_is_made_of_what_the_history_counted() {
    let outside = filled(42).await;
    limited(&outside, "900/9000/36000");
    block_in_place(|| {
        outside.run(&["setup"]);
        let hub = outside.serve();
        let begin = |parts: &[&str]| {
            let parts = parts.iter().flat_map(|part| ["--part", part]);
            outside.run(&["backfill", "start"].into_iter().chain(parts).collect::<Vec<_>>());
            let is_done = || states(&outside).iter().all(|state| state == "done");
            assert!(wait_until(END, is_done), "{:?}", states(&outside));
        };
        begin(&["orders", "order_rows"]);
        drop(hub);
        let (said, exit) = spend(&outside);
        let plan = &said["plans"][0];
        assert_eq!(
            (&plan["counted_by"], exit),
            (&json!("history"), 3),
            "refused among its own counts: {said}"
        );
        let calls = outside.shop.calls();
        some_counted(&outside);
        let (said, exit) = outside.ask(&["plan", "--from", "2020-01-01"]);
        assert!(refused(&(said.clone(), exit)), "another period: {said}");
        let hint = said["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("another period"), "{hint}");
        assert_eq!(outside.shop.calls(), calls, "nothing was sent");
    });
}

/// Orders were counted, and what else the history of the shop has was not.
fn some_counted(outside: &Outside) {
    let (said, exit) = outside.ask(&["plan"]);
    let plan = &said["plans"][0];
    assert_eq!((&plan["counted_by"], exit), (&json!("history"), 3), "{said}");
    assert_eq!(part(&plan["parts"], "orders")["things"], ORDERS);
    assert_eq!(part(&plan["parts"], "order_rows")["things"], ORDERS);
    let uncounted = plan["uncounted"].as_array().unwrap();
    assert!(
        uncounted.contains(&json!("shipments")) && !uncounted.contains(&json!("orders")),
        "{plan}"
    );
    for unknown in ["end", "per_day", "ties_per_day", "per_thousand"] {
        assert!(plan[unknown].is_null(), "{unknown}: {plan}");
    }
    let output = schakel_text(outside, &["plan"]);
    for said in [
        "shop: as its history counted so far, since \"shop\" takes no more calls now",
        "not counted yet",
        "when it ends is told once all is counted",
    ] {
        assert!(output.contains(said), "{said}: {output}");
    }
    assert!(!output.contains("calls a day: "), "{output}");

    // All that this one is about was counted, and read.
    let rows = ["plan", "--part", "orders", "--part", "order_rows"];
    let (said, _) = outside.ask(&rows);
    let plan = &said["plans"][0];
    assert_eq!(
        (&plan["uncounted"], &plan["calls_left"]),
        (&json!([]), &json!(0)),
        "{said}"
    );
    assert!(plan["end"].is_object(), "{said}");
}

fn schakel_text(outside: &Outside, arguments: &[&str]) -> String {
    let output = crate::process::schakel()
        .arg("--config")
        .arg(outside.config())
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
