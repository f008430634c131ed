//! `--wait` while the outside refuses: the command says why, ends, and the hub goes on by itself.

use schakel_sandbox::lightspeed::RestFault;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::budget::limited;
use crate::process::Outside;

/// What was begun first, and what held it up.
pub fn hold_up<'v>((said, exit): &'v (Value, i32), list: &str) -> (&'v Value, &'v Value) {
    let one = &said[list][0];
    assert_eq!((&one["outcome"], *exit), (&json!("held_up"), 4), "{said}");
    let hold = &one["hold_up"];
    assert_eq!(one["is_hub_running"], true, "{said}");
    assert!(
        hold["until"].as_str().is_some_and(|until| until.ends_with('Z')),
        "{said}"
    );
    assert!(
        hold["hint"].as_str().is_some_and(|hint| hint.len() > 20),
        "{said}"
    );
    (&hold["connection"], &hold["reason"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_that_is_off_ends_the_waiting_for_lists_and_for_a_checkout() {
    let outside = Outside::start(44, "").await;
    let _hub = outside.serve_with_orders().await;
    block_in_place(|| {
        assert!(outside.shop.set_language_active("nl", false));
        let (shop, language) = (json!("shop"), json!("language"));
        let said = outside.ask(&["sync", "--wait"]);
        assert_eq!(hold_up(&said, "sweeps"), (&shop, &language));
        let said = outside.ask(&["sync", "--checkout", "5", "--wait"]);
        assert_eq!(hold_up(&said, "sweeps"), (&shop, &language));

        // Who asks again after mending it need not wait for the hub's next attempt.
        assert!(outside.shop.set_language_active("nl", true));
        let (said, exit) = outside.ask(&["sync", "--wait"]);
        assert_eq!(
            (&said["sweeps"][0]["outcome"], exit),
            (&json!("over"), 0),
            "{said}"
        );
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_asks_to_be_left_alone_for_long_ends_the_waiting() {
    let outside = Outside::start(45, "").await;
    limited(&outside, "900/9000/36000");
    let _hub = outside.serve_with_orders().await;
    block_in_place(|| {
        outside.shop.fail_next(RestFault::TooManySeconds(7_200), 1);
        let said = outside.ask(&["sync", "--wait"]);
        assert_eq!(hold_up(&said, "sweeps"), (&json!("shop"), &json!("busy")));
        let said = outside.ask(&["sync", "--checkout", "5", "--wait"]);
        assert_eq!(hold_up(&said, "sweeps"), (&json!("shop"), &json!("busy")));
        let (said, exit) = outside.ask(&["sync", "--wait", "--timeout", "1s"]);
        assert_eq!(
            (&said["sweeps"][0]["outcome"], exit),
            (&json!("timed_out"), 4),
            "{said}"
        );
    });
}
