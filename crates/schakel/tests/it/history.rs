//! The history of a shop through the commands: planned, begun, halted, read to its end by a running hub, and compared.

use schakel_sandbox::lightspeed::traffic::Past;
use schakel_testkit::wait_until;
use serde_json::Value;
use tokio::task::block_in_place;

use crate::process::{END, Outside, schakel};

/// What the shop holds before anybody connects it.
const CUSTOMERS: u64 = 40;
pub const ORDERS: u64 = 60;

pub async fn filled(seed: u64) -> Outside {
    let outside = Outside::start(seed, "").await;
    outside.shop.fill(&Past {
        customers: CUSTOMERS,
        orders: ORDERS,
        rows_per_order: 2,
        days: 200,
        seed,
    });
    outside
}

pub fn part<'v>(parts: &'v Value, name: &str) -> &'v Value {
    let found = parts.as_array().unwrap().iter().find(|part| part["part"] == name);
    found.unwrap_or_else(|| panic!("no part {name} in {parts}"))
}

pub fn states(outside: &Outside) -> Vec<String> {
    let (said, _) = outside.ask(&["backfill", "status"]);
    let parts = said["histories"][0]["history"]["parts"].as_array().cloned();
    let state = |part: Value| part["state"].as_str().unwrap().to_owned();
    parts.unwrap_or_default().into_iter().map(state).collect()
}

/// Before the hub ever ran, the plan says what the history costs; nothing but counts is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_made_before_anything_runs_and_a_history_waits_for_the_hub() {
    let outside = filled(11).await;
    block_in_place(|| {
        let (said, exit) = outside.ask(&["plan"]);
        assert_eq!(exit, 0, "{said}");
        let plan = &said["plans"][0];
        assert_eq!(part(&plan["parts"], "orders")["things"], ORDERS, "{plan}");
        assert_eq!(
            part(&plan["parts"], "order_rows")["calls"],
            ORDERS,
            "a call for each order"
        );
        assert_eq!(
            part(&plan["parts"], "customers")["calls"],
            3,
            "a page and two counts"
        );
        assert_eq!(
            (&plan["people"], &plan["mailed_as_new"]),
            (&CUSTOMERS.into(), &CUSTOMERS.into())
        );
        let groups = plan["options"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["option"] == "customer_groups");
        assert_eq!(groups.unwrap()["is_on"], false);
        assert!(plan["end"]["earliest_us"].as_i64() <= plan["end"]["latest_us"].as_i64());

        let (said, exit) = outside.ask(&["backfill", "start"]);
        assert_eq!(exit, 0);
        assert_eq!(said["histories"][0]["is_hub_running"], false, "{said}");
        assert!(states(&outside).iter().all(|state| state == "waiting"));
        let (said, exit) = outside.ask(&["backfill", "start"]);
        assert_eq!((&said["error"]["code"], exit), (&"SCH-0110".into(), 2), "{said}");
        assert_eq!(outside.ask(&["backfill", "pause", "--part", "orders"]).1, 0);
        assert_eq!(
            states(&outside).iter().filter(|state| *state == "paused").count(),
            1
        );
        assert_eq!(outside.ask(&["backfill", "resume"]).1, 0);
        assert_eq!(
            outside.ask(&["backfill", "resume"]).1,
            3,
            "nothing is halted any more"
        );
        assert_eq!(outside.ask(&["backfill", "cancel"]).1, 0);
        assert!(states(&outside).iter().all(|state| state == "cancelled"));
        let (said, exit) = outside.ask(&["backfill", "start", "--part", "quote_rows"]);
        assert_eq!(
            (&said["error"]["code"], exit),
            (&"SCH-0106".into(), 2),
            "no route wants them: {said}"
        );
    });
}

/// What changes nothing is no success, and what it is instead is said.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_halted_already_or_left_out_is_said() {
    let outside = filled(21).await;
    block_in_place(|| {
        let nothing = [
            "backfill",
            "start",
            "--part",
            "order_rows",
            "--without",
            "order_rows",
        ];
        let (said, exit) = outside.ask(&nothing);
        assert_eq!((&said["error"]["code"], exit), (&"SCH-0106".into(), 2), "{said}");
        outside.run(&["backfill", "start"]);
        let pause = ["backfill", "pause", "--part", "orders"];
        outside.run(&pause);
        let (said, exit) = outside.ask(&pause);
        let already = &said["histories"][0]["already"];
        assert_eq!((already, exit), (&serde_json::json!(["orders"]), 3));
        let output = schakel()
            .arg("--config")
            .arg(outside.config())
            .args(pause)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("orders: halted already"), "{said}");
        let (said, _) = outside.ask(&["backfill", "status", "--part", "orders"]);
        let parts = &said["histories"][0]["history"]["parts"];
        assert_eq!(part(parts, "orders")["state"], "paused", "{said}");
        assert_eq!(parts.as_array().map(Vec::len), Some(1), "{said}");
    });
}

/// What `plan` does with the database at `address`: its exit code and what it says beside its result.
fn planned(outside: &Outside, address: &str) -> (i32, String) {
    let output = schakel()
        .arg("--config")
        .arg(outside.config())
        .args(["--set", &format!("hub.database={address}"), "plan"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

/// A file that is no database is an error, and so is an empty one: every command says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_goes_on_without_a_database_only_where_none_is_there() {
    let outside = filled(14).await;
    block_in_place(|| {
        assert_eq!(planned(&outside, ""), (0, String::new()), "there is none");
        let file = outside.folder.path().join("schakel.db");
        let elsewhere = outside.folder.path().join("elsewhere").join("hub.db");
        let named = planned(&outside, &elsewhere.display().to_string());
        assert_eq!(named, (0, String::new()), "none there either");
        assert!(!elsewhere.exists());
        std::fs::write(&file, "").unwrap();
        let (exit, said) = planned(&outside, "");
        assert!(exit == 1 && said.contains("SCH-0211"), "{exit}: {said}");
        std::fs::write(
            file,
            "this is no database, and long enough to have a head of one".repeat(100),
        )
        .unwrap();
        let (exit, said) = planned(&outside, "");
        assert!(exit == 1 && said.contains("SCH-0211"), "{exit}: {said}");
    });
}

/// A database that cannot be used is an error, or calls would be spent outside the budget; where it may only be read, the
/// command says that its calls are not counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_is_not_taken_for_one_that_no_hub_has_used() {
    let Some(database) = schakel_testkit::postgres::fresh_database() else {
        return;
    };
    let outside = filled(15).await;
    block_in_place(|| {
        let address = database.url();
        assert_eq!(planned(&outside, address), (0, String::new()), "it is empty");
        let before = outside.shop.calls();
        let (server, query) = address.split_once('?').unwrap_or((address, ""));
        let other = format!("{server}_is_not_there?{query}");
        let (exit, said) = planned(&outside, &other);
        assert!(exit == 1 && said.contains("SCH-0205"), "{exit}: {said}");
        assert_eq!(outside.shop.calls(), before, "nothing is spent");

        let output = schakel()
            .arg("--config")
            .arg(outside.config())
            .args(["--set", &format!("hub.database={address}"), "backfill", "start"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(planned(&outside, address), (0, String::new()), "counted");
        let reader = format!("{server}?{query}&options=-c%20default_transaction_read_only%3Don");
        let (exit, said) = planned(&outside, &reader);
        assert!(
            exit == 0 && said.contains("calls of this command are not counted"),
            "{exit}: {said}"
        );
    });
}

/// Commands write down what a hub shall look at; a sweep never begins later than the one before left off.
#[tokio::test(flavor = "multi_thread")]
async fn sweeps_and_reconciliations_wait_for_the_hub_and_leave_no_gap() {
    let outside = filled(13).await;
    block_in_place(|| {
        let from = |arguments: &[&str]| {
            let (said, exit) = outside.ask(arguments);
            assert_eq!(exit, 0, "{said}");
            let walk = &said["sweeps"][0]["walks"][0];
            assert_eq!(walk["state"], "waiting", "{said}");
            walk["span"]["updated_from"].clone()
        };
        let long_ago = from(&["sync", "--since", "2020-01-01"]);
        assert_eq!(
            from(&["sync", "--since", "2024-01-01"]),
            long_ago,
            "what lies between was not read yet"
        );
        assert_eq!(from(&["sync", "--part", "orders"]), long_ago);

        let (said, exit) = outside.ask(&["sync", "--since", "2099-01-01"]);
        assert_eq!(
            (said["error"]["code"].as_str(), exit),
            (Some("SCH-0106"), 2),
            "{said}"
        );

        let (said, exit) = outside.ask(&["sync", "--checkout", "123"]);
        assert_eq!((&said["sweeps"][0]["checkout"], exit), (&123.into(), 0));
        assert_eq!(outside.ask(&["status"]).0["fetches_waiting"], 1);

        let (said, exit) = outside.ask(&["reconcile", "--part", "customers"]);
        assert_eq!(
            (&said["reconciliations"][0], exit),
            (
                &serde_json::json!({
                    "connection": "shop", "parts": [], "not_read": ["customers"], "is_hub_running": false,
                }),
                3
            ),
            "all of it would be missing"
        );
        assert_eq!(
            outside.ask(&["reconcile", "--accept-deletions"]).1,
            3,
            "nothing waits for consent"
        );
        let output = schakel()
            .arg("--config")
            .arg(outside.config())
            .args(["reconcile", "--accept-deletions", "--wait"])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("no hub runs") && !said.contains("waiting a minute"),
            "{said}"
        );
        let (said, _) = outside.ask(&["plan", "--part", "order_rows"]);
        assert_eq!(
            (&said["plans"][0]["calls"], &said["plans"][0]["asked"]),
            (&ORDERS.into(), &2.into()),
            "the orders, and the products that their rows name"
        );
    });
}

/// What waits for a hub that does not run is told by whoever looks at it or lets it go on; it looked as if it were under way.
#[tokio::test(flavor = "multi_thread")]
async fn that_no_hub_runs_is_said_where_something_waits_for_it() {
    let outside = filled(19).await;
    block_in_place(|| {
        let says = |arguments: &[&str]| {
            let output = outside.run(arguments);
            let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
            text.concat().contains("no hub runs with this database")
        };
        assert!(says(&["backfill", "start"]) && says(&["backfill", "status"]));
        assert!(!says(&["backfill", "pause"]), "nothing is to go on");
        assert!(!says(&["backfill", "status"]), "nor here");
        assert!(says(&["backfill", "resume"]) && says(&["status"]));
        let is_running = |said: &Value| said["is_hub_running"].clone();
        assert_eq!(is_running(&outside.ask(&["status"]).0), false);
        outside.run(&["setup"]);
        let _hub = outside.serve();
        let (said, _) = outside.ask(&["backfill", "status"]);
        assert_eq!(is_running(&said["histories"][0]), true, "{said}");
        assert_eq!(is_running(&outside.ask(&["status"]).0), true);
        assert!(!says(&["status"]) && !says(&["backfill", "status"]));
    });
}

/// A running hub reads the history to its end; a sweep and a reconciliation then find nothing that it does not hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_read_to_its_end_and_nothing_differs_afterwards() {
    let outside = filled(12).await;
    block_in_place(|| {
        outside.run(&["setup"]);
        outside.run(&["backfill", "start"]);
        let _hub = outside.serve();
        let is_done = || states(&outside).iter().all(|state| state == "done");
        let end = wait_until(END, is_done);
        let (said, exit) = outside.ask(&["backfill", "status"]);
        assert!(end, "{said}");
        assert_eq!(exit, 0);
        let parts = &said["histories"][0]["history"]["parts"];
        assert_eq!(part(parts, "orders")["seen"], ORDERS);
        assert_eq!(part(parts, "order_rows")["seen"], ORDERS);
        assert_eq!(part(parts, "customers")["seen"], CUSTOMERS);

        let (said, exit) = outside.ask(&["status"]);
        assert_eq!(
            (&said["walks"][0]["history_states"]["done"], exit),
            (&8.into(), 0),
            "{said}"
        );

        let (said, exit) = outside.ask(&["sync", "--since", "2020-01-01", "--wait"]);
        assert_eq!(
            (&said["sweeps"][0]["found"], exit),
            (&Value::Array(Vec::new()), 0),
            "{said}"
        );
        let (said, exit) = outside.ask(&["reconcile", "--wait"]);
        assert_eq!(
            (&said["reconciliations"][0]["found"], exit),
            (&Value::Array(Vec::new()), 0),
            "{said}"
        );
        let (said, exit) = outside.ask(&["backfill", "start"]);
        assert_eq!(exit, 3, "it is read already: {said}");
        once_more(&outside);
    });
}

/// Whoever mended what failed does not wait for the next try.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_waits_after_a_failure_is_tried_again_when_somebody_says_so() {
    let outside = filled(17).await;
    block_in_place(|| {
        outside.run(&["setup"]);
        outside.run(&["backfill", "start"]);
        let resume = ["backfill", "resume"];
        let (said, exit) = outside.ask(&resume);
        assert_eq!(
            (&said["histories"][0]["tried_again"], exit),
            (&serde_json::json!([]), 3)
        );
        outside.shop.set_language_active("nl", false);
        let _hub = outside.serve();
        let has_failed = || {
            let (said, _) = outside.ask(&["backfill", "status"]);
            said.to_string().contains("switched off: ")
        };
        assert!(wait_until(END, has_failed), "the history does not fail");
        let (said, exit) = outside.ask(&resume);
        let tried = said["histories"][0]["tried_again"].as_array().unwrap();
        assert_eq!((tried.len(), exit), (1, 0), "{said}");
        outside.shop.set_language_active("nl", true);
        let is_done = || {
            outside.ask(&resume);
            states(&outside).iter().all(|state| state == "done")
        };
        assert!(wait_until(END, is_done), "{:?}", states(&outside));
    });
}

/// Begins all of it once more: lists are read from their first page, rows only where they are missing, and that is said.
fn once_more(outside: &Outside) {
    let of_rows = || {
        let calls = outside.shop.calls_by_resource().into_iter();
        calls
            .filter(|(label, _)| label.starts_with("orders/") && label.ends_with("/products"))
            .map(|(_, calls)| calls)
            .sum::<u64>()
    };
    let (before, rows) = (outside.shop.calls(), of_rows());
    assert!(rows >= ORDERS, "{:?}", outside.shop.calls_by_resource());
    let (said, exit) = outside.ask(&[
        "backfill",
        "start",
        "--again",
        "--part",
        "orders",
        "--part",
        "order_rows",
    ]);
    let due = serde_json::json!([{ "part": "order_rows", "held": ORDERS, "due": 0 }]);
    assert_eq!((&said["histories"][0]["rows"], exit), (&due, 0), "{said}");
    assert!(wait_until(END, || states(outside)
        .iter()
        .all(|state| state == "done")));
    assert!(outside.shop.calls() > before, "the list was read");
    assert_eq!(of_rows(), rows, "no rows were");
    let output = outside.run(&["backfill", "start", "--again"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let said = format!(
        "shipments, each from its first page; order_rows of the orders that lack them by then (now 0 of the {ORDERS} that are held)"
    );
    assert!(text.contains(&said), "{text}");
}

/// What a route switches on once the others are read is named before the start that begins its history.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_names_what_was_switched_on_later() {
    let outside = filled(14).await;
    block_in_place(|| {
        let configure = |change: &dyn Fn(String) -> String| {
            let text = std::fs::read_to_string(outside.config()).unwrap();
            let changed = change(text.clone());
            assert_ne!(text, changed);
            std::fs::write(outside.config(), changed).unwrap();
        };
        let switched_on = || outside.ask(&["plan"]).0["plans"][0]["switched_on"].clone();
        configure(&|text| text.replace("history = \"manual\"", "history = \"auto\""));
        outside.run(&["setup"]);
        assert_eq!(switched_on(), serde_json::json!([]), "all begins together");
        let hub = outside.serve();
        assert!(wait_until(END, || !states(&outside).is_empty()));
        assert_eq!(switched_on(), serde_json::json!([]));
        drop(hub);
        configure(&|text| format!("{text}customer_groups = true\n"));
        assert_eq!(switched_on(), serde_json::json!(["groups"]));
    });
}

/// `backfill status --watch` without a hub shows what waits, bears with a database that is away for a moment, and ends when
/// nothing goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_outlasts_a_database_that_is_away_for_a_moment() {
    let Some(database) = schakel_testkit::postgres::fresh_database() else {
        return;
    };
    let outside = Outside::start(16, database.url()).await;
    block_in_place(|| {
        outside.run(&["backfill", "start", "--part", "orders"]);
        let said = |name: &str| std::fs::File::create(outside.folder.path().join(name)).unwrap();
        let mut watch = schakel()
            .arg("--config")
            .arg(outside.config())
            .args(["backfill", "status", "--watch"])
            .stdout(said("out"))
            .stderr(said("err"))
            .spawn()
            .unwrap();
        let told = |name: &str, text: &str| {
            let path = outside.folder.path().join(name);
            wait_until(END, || std::fs::read_to_string(&path).unwrap().contains(text))
        };
        assert!(told("out", "orders"), "it shows what waits for a hub");
        database.take_away("walk");
        assert!(told("err", "does not answer"));
        database.bring_back("walk");
        outside.run(&["backfill", "cancel"]);
        assert!(told("out", "cancelled"));
        assert!(watch.wait().unwrap().success());
    });
}
