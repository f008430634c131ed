//! `schakel budget`: what was spent of each shop's limits, from the database, whether a hub runs or not.

use schakel_sandbox::lightspeed::RestFault;
use schakel_sandbox::lightspeed::traffic::Past;
use schakel_testkit::wait_until;
use serde_json::Value;
use tokio::task::block_in_place;

use crate::process::{END, Outside};

/// What the shop holds.
const ORDERS: u64 = 40;

pub fn limited(outside: &Outside, limits: &str) {
    let text = std::fs::read_to_string(outside.config()).unwrap();
    let lines = text.lines().map(|line| {
        if line.starts_with("limits = ") {
            format!("limits = \"{limits}\"")
        } else {
            line.to_owned()
        }
    });
    std::fs::write(outside.config(), lines.collect::<Vec<_>>().join("\n")).unwrap();
}

fn text(outside: &Outside) -> String {
    String::from_utf8(outside.run(&["budget"]).stdout).unwrap()
}

/// The budget of the only shop.
fn shop(outside: &Outside) -> Value {
    let (said, exit) = outside.ask(&["budget"]);
    let shops = &said["budgets"];
    assert_eq!((exit, shops.as_array().map(Vec::len)), (0, Some(1)), "{said}");
    assert_eq!(shops[0]["connection"], "shop");
    shops[0].clone()
}

fn sum(counts: &Value) -> u64 {
    let classes = ["live", "retry", "sweep", "backfill"];
    let counts = classes.iter().map(|class| &counts[class]);
    counts.map(|count| count.as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_shown_beside_a_hub_after_a_kill_and_when_the_shop_asks_for_a_pause() {
    let outside = Outside::start(31, "").await;
    outside.shop.fill(&Past {
        customers: 10,
        orders: ORDERS,
        rows_per_order: 1,
        days: 100,
        seed: 31,
    });
    limited(&outside, "900/9000/36000");
    block_in_place(|| {
        outside.run(&["backfill", "start"]);
        let never = shop(&outside);
        assert_eq!(
            (&never["saved_at"], &never["usage"], &never["days"]),
            (&Value::Null, &Value::Null, &Value::Array(Vec::new()))
        );
        assert_eq!(text(&outside).trim_end(), "shop: no call was made yet");
        // A hub that starts at once counts them.
        let before = outside.shop.calls();
        outside.run(&["setup"]);
        let made = outside.shop.calls() - before;
        let of_setup = shop(&outside);
        let spent = &of_setup["usage"]["windows"][2]["spent"];
        assert!(made > 0 && sum(spent) == made, "{made} calls: {of_setup}");

        let hub = outside.serve();
        let is_read = || outside.shop.calls() >= before + made + ORDERS;
        assert!(wait_until(END, is_read), "the hub reads nothing");
        assert!(shop(&outside)["saved_at"].is_string(), "beside a running hub");
        hub.kill();
        let made = outside.shop.calls() - before;
        let spent = shop(&outside);
        let windows = spent["usage"]["windows"].as_array().unwrap();
        let lengths: Vec<i64> = windows
            .iter()
            .filter_map(|one| one["window_us"].as_i64())
            .collect();
        assert_eq!(lengths, [300_000_000, 3_600_000_000, 86_400_000_000, 1_000_000]);
        // What the shop tells replaces what is configured.
        assert_eq!(
            (&windows[2]["limit"], &windows[2]["is_told"]),
            (&100_000_000.into(), &true.into())
        );
        assert!(windows[2]["left"].as_i64().is_some_and(|left| left < 100_000_000));
        assert!(
            sum(&windows[2]["spent"]) >= made,
            "a call is written down before it is made: {spent}, {made} were made"
        );
        assert_eq!(spent["usage"]["paused_us"], 0);
        let days = spent["days"].as_array().unwrap();
        assert!(days.iter().map(|day| sum(&day["calls"])).sum::<u64>() <= made && !days.is_empty());
    });
    block_in_place(|| pauses(&outside));
}

/// The text, a shop that asks for a pause, and a connection that has no limits.
fn pauses(outside: &Outside) {
    let said = text(outside);
    let lines: Vec<Vec<&str>> = said
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(said.starts_with("shop: calls as of "), "{said}");
    assert_eq!(
        lines[1].join(" "),
        "window limit live retry sweep backfill others left resets in"
    );
    let windows: Vec<String> = lines[2..6].iter().map(|line| line[..3].join(" ")).collect();
    assert_eq!(
        windows,
        ["5 min 1000000", "1 h 10000000", "24 h 100000000", "1 s 20"]
    );
    // Calls whose answers the killed hub never heard are told among those of others.
    let head = lines[6..].iter().position(|line| line[0] == "day").unwrap() + 6;
    assert!(head == 6 || lines[6].join(" ").contains("may be ours"), "{said}");
    assert_eq!(lines[head].join(" "), "day live retry sweep backfill");
    let said_at = lines.iter().position(|line| line[0] == "a").unwrap();
    let days = &lines[head + 1..said_at];
    assert!(
        days.iter().all(|line| line.len() == 5) && !days.is_empty(),
        "{said}"
    );
    // The window of a second may be full at the moment of the kill.
    let waits = &lines[said_at + 1..];
    let is_short = |line: &Vec<&str>| line[8..].join(" ") == "s: the limit of 1 s";
    assert!(waits.iter().all(is_short), "{said}");

    outside.shop.fail_next(RestFault::TooManySeconds(7_200), 3);
    let hub = outside.serve();
    let is_paused = || shop(outside)["usage"]["paused_us"].as_i64() > Some(0);
    assert!(wait_until(END, is_paused), "{}", shop(outside));
    hub.kill();
    let said = text(outside);
    for class in ["live", "backfill"] {
        let line = format!("the next {class} call may start in 1 h 59 min");
        let whole = format!("the next {class} call may start in 2 h");
        assert!(said.contains(&line) || said.contains(&whole), "{said}");
    }
    limited(outside, "none");
    let said = text(outside);
    assert!(said.contains("no limits") && said.contains("day "), "{said}");
    let usage = &shop(outside)["usage"];
    assert_eq!(usage["windows"], Value::Array(Vec::new()));
    assert!(
        usage["paused_us"].as_i64() > Some(0),
        "a pause is none of a limit's"
    );
}
