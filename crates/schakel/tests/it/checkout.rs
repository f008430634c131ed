//! `schakel sync --checkout --wait`: one checkout is followed from the shop to the mailing tool.

use schakel_sandbox::copernica::FaultKind;
use schakel_sandbox::lightspeed::RestFault;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::held_up::hold_up;
use crate::hooks::{login, send};
use crate::process::Outside;

/// Asks the shop as another program would, and gives what it answers.
fn shop_says(outside: &Outside, call: &str, body: &str) -> Value {
    let head = format!(
        "{call} HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Basic {}",
        login(outside)
    );
    let answer = send(outside.shop_at(), &head, body);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{call}: {answer}"))
}

/// Has somebody begin a checkout, of which no webhook tells, and gives its number.
fn begun(outside: &Outside, email: &str) -> String {
    let body = json!({ "mode": "guest", "customer": { "email": email } }).to_string();
    shop_says(outside, "POST /nl/checkouts.json", &body)["id"].to_string()
}

/// Follows a checkout; gives where it came to and the exit code.
fn follow(outside: &Outside, number: &str) -> (Value, i32) {
    let (said, exit) = outside.ask(&["sync", "--checkout", number, "--wait"]);
    let one = &said["sweeps"][0];
    assert_eq!(
        (&one["connection"], &one["outcome"], &one["is_hub_running"]),
        (&json!("shop"), &json!("over"), &json!(true)),
        "{said}"
    );
    assert_eq!(one["checkout"].to_string(), number);
    (one["reached"].clone(), exit)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_followed_to_the_mailing_tool() {
    let outside = Outside::start(43, "").await;
    let _hub = outside.serve_with_orders().await;
    block_in_place(|| {
        let people = shop_says(&outside, "GET /nl/customers.json?limit=1", "");
        let email = people["customers"][0]["email"].as_str().unwrap();
        let number = begun(&outside, email);
        let (reached, exit) = follow(&outside, &number);
        let sinks = json!([{ "sink": "mail", "state": "clean", "profile": "clean", "is_over": true, "held_until": null, "rows": { "all": 0, "delivered": 0, "open": 0 } }]);
        assert_eq!(
            (&reached["stage"], &reached["sinks"], exit),
            (&json!("cart"), &sinks, 0),
            "{reached}"
        );
        let output = outside.run(&["sync", "--checkout", &number, "--wait"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains(&format!("shop: checkout {number}: its cart ")) && text.contains(": mail holds it"),
            "{text}"
        );
        let calls = outside.shop.calls_by_resource();
        assert_eq!(
            calls["checkouts"], 3,
            "begun once, and asked for by each: {calls:?}"
        );

        let (reached, exit) = follow(&outside, &begun(&outside, "nobody.known@example.org"));
        assert_eq!((&reached["stage"], exit), (&json!("nobody"), 3), "{reached}");
        let (reached, exit) = follow(&outside, "999999999");
        assert_eq!((&reached["stage"], exit), (&json!("missing"), 3), "{reached}");
        assert!(reached["again_at"].is_string(), "{reached}");
        // One delivery that fails again and again ails nothing but itself.
        outside.account.fail_next(FaultKind::Overload503, 10_000);
        let number = begun(&outside, email);
        let (said, exit) = outside.ask(&["sync", "--checkout", &number, "--wait", "--timeout", "15s"]);
        let one = &said["sweeps"][0];
        assert_eq!((&one["outcome"], exit), (&json!("timed_out"), 4), "{said}");
        let failed = &one["reached"]["sinks"][0]["failed"];
        assert!(
            failed["error"].is_string() && failed["again_at"].is_string(),
            "{said}"
        );
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_refuses_the_token_ends_the_waiting_for_a_cart() {
    let outside = Outside::start(48, "").await;
    let _hub = outside.serve_with_orders().await;
    block_in_place(|| {
        let people = shop_says(&outside, "GET /nl/customers.json?limit=1", "");
        let email = people["customers"][0]["email"].as_str().unwrap();
        // The account that refuses the token is left alone for half a minute and longer each time.
        outside.account.set_access_tokens(&["another".to_owned()]);
        let said = outside.ask(&["sync", "--checkout", &begun(&outside, email), "--wait"]);
        assert_eq!(hold_up(&said, "sweeps"), (&json!("mail"), &json!("credentials")));
        assert_eq!(said.0["sweeps"][0]["reached"]["stage"], "cart");
    });
}

// A command told that all had arrived while the rows of the cart were not even asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_followed_to_the_rows_of_its_cart() {
    let outside = Outside::start(47, "").await;
    let text = std::fs::read_to_string(outside.config()).unwrap();
    std::fs::write(outside.config(), text + "quote_rows = true\n").unwrap();
    let _hub = outside.serve_with_orders().await;
    block_in_place(|| {
        let first =
            |list: &str| shop_says(&outside, &format!("GET /nl/{list}.json?limit=1"), "")[list][0].clone();
        let number = begun(&outside, first("customers")["email"].as_str().unwrap());
        let row = json!({ "variant_id": first("variants")["id"], "quantity": 2 }).to_string();
        shop_says(
            &outside,
            &format!("POST /nl/checkouts/{number}/products.json"),
            &row,
        );
        // An answer that fails is asked for again: neither is the cart nobody's, nor is it there without its rows.
        for at in ["quotes/", "/products"] {
            outside.shop.fail_next_at(at, RestFault::ServerError(500), 4);
        }
        let (reached, exit) = follow(&outside, &number);
        let rows = json!({ "all": 1, "delivered": 1, "open": 0 });
        assert_eq!((&reached["sinks"][0]["rows"], exit), (&rows, 0), "{reached}");
        assert_eq!(reached["are_rows_coming"], false);
        assert_eq!(outside.shop.fault_hits()["500 before"], 8);
    });
}
