//! Commands about several shops: what is wrong at one of them says nothing of the others, and is said.

use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::history::{ORDERS, filled, part};
use crate::process::{Outside, schakel};

/// Configures a second shop, whose key the shop does not know.
async fn two(seed: u64) -> Outside {
    let outside = filled(seed).await;
    let text = std::fs::read_to_string(outside.config()).unwrap();
    let options = outside.shop.options();
    let second = format!(
        r#"
[[connection]]
name = "other"
connector = "lightspeed"
base_url = "http://{}/"
shop_id = {}
api_key = "ffffffffffffffffffffffffffffffff"
api_secret = "ffffffffffffffffffffffffffffffff"
history = "manual"
limits = "none"

[[route]]
from = "other"
to = "mail"
"#,
        outside.shop_at(),
        options.shop_id + 1,
    );
    std::fs::write(outside.config(), text + &second).unwrap();
    outside
}

fn of<'v>(all: &'v Value, shop: &str) -> &'v Value {
    let found = all
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["connection"] == shop);
    found.unwrap_or_else(|| panic!("nothing of {shop} in {all}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_begins_where_none_is_under_way_and_each_shop_is_told() {
    let outside = two(19).await;
    block_in_place(|| {
        outside.run(&["backfill", "start", "--connection", "other", "--part", "orders"]);
        let (said, exit) = outside.ask(&["backfill", "start"]);
        let all = &said["histories"];
        assert_eq!(exit, 3, "{said}");
        assert_eq!(of(all, "shop")["outcome"], "begins");
        let other = of(all, "other");
        assert_eq!(
            (&other["outcome"], &other["under_way"]),
            (&json!("under_way"), &json!(["orders"]))
        );
        let (said, exit) = outside.ask(&["backfill", "start"]);
        assert_eq!((&said["error"]["code"], exit), (&json!("SCH-0110"), 2), "{said}");
        let text = said["error"]["message"].as_str().unwrap();
        assert!(text.contains("\"shop\"") && text.contains("\"other\""), "{text}");

        outside.run(&["backfill", "cancel", "--connection", "shop"]);
        let nothing = ["backfill", "start", "--part", "orders", "--without", "orders"];
        assert_eq!(outside.ask(&nothing).1, 2);
        let (said, _) = outside.ask(&["backfill", "status", "--connection", "shop"]);
        let parts = &said["histories"][0]["history"]["parts"];
        assert_eq!(part(parts, "orders")["state"], "cancelled", "{said}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tells_of_each_shop_although_one_refuses() {
    let outside = two(20).await;
    block_in_place(|| {
        let (said, exit) = outside.ask(&["plan"]);
        let all = &said["plans"];
        assert_eq!(exit, 1, "{said}");
        assert_eq!(part(&of(all, "shop")["parts"], "orders")["things"], ORDERS);
        assert_eq!(of(all, "other")["error"]["code"], "SCH-0402", "{said}");
        let output = schakel()
            .arg("--config")
            .arg(outside.config())
            .arg("plan")
            .output()
            .unwrap();
        let (said, wrong) = (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        assert!(said.contains("shop: asked for"), "{said}");
        assert!(wrong.contains("\"other\" refuses the credentials"), "{wrong}");
        let (said, exit) = outside.ask(&["plan", "--connection", "other"]);
        assert_eq!((&said["error"]["code"], exit), (&json!("SCH-0402"), 1), "{said}");
    });
}
