//! A hub whose database was lost, before an account that it filled: it says so, and nobody is written over (A13).

use std::collections::BTreeMap;

use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_testkit::wait_until;
use serde_json::Value;
use tokio::task::block_in_place;

use crate::process::{DATABASE, END, Outside};

/// Who stands in the account: address by RelationID.
fn people(outside: &Outside) -> BTreeMap<i64, String> {
    let mut people = BTreeMap::new();
    outside.account.for_each_profile(DATABASE, |view| {
        let number = view.get("RelationID").unwrap().parse().unwrap();
        people.insert(number, view.get("Email").unwrap().into_owned());
    });
    people
}

/// Gives how many events wait and how many deliveries are open.
fn left(outside: &Outside) -> (i64, i64) {
    let (status, _) = outside.ask(&["status"]);
    let sinks = status["sinks"].as_array().unwrap();
    let open = sinks.iter().map(|sink| sink["open"].as_i64().unwrap()).sum();
    (status["inbox"]["waiting"].as_i64().unwrap(), open)
}

/// Loses the database; the key of the hub is kept.
fn lose(outside: &Outside) {
    for entry in std::fs::read_dir(outside.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("schakel.db") {
            std::fs::remove_file(&path).unwrap();
        }
    }
}

/// Finds the line about RelationIDs in what a command said of the account.
fn said_of_numbers(said: &Value) -> &Value {
    let all = said["connections"].as_array().unwrap().iter();
    let mut lines = all.flat_map(|one| one["report"]["lines"].as_array().into_iter().flatten());
    lines.find(|line| line["subject"] == "RelationIDs: ours").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_leaves_the_account_as_it_is_until_somebody_decides() {
    let outside = Outside::start(33, "").await;
    let mut generator = Generator::new(&outside.shop, Seed::new(5), Mix::default());
    block_in_place(|| outside.run(&["setup"]));
    let hub = block_in_place(|| outside.serve());
    generator.run(20).await;
    outside.shop.webhooks_idle().await;
    let before = block_in_place(|| {
        assert!(wait_until(END, || left(&outside) == (0, 0)));
        hub.kill();
        lose(&outside);
        people(&outside)
    });
    let highest = before.keys().last().unwrap().to_string();

    for command in ["setup", "check"] {
        let (said, exit) = block_in_place(|| outside.ask(&[command]));
        let line = said_of_numbers(&said);
        assert_eq!((exit, &line["is_granted"]), (3, &Value::Bool(false)), "{said}");
        let note = line["note"].as_str().unwrap();
        assert!(note.contains(&highest) && note.contains("--adopt"), "{note}");
    }
    let hub = block_in_place(|| outside.serve());
    generator.run(10).await;
    outside.shop.webhooks_idle().await;
    block_in_place(|| {
        assert!(
            wait_until(END, || left(&outside).0 > 0),
            "events are received and wait"
        );
        assert_eq!(people(&outside), before);
        hub.kill();
        let (said, exit) = outside.ask(&["setup", "--adopt", "mail"]);
        assert_eq!(exit, 0, "{said}");
        assert!(
            said["connections"][0]["adopted"]
                .as_str()
                .unwrap()
                .contains(&highest),
            "{said}"
        );
        assert_eq!(said_of_numbers(&said)["is_granted"], true);
        let _hub = outside.serve();
        assert!(wait_until(END, || left(&outside) == (0, 0)));
    });
    let after = people(&outside);
    assert!(after.len() > before.len());
    for (number, address) in &before {
        assert_eq!(
            after.get(number),
            Some(address),
            "{number} is somebody else's now"
        );
    }
    assert_eq!(outside.account.duplicates(DATABASE, &["RelationID"]), 0);
}

/// Under a new name everything would be read again: nothing is, the name of before is told, and under it all goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_shop_is_refused_before_anything_is_read() {
    let outside = Outside::start(35, "").await;
    let renamed = [
        "--set",
        "connection.shop.name=winkel",
        "--set",
        "route.1.from=winkel",
    ];
    let with = |command: &str| outside.ask(&[&renamed[..], &[command]].concat());
    block_in_place(|| {
        // Before a shop is read it may be called anything.
        assert_eq!(with("check").1, 0);
        let hub = outside.serve();
        let walk = ["sync", "--wait"];
        outside.run(&walk);
        hub.kill();
        for command in ["check", "setup", "serve"] {
            let (said, exit) = with(command);
            let error = &said["error"];
            assert_eq!((exit, error["code"].as_str()), (2, Some("SCH-0407")), "{said}");
            assert!(
                error["message"].as_str().unwrap().contains("\"winkel\""),
                "{said}"
            );
            assert!(
                error["hint"].as_str().unwrap().contains("\"shop\" again"),
                "{said}"
            );
        }
        let (status, _) = outside.ask(&["status"]);
        assert!(!status.to_string().contains("winkel"), "{status}");
        let (said, exit) = outside.ask(&["check"]);
        assert_eq!(exit, 0, "{said}");
    });
}

/// A new name is a new connection: nothing is delivered, the name of before is told, and under it all is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_account_is_told_the_name_that_it_had() {
    let outside = Outside::start(34, "").await;
    let hub = outside.serve_with_orders().await;
    block_in_place(|| {
        assert!(wait_until(END, || left(&outside) == (0, 0)));
        hub.kill();
        let before = people(&outside);
        let renamed = ["--set", "connection.mail.name=post", "--set", "route.1.to=post"];
        for command in ["check", "setup"] {
            let (said, exit) = outside.ask(&[&renamed[..], &[command]].concat());
            let line = said_of_numbers(&said);
            let note = line["note"].as_str().unwrap();
            assert_eq!((exit, &line["is_granted"]), (3, &Value::Bool(false)), "{said}");
            assert!(note.contains("\"mail\"") && !note.contains("--adopt"), "{note}");
        }
        let (said, exit) = outside.ask(&[&renamed[..], &["setup", "--adopt", "post"]].concat());
        assert_eq!(exit, 1, "{said}");
        assert!(said.to_string().contains("under the name \\\"mail\\\""), "{said}");
        assert_eq!(people(&outside), before);
        let (said, exit) = outside.ask(&["check"]);
        assert_eq!(
            (exit, &said_of_numbers(&said)["is_granted"]),
            (0, &Value::Bool(true)),
            "{said}"
        );
    });
}
