//! What waits for a person, through the program: events set aside, deliveries given up, routes that are not live.

use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::Timestamp;
use schakel_sandbox::copernica::{FaultKind, Faults};
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_store::{Claim, OpenOptions, Outcome, Settle, Store};
use schakel_testkit::wait_until;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::hooks::{addresses, deliver};
use crate::process::{END, Outside};

const TENANT: TenantId = TenantId(1);
/// A body with a fault, which names somebody invented.
const BROKEN: &str = r#"{"customer":{"id":7,"email":"jan@example.org""#;

fn until(outside: &Outside, arguments: &[&str], holds: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let is_so = wait_until(END, || {
        last = outside.ask(arguments).0;
        holds(&last)
    });
    assert!(is_so, "{arguments:?}: {last}");
    last
}

fn events(list: &Value) -> usize {
    list["events"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_were_set_aside_are_listed_shown_and_released() {
    let outside = Outside::start(40, "").await;
    block_in_place(|| {
        outside.run(&["setup"]);
        let hub = outside.serve();
        assert_eq!(outside.ask(&["quarantine", "list"]), (json!({"events": []}), 0));
        let address = addresses(&outside).remove(0);
        assert_eq!(deliver(&outside, &address, 7, BROKEN), "200");
        let list = until(&outside, &["quarantine", "list"], |list| events(list) == 1);
        assert_eq!(outside.ask(&["quarantine", "list"]).1, 3);
        assert!(!list.to_string().contains("example.org"), "{list}");
        let event = &list["events"][0];
        assert_eq!(
            (&event["reason"], &event["remote_id"], &event["connection"]),
            (&json!("bad_json"), &json!(7), &json!("shop"))
        );
        let id = event["event"].as_str().unwrap();
        let (shown, exit) = outside.ask(&["quarantine", "show", id]);
        assert_eq!(
            (exit, shown["problems"][0]["code"].as_str()),
            (3, Some("bad_json"))
        );
        assert!(!shown.to_string().contains("example.org"));
        let (shown, _) = outside.ask(&["quarantine", "show", id, "--content"]);
        assert_eq!(shown["content"], BROKEN);
        let (unknown, exit) = outside.ask(&["quarantine", "show", "evt_1"]);
        assert_eq!((exit, unknown["error"]["code"].as_str()), (2, Some("SCH-0106")));
        for (filter, fits) in [(["--reason", "no_id"], 0), (["--connection", "shop"], 1)] {
            let (list, _) = outside.ask(&[&["quarantine", "list"][..], &filter].concat());
            assert_eq!(events(&list), fits, "{filter:?}");
        }
        let (none, exit) = outside.ask(&["quarantine", "release", "--reason", "no_id"]);
        assert_eq!((none, exit), (json!({"released": 0}), 3));
        // It is as broken as before, so the running hub sets it aside again.
        let (released, exit) = outside.ask(&["quarantine", "release", id]);
        assert_eq!((released, exit), (json!({"released": 1}), 0));
        until(&outside, &["quarantine", "list"], |list| events(list) == 1);
        hub.kill();
        assert_eq!(
            outside.ask(&["quarantine", "release", "--all"]).0,
            json!({"released": 1})
        );
        assert_eq!(outside.ask(&["status"]).0["inbox"]["waiting"], 1);
        // Another shop stands there now, and what waits for the first one is left alone and told.
        let renamed = [
            "--set",
            "connection.shop.shop_id=297542",
            "--set",
            "connection.shop.name=winkel",
            "--set",
            "route.1.from=winkel",
        ];
        let (status, exit) = outside.ask(&[&renamed[..], &["status"]].concat());
        assert_eq!(
            (&status["left_waiting"], exit),
            (&json!([{"connection": "shop", "events": 1}]), 3)
        );
        let (findings, _) = outside.ask(&[&renamed[..], &["doctor"]].concat());
        assert!(
            findings.to_string().contains("which is not configured here"),
            "{findings}"
        );
        let other = outside.serve_with("renamed", &renamed);
        let address = format!("http://{}", outside.hooks_at());
        assert_eq!(
            deliver(&outside, &format!("{address}/hooks/none"), 8, "{}"),
            "401"
        );
        assert_eq!(outside.ask(&["status"]).0["inbox"]["waiting"], 1);
        other.kill();
        let _hub = outside.serve();
        until(&outside, &["status"], |status| status["inbox"]["waiting"] == 0);
    });
}

/// Gives up one delivery that is due, as a sink's last refusal does.
async fn give_one_up(outside: &Outside) -> ConnectionId {
    let file = outside.folder.path().join("schakel.db").display().to_string();
    let store = Store::open(&file, OpenOptions::default()).await.unwrap();
    let rows = store.connections(TENANT).await.unwrap();
    let sink = rows.iter().find(|row| row.name == "mail").unwrap().id;
    // The hub that claimed it was killed, and nothing of its claim is left in this far future.
    let now = Timestamp::from_micros(4_000_000_000_000_000);
    store
        .recover_claims(TENANT, sink, now, "test", false, 0)
        .await
        .unwrap();
    let claim = Claim {
        tenant: TENANT,
        sink,
        limit: 1,
        now,
        owner: "test".to_owned(),
        lease_until: now.plus_ms(1_000),
        unplaced: Vec::new(),
    };
    let mut ids = || 1;
    let claimed = store
        .deliver_step(TENANT, sink, &[], Some(&claim), &mut ids)
        .await
        .unwrap()
        .remove(0);
    let settle = Settle {
        delivery: claimed.id,
        attempt: claimed.attempt,
        version: claimed.version,
        digest: claimed.digest,
        outcome: Outcome::Dead,
        error: "HTTP 400: refused by a rule".to_owned(),
        calls: 1,
        at: now,
    };
    store
        .deliver_step(TENANT, sink, &[settle], None, &mut ids)
        .await
        .unwrap();
    store.close().await;
    sink
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_that_were_given_up_are_listed_shown_and_redriven() {
    let outside = Outside::start(41, "").await;
    block_in_place(|| outside.run(&["setup"]));
    outside
        .account
        .set_faults(Faults::default().with(FaultKind::TooMany, 100.0));
    let hub = block_in_place(|| outside.serve());
    let mut generator = Generator::new(&outside.shop, Seed::new(5), Mix::default());
    generator.run(1).await;
    outside.shop.webhooks_idle().await;
    block_in_place(|| {
        until(&outside, &["status"], |status| {
            status["inbox"]["waiting"] == 0 && status["sinks"][0]["open"].as_i64() > Some(0)
        });
        hub.kill();
        assert_eq!(outside.ask(&["dead", "list"]), (json!({"deliveries": []}), 0));
    });
    give_one_up(&outside).await;
    block_in_place(|| {
        let (list, exit) = outside.ask(&["dead", "list"]);
        let dead = &list["deliveries"][0];
        assert_eq!((exit, list["deliveries"].as_array().unwrap().len()), (3, 1));
        assert_eq!(
            (&dead["sink"], &dead["kind"], &dead["error"]),
            (
                &json!("mail"),
                &json!("relation"),
                &json!("HTTP 400: refused by a rule")
            )
        );
        assert!(dead["key"].as_str().unwrap().starts_with("RelationID="), "{dead}");
        let id = dead["delivery"].as_str().unwrap();
        let (shown, _) = outside.ask(&["dead", "show", id]);
        assert_eq!(shown["attempts"][0]["outcome"], "dead", "{shown}");
        assert_eq!(outside.ask(&["dead", "show", "dlv_1"]).1, 2);
        let (preview, exit) = outside.ask(&["preview"]);
        assert_eq!((&preview["given_up"], exit), (&json!(1), 3));
        assert_eq!(preview["rejected"][0]["error"], "HTTP 400: refused by a rule");
        assert!(
            preview["held_back"].as_i64() > Some(0),
            "its orders wait for it: {preview}"
        );
        let (none, exit) = outside.ask(&["dead", "redrive", "--kind", "quote"]);
        assert_eq!((none, exit), (json!({"redriven": 0}), 3));
        assert_eq!(outside.ask(&["dead", "redrive", "--sink", "nobody"]).1, 2);
        let (redriven, exit) = outside.ask(&["dead", "redrive", id]);
        assert_eq!((redriven, exit), (json!({"redriven": 1}), 0));
        assert_eq!(outside.ask(&["dead", "list"]), (json!({"deliveries": []}), 0));
        let (preview, _) = outside.ask(&["preview"]);
        assert_eq!(
            (&preview["given_up"], &preview["held_back"]),
            (&json!(0), &json!(0))
        );
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_is_live_after_both_ends_were_prepared() {
    let outside = Outside::start(42, "").await;
    block_in_place(|| {
        let (_, exit) = outside.ask(&["--set", "hub.hooks_address=", "setup"]);
        assert_eq!(exit, 3);
        let (preview, exit) = outside.ask(&["preview"]);
        assert_eq!(
            (&preview["routes"][0]["not_prepared"], exit),
            (&json!(["shop"]), 3)
        );
        outside.run(&["setup"]);
        let (preview, exit) = outside.ask(&["preview"]);
        assert_eq!((&preview["routes"][0]["not_prepared"], exit), (&json!([]), 0));
        let (error, exit) = outside.ask(&["setup", "--rotate-hook", "mail"]);
        assert_eq!((error["error"]["code"].as_str(), exit), (Some("SCH-0106"), 2));
    });
}

#[test]
fn a_demo_in_a_folder_that_was_used_says_what_to_do() {
    let folder = schakel_testkit::tempdir();
    let run = || {
        crate::process::schakel()
            .args(["demo", "--orders", "1", "--exit", "--json", "--data"])
            .arg(folder.path())
            .output()
            .unwrap()
    };
    assert_eq!(run().status.code(), Some(0));
    let again = run();
    let said = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(2), "{said}");
    assert!(said.contains("SCH-0107") && said.contains("--data"), "{said}");
}
