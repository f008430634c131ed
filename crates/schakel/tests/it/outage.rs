//! PostgreSQL is cut off under a running hub, or stands still with its connections open: the shop is told to send again, nothing that was acknowledged is lost, nothing
//! is double, the log says it once, and the hub goes on by itself when the server is back (I1, I15, I23).

use std::path::Path;

use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_testkit::postgres::{Programs, Server};
use schakel_testkit::{services_are_required, wait_until};
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};

use crate::hooks::{addresses, deliver, send};
use crate::kill::{assert_both_ends_agree, until_quiet};
use crate::process::{END, Outside};
use crate::two::until_more;

/// How often the server goes away.
const CUTS: usize = 2;
/// Orders per second meanwhile.
const RATE: u32 = 40;
/// Most lines that one time may cost the log: one when it begins, one when it is over, and what was given up meanwhile; none
/// for each connection.
const LINES_MAX: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_under_load_costs_nothing_but_time() {
    under_load(Server::cut, Server::bring_back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stands_still_under_load_costs_nothing_but_time() {
    under_load(Server::freeze, Server::thaw).await;
}

async fn under_load(goes: fn(&mut Server), comes_back: fn(&mut Server)) {
    let Some(programs) = Programs::find() else {
        assert!(!services_are_required(), "no PostgreSQL");
        return;
    };
    let mut server = Server::start(&programs).unwrap();
    let outside = Outside::start(51, server.url()).await;
    block_in_place(|| outside.run(&["setup"]));
    let (stop, stopped) = watch::channel(false);
    let mut generator = Generator::new(&outside.shop, Seed::new(9), Mix::demonstration());
    let mut traffic = JoinSet::new();
    traffic.spawn(async move { generator.run_rate(RATE, stopped).await });
    let (hub, log) = block_in_place(|| outside.serve_logged());
    block_in_place(|| {
        let hook = addresses(&outside).remove(0);
        for _ in 0..CUTS {
            until_more(&outside, 60, 60);
            let before = lines(&log).len();
            goes(&mut server);
            let refused = outside.shop.webhook_counts().failed_attempts;
            let is_refused = || outside.shop.webhook_counts().failed_attempts >= refused + 30;
            assert!(wait_until(END, is_refused), "the shop is not told to send again");
            assert_eq!(deliver(&outside, &hook, 7, CUSTOMER), "503");
            let page = send(outside.pages_at("ready"), "GET /?lang=de HTTP/1.1", "");
            assert!(
                page.contains("503") && page.contains("Die Datenbank antwortet nicht."),
                "{page}"
            );
            comes_back(&mut server);
            until_more(&outside, 60, 60);
            let is_back = || {
                lines(&log)
                    .split_off(before)
                    .iter()
                    .any(|line| line.contains(BACK))
            };
            assert!(wait_until(END, is_back), "its return is not told");
            let told = lines(&log).split_off(before);
            let count = |text: &str| told.iter().filter(|line| line.contains(text)).count();
            assert_eq!(count("the database does not answer"), 1, "{told:#?}");
            assert_eq!(count(BACK), 1, "{told:#?}");
            assert!(told.len() <= LINES_MAX, "{told:#?}");
        }
    });
    stop.send(true).unwrap();
    traffic.join_next().await.unwrap().unwrap();
    outside.shop.webhooks_idle().await;
    assert_eq!(outside.shop.webhook_counts().given_up, 0);
    until_quiet(server.url()).await;
    drop(hub);
    assert_both_ends_agree(&outside);
}

/// What the log says when the database is back.
const BACK: &str = "the database answers again";

const CUSTOMER: &str = r#"{"customer":{"id":7,"updatedAt":"2026-06-02T10:24:43+02:00"}}"#;

fn lines(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().map(str::to_owned).collect()
}
