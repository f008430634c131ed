//! A profile that somebody removed and imported again: asked for by a command, beside a hub and without one.

use std::time::Duration;

use schakel_testkit::wait_until;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::hooks::send;
use crate::process::{DATABASE, END, Outside};

/// The subprofiles that stand under living profiles, as RelationID and OrderID.
fn orders(outside: &Outside) -> Vec<(String, String)> {
    let mut owners = std::collections::BTreeMap::new();
    outside.account.for_each_profile(DATABASE, |view| {
        owners.insert(view.id, view.get("RelationID").unwrap().into_owned());
    });
    let mut rows = Vec::new();
    outside.account.for_each_subprofile("Orders", |view| {
        if let Some(owner) = view.profile.and_then(|id| owners.get(&id)) {
            rows.push((owner.clone(), view.get("OrderID").unwrap().into_owned()));
        }
    });
    rows.sort();
    rows
}

/// Removes the profile of `relation` and imports what an export of it held.
fn import_again(outside: &Outside, relation: &str) {
    let ids = outside.account.find_profiles(DATABASE, "RelationID", relation);
    let fields = outside.account.profile(ids[0]).unwrap();
    assert!(outside.account.remove_profile(ids[0]));
    let head = format!(
        "POST /v3/database/{DATABASE}/profiles?access_token=sandbox-token HTTP/1.1\r\nContent-Type: application/json"
    );
    let answer = send(
        outside.account_at(),
        &head,
        &json!({ "fields": fields }).to_string(),
    );
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let living = outside.account.find_profiles(DATABASE, "RelationID", relation);
    assert!(living.len() == 1 && living != ids, "{living:?}");
}

fn is_idle(outside: &Outside) -> bool {
    let (status, _) = outside.ask(&["status"]);
    let sinks = status["sinks"].as_array().unwrap();
    status["inbox"]["waiting"] == 0 && sinks.iter().all(|sink| sink["open"] == 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_is_to_be_had_beside_a_hub_and_without_one() {
    let outside = Outside::start(91, "").await;
    let hub = outside.serve_with_orders().await;
    block_in_place(|| {
        assert!(wait_until(END, || !orders(&outside).is_empty() && is_idle(&outside)));
        let before = orders(&outside);
        let relation = before[0].0.clone();
        let number: Value = json!(relation.parse::<i64>().unwrap());
        let (said, exit) = outside.ask(&["reconcile", "--profiles", "--wait"]);
        assert_eq!(
            (exit, &said["profiles"][0]["relations"]),
            (0, &json!([])),
            "{said}"
        );
        import_again(&outside, &relation);
        assert_ne!(orders(&outside), before);
        let (said, exit) = outside.ask(&["reconcile", "--profiles", "--wait", "--connection", "mail"]);
        let found = &said["profiles"][0];
        assert_eq!((exit, &found["relations"]), (0, &json!([number])), "{said}");
        assert_eq!(
            (&found["outcome"], &said["is_hub_running"]),
            (&json!("over"), &json!(true)),
            "{said}"
        );
        assert_eq!(
            found["deliveries"]["delivered"], found["deliveries"]["all"],
            "{said}"
        );
        assert_eq!(orders(&outside), before);
        hub.kill();
        import_again(&outside, &relation);
        let (said, exit) = outside.ask(&["reconcile", "--profiles"]);
        let found = &said["profiles"][0];
        assert_eq!((exit, &found["relations"]), (0, &json!([number])), "{said}");
        assert_eq!(found["outcome"], "looked", "{said}");
        assert_ne!(orders(&outside), before, "nobody delivers");
        let _hub = outside.serve();
        assert!(wait_until(Duration::from_secs(30), || orders(&outside) == before));
        let (said, exit) = outside.ask(&["reconcile", "--profiles", "--connection", "shop"]);
        assert_eq!((exit, &said["error"]["code"]), (2, &json!("SCH-0106")), "{said}");
    });
    assert_eq!(outside.account.duplicates(DATABASE, &["RelationID"]), 0);
}
