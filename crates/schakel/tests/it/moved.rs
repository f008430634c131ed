//! Another database or account in the place of the one that was filled: nothing is delivered until somebody decides.

use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_testkit::wait_until;
use serde_json::Value;
use tokio::task::block_in_place;

use crate::hooks::send;
use crate::process::{DATABASE, END, Outside};

/// The database that takes the place of the first one.
const OTHER: [&str; 2] = ["--set", "connection.mail.database=Tweede"];

/// How many deliveries are open, and whether the account ails because it is another one.
fn now(outside: &Outside) -> (i64, bool) {
    let (status, _) = outside.ask(&["status"]);
    let sinks = status["sinks"].as_array().unwrap();
    let open = sinks.iter().map(|sink| sink["open"].as_i64().unwrap()).sum();
    (open, status.to_string().contains("\"moved\""))
}

/// How many profiles stand in a database.
fn stands(outside: &Outside, database: &str) -> usize {
    let mut profiles = 0;
    outside.account.for_each_profile(database, |_| profiles += 1);
    profiles
}

fn lines(said: &Value) -> Vec<Value> {
    let all = said["connections"].as_array().unwrap().iter();
    all.flat_map(|one| one["report"]["lines"].as_array().cloned().unwrap_or_default())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_database_gets_nothing_until_somebody_lets_all_be_delivered_anew() {
    let outside = Outside::start(36, "").await;
    let mut generator = Generator::new(&outside.shop, Seed::new(5), Mix::default());
    block_in_place(|| outside.run(&["setup"]));
    let hub = block_in_place(|| outside.serve());
    generator.run(15).await;
    outside.shop.webhooks_idle().await;
    let with = |words: &[&str]| outside.ask(&[&OTHER[..], words].concat());
    let before = block_in_place(|| {
        assert!(wait_until(END, || {
            stands(&outside, DATABASE) > 0 && now(&outside) == (0, false)
        }));
        // A hub that delivers into the former one must not go on beside this.
        let (said, exit) = with(&["setup", "--move", "mail"]);
        assert_eq!(exit, 1, "{said}");
        hub.kill();
        stands(&outside, DATABASE)
    });
    block_in_place(|| {
        for command in ["setup", "check"] {
            let (said, exit) = with(&[command]);
            let line = lines(&said)
                .into_iter()
                .find(|line| line["subject"] == "place: the one that was filled");
            let line = line.unwrap_or_else(|| panic!("{said}"));
            assert_eq!((exit, &line["is_granted"]), (3, &Value::Bool(false)), "{said}");
            let note = line["note"].as_str().unwrap();
            assert!(note.contains("SCH-0507") && note.contains("--move"), "{note}");
        }
    });
    let hub = block_in_place(|| outside.serve_with("ready", &OTHER));
    generator.run(5).await;
    outside.shop.webhooks_idle().await;
    block_in_place(|| {
        assert!(
            wait_until(END, || matches!(now(&outside), (1.., true))),
            "taken in, and told"
        );
        assert_eq!(stands(&outside, "Tweede"), 0);
        let page = send(outside.pages_at("ready"), "GET / HTTP/1.1", "");
        assert!(page.contains("SCH-0507"), "the page: {page}");
        let (said, exit) = with(&["doctor"]);
        let findings = said.as_array().unwrap();
        let is_told = findings.iter().any(|finding| {
            finding["subject"] == "connection" && finding["advice"].to_string().contains("SCH-0507")
        });
        assert!(exit == 3 && is_told, "the doctor: {said}");
        hub.kill();
        let (said, exit) = with(&["setup", "--move", "mail"]);
        assert_eq!(exit, 0, "{said}");
        let told = said["connections"][0]["started_anew"].as_str().unwrap();
        assert!(told.contains("delivered anew"), "{said}");
        let hub = outside.serve_with("ready", &OTHER);
        assert!(wait_until(END, || now(&outside) == (0, false)));
        hub.kill();
    });
    assert_eq!(
        stands(&outside, DATABASE),
        before,
        "the former one stays as it is"
    );
    assert!(stands(&outside, "Tweede") >= before);
    assert_eq!(outside.account.duplicates("Tweede", &["RelationID"]), 0);
    // Back into the first one, where persons stand: each number might be somebody else's.
    block_in_place(|| {
        let (said, exit) = outside.ask(&["setup", "--move", "mail"]);
        assert!(exit == 1 && said.to_string().contains("stand there"), "{said}");
        let (said, exit) = with(&["check"]);
        assert_eq!(exit, 0, "nothing was forgotten: {said}");
        assert_eq!(now(&outside), (0, false));
    });
}

/// The former database again, and all goes on as if nothing was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_former_database_goes_on_as_if_nothing_was() {
    let outside = Outside::start(37, "").await;
    let hub = outside.serve_with_orders().await;
    block_in_place(|| {
        assert!(wait_until(END, || {
            stands(&outside, DATABASE) > 0 && now(&outside) == (0, false)
        }));
        hub.kill();
        let with = |words: &[&str]| outside.ask(&[&OTHER[..], words].concat());
        assert_eq!(with(&["setup"]).1, 3);
        let (said, exit) = outside.ask(&["setup", "--move", "mail"]);
        let told = said["connections"][0]["started_anew"].as_str().unwrap();
        assert!(exit == 0 && told.contains("nothing"), "{said}");
        let (said, exit) = outside.ask(&["setup", "--move", "shop"]);
        assert_eq!(
            (exit, said["error"]["code"].as_str()),
            (2, Some("SCH-0106")),
            "{said}"
        );
        let (said, exit) = outside.ask(&["check"]);
        assert_eq!(exit, 0, "{said}");
        assert_eq!(now(&outside), (0, false), "nothing was forgotten");
    });
}
