//! What ails a hub is told by the commands, in words that say what to do.

use schakel_sandbox::copernica::At;
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_testkit::wait_until;
use serde_json::Value;
use tokio::task::block_in_place;

use crate::process::{DATABASE, END, Outside, free_port};

/// Gives the finding of the doctor about `subject`.
fn finding<'f>(findings: &'f Value, subject: &str) -> &'f Value {
    let mut all = findings.as_array().unwrap().iter();
    all.find(|finding| finding["subject"] == subject)
        .unwrap_or_else(|| panic!("nothing about {subject}: {findings}"))
}

/// The address is told, the password is not, and nobody is sent to start what runs already.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_is_told_with_its_address_and_advice() {
    let port = free_port();
    let database = format!("postgres://hub:s3cret@127.0.0.1:{port}/schakel");
    let outside = Outside::start(61, &database).await;
    block_in_place(|| {
        let (findings, exit) = outside.ask(&["doctor"]);
        assert_eq!(exit, 3, "{findings}");
        let about = finding(&findings, "database");
        let (text, advice) = (about["text"].as_str().unwrap(), about["advice"].as_str().unwrap());
        assert!(
            text.contains(&format!("127.0.0.1:{port}, database schakel")),
            "{text}"
        );
        assert!(
            advice.contains("PostgreSQL runs") && !advice.contains("serve"),
            "{advice}"
        );
        for command in ["status", "doctor", "check"] {
            let (said, exit) = outside.ask(&[command]);
            let said = said.to_string();
            assert!(exit != 0 && said.contains(&port.to_string()), "{command}: {said}");
            assert!(!said.contains("s3cret"), "{command}: {said}");
        }
    });
}

/// Writes the configuration anew, with a line changed.
fn change(outside: &Outside, from: &str, to: &str) {
    let text = std::fs::read_to_string(outside.config()).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    std::fs::write(outside.config(), text.replace(from, to)).unwrap();
}

/// Waits until `status` says that exactly these connections ail, of what and with which exit code; returns what it said.
fn until_ailing(outside: &Outside, expected: &[(&str, &str)], exit: i32) -> Value {
    let mut said = (Value::Null, 0);
    let is_told = wait_until(END, || {
        said = outside.ask(&["status"]);
        let lines = said.0["health"].as_array().unwrap().iter();
        let mut lines: Vec<_> = lines
            .map(|line| {
                (
                    line["connection"].as_str().unwrap(),
                    line["reason"].as_str().unwrap(),
                )
            })
            .collect();
        lines.sort_unstable();
        lines == expected
    });
    assert!(is_told, "{}", said.0);
    assert_eq!(said.1, exit, "{}", said.0);
    said.0
}

// Setup refused to make what somebody had removed, since that was missing.
#[tokio::test(flavor = "multi_thread")]
async fn setup_makes_what_somebody_removed_and_a_running_hub_goes_on() {
    let outside = Outside::start(63, "").await;
    block_in_place(|| {
        outside.run(&["setup"]);
        let _hub = outside.serve();
        outside
            .account
            .delete(At::Collection(DATABASE, "OrderRows"))
            .unwrap();
        Generator::new(&outside.shop, Seed::new(63), Mix::default())
            .story()
            .unwrap();
        let is_told = || {
            !outside.ask(&["status"]).0["health"]
                .as_array()
                .unwrap()
                .is_empty()
        };
        assert!(wait_until(END, is_told), "nothing ails");
        let (said, exit) = outside.ask(&["check"]);
        let lacking = |said: &Value| said["connections"][1]["report"]["lacking"].clone();
        let subject = lacking(&said)[0]["subject"].as_str().map(str::to_owned);
        assert_eq!(
            (subject.as_deref(), exit),
            (Some("collection OrderRows"), 3),
            "{said}"
        );
        outside.run(&["setup"]);
        until_ailing(&outside, &[], 0);
        let (said, exit) = outside.ask(&["check"]);
        assert_eq!((lacking(&said), exit), (Value::Array(Vec::new()), 0), "{said}");
    });
}

/// A key that is mistyped and an account that is not there: `status` and `doctor` beside the hub say so, with the reason and
/// what to do, and take it back when a hub with the right ones runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_an_unreachable_account_are_told_until_they_are_mended() {
    let outside = Outside::start(62, "").await;
    let key = format!("api_key = \"{}\"", outside.shop.options().api_key);
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let there = std::fs::read_to_string(outside.config()).unwrap();
    let account = there
        .lines()
        .filter(|line| line.starts_with("base_url"))
        .nth(1)
        .unwrap();
    block_in_place(|| {
        outside.run(&["setup"]);
        change(&outside, &key, "api_key = \"0000000000000000000000000000dead\"");
        change(&outside, account, &format!("base_url = \"{nowhere}\""));
        let hub = outside.serve();
        let ailing = [("mail", "unreachable"), ("shop", "credentials")];
        let status = until_ailing(&outside, &ailing, 3);
        let detail = |name: &str| {
            let mut lines = status["health"].as_array().unwrap().iter();
            let line = lines.find(|line| line["connection"] == name).unwrap();
            line["detail"].as_str().unwrap().to_owned()
        };
        assert!(detail("mail").contains("refused"), "{}", detail("mail"));
        assert!(
            detail("mail").contains(&nowhere["http://".len()..]),
            "{}",
            detail("mail")
        );
        assert!(detail("shop").contains("API key"), "{}", detail("shop"));
        let (findings, exit) = outside.ask(&["doctor"]);
        let about = finding(&findings, "connection");
        assert_eq!((exit, &about["verdict"]), (3, &"bad".into()), "{findings}");
        assert!(about["advice"].as_str().unwrap().len() > 20, "{about}");
        hub.kill();
        std::fs::write(outside.config(), &there).unwrap();
        let _hub = outside.serve();
        until_ailing(&outside, &[], 0);
    });
}
