//! The pages: escaping, languages, headers, and a real browser where there is one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use schakel_core::connector::{Class, Part, Span};
use schakel_core::delivery::Flow;
use schakel_core::health::Ailment;
use schakel_core::id::ConnectionId;
use schakel_core::problem::Language;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::rhythm::Watched;
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_engine::deliver::{Gauge, Reading};
use schakel_engine::hub::Hub;
use schakel_engine::intake;
use schakel_engine::report::{self, InboxLine, LeftWaiting, Probe};
use schakel_store::rows::FetchRow;
use schakel_store::{BadFile, HealthRow, InboxCounts, StoreError};
use schakel_testkit::{browser, tempdir};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::language::Words;
use super::{Hosts, status};
use crate::hooks;
use crate::serve;
use crate::testing::{SOURCE, ask, hub, paths, webhook};

fn router(hub: Arc<Hub>, probe: Probe) -> axum::Router {
    super::router(hub, probe, Hosts::new(([127, 0, 0, 1], 8481).into(), &[]))
}

fn get(path: &str, languages: &str) -> Request<Body> {
    Request::get(path)
        .header("host", "localhost")
        .header("accept-language", languages)
        .body(Body::empty())
        .unwrap()
}

async fn text(router: &axum::Router, path: &str, languages: &str) -> String {
    let (status, _, body) = ask(router, get(path, languages)).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    String::from_utf8(body.to_vec()).unwrap()
}

/// Makes pages of a hub whose shop is called `name` and has sent one webhook, and one stranger another.
async fn pages(name: &str) -> (axum::Router, schakel_testkit::TempDir) {
    let (hub, folder) = hub(name).await;
    let (entrance, writer) = intake::open(&hub);
    let mut tasks = JoinSet::new();
    tasks.spawn(writer.run());
    let door = hooks::router(entrance, paths(), hub.clock.clone());
    ask(&door, webhook("{}")).await;
    let mut stranger = webhook("{}");
    stranger.headers_mut().remove("x-signature");
    ask(&door, stranger).await;
    // Refusals are written at the end, or after a moment.
    drop(door);
    while tasks.join_next().await.is_some() {}
    let probe = Probe {
        gauges: vec![(ConnectionId(2), Gauge::default())],
        ..Probe::default()
    };
    (router(hub, probe), folder)
}

#[tokio::test]
async fn names_cannot_bring_markup_into_a_page() {
    let (router, _folder) = pages("<script>alert('x')</script>").await;
    for path in ["/", "/status/fragment"] {
        let page = text(&router, path, "en").await;
        assert!(
            page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
            "{page}"
        );
        assert!(!page.contains("<script>alert"), "{page}");
    }
}

#[tokio::test]
async fn readers_get_their_language() {
    let (router, _folder) = pages("shop").await;
    let first = |page: &str| page.lines().next().unwrap_or_default()[..40].to_owned();
    assert!(first(&text(&router, "/", "nl-BE,nl;q=0.9").await).contains("lang=\"nl\""));
    assert!(first(&text(&router, "/?lang=de", "nl").await).contains("lang=\"de\""));
    let page = text(&router, "/", "fr").await;
    assert!(
        page.contains("Waiting events: 1, open deliveries: 0.") && page.contains("The sum is right."),
        "{page}"
    );
}

#[tokio::test]
async fn a_hub_without_events_says_what_to_do() {
    let (hub, _folder) = hub("shop").await;
    let page = text(&router(hub, Probe::default()), "/", "en").await;
    assert!(
        page.contains("Nothing was received yet") && page.contains("Nothing was set aside."),
        "{page}"
    );
}

#[tokio::test]
async fn what_waits_for_something_else_than_its_turn_is_told_in_every_language() {
    let (hub, _folder) = hub("shop").await;
    let probe = Probe {
        gauges: vec![(ConnectionId(2), Gauge::default())],
        ..Probe::default()
    };
    let status = report::status(&hub.store, hub.tenant, &probe, hub.clock.now()).await;
    let mut status = status.unwrap();
    status.sinks[0].objects.insert("order", BTreeMap::new());
    let line = &mut status.connections;
    line.push(InboxLine {
        connection: "shop".to_owned(),
        counts: InboxCounts::default(),
        adds_up: true,
    });
    let left = |connection: &str, events| LeftWaiting {
        connection: connection.to_owned(),
        events,
    };
    status.left_waiting.push(left("<old>", 7));
    status.newer_waiting.push(left("shop", 5));
    for language in [Language::Nl, Language::En, Language::De] {
        let words = Words::of(language);
        let flows = [
            (Flow::Open, None),
            (Flow::Paused, Some(words.flow_paused)),
            (Flow::Broken, Some(words.flow_broken)),
            (Flow::Probing, Some(words.flow_probing)),
        ];
        for (flow, said) in flows {
            status.sinks[0].loop_reading = Some(Reading {
                flow,
                ..Reading::default()
            });
            let page = status::fragment(&status, words).into_string();
            for (_, text) in flows {
                let is_there = text.is_some_and(|text| page.contains(text));
                assert_eq!(is_there, text.is_some() && text == said, "{flow:?}: {page}");
            }
            for text in [
                format!("&lt;old&gt;: 7 {}", words.left_waiting),
                format!("shop: 5 {}", words.newer_waiting),
                format!("{}: 12.", words.needs_person),
            ] {
                assert!(page.contains(&text), "{text}: {page}");
            }
        }
    }
}

/// What ails a connection stands on top and at the connection, in three languages, and nobody is told that all is well.
#[tokio::test]
async fn the_page_says_what_ails_a_connection() {
    let (hub, _folder) = hub("shop").await;
    let store = &hub.store;
    let sink = store
        .ensure_connection(hub.tenant, "<mail>", "copernica", ConnectionId(2))
        .await
        .unwrap();
    let probe = Probe {
        gauges: vec![(sink.id, Gauge::default())],
        ..Probe::default()
    };
    let router = router(hub.clone(), probe);
    let words = [Language::Nl, Language::En, Language::De].map(Words::of);
    for words in words {
        let page = text(&router, "/", words.code).await;
        assert!(
            page.contains(words.all_well) && !page.contains(words.ailing),
            "{page}"
        );
    }
    let ailments = [
        (SOURCE, Ailment::Credentials, "the key is wrong"),
        (sink.id, Ailment::Unreachable, "no connection to mail.test:443"),
    ];
    for (connection, ailment, detail) in ailments {
        let row = HealthRow {
            connection,
            ailment,
            detail: detail.to_owned(),
            since: hub.clock.now(),
            next_at: hub.clock.now().plus_ms(30_000),
        };
        store.put_health(hub.tenant, &row).await.unwrap();
    }
    for words in words {
        let page = text(&router, "/", words.code).await;
        assert!(!page.contains(words.all_well), "{page}");
        assert!(
            page.contains(&format!("{}: shop, &lt;mail&gt;.", words.ailing)),
            "{page}"
        );
        for (_, ailment, detail) in ailments {
            assert!(
                page.contains(ailment.text(words.language)) && page.contains(detail),
                "{page}"
            );
        }
    }
    let status: serde_json::Value = serde_json::from_str(&text(&router, "/api/v1/status", "").await).unwrap();
    let line = &status["health"][1];
    assert_eq!(
        (&line["connection"], &line["reason"]),
        (&"<mail>".into(), &"unreachable".into())
    );
}

#[tokio::test]
async fn every_answer_carries_the_policy_and_pages_are_never_kept() {
    let (router, _folder) = pages("shop").await;
    for path in [
        "/",
        "/status/fragment",
        "/api/v1/status",
        "/health",
        "/style.css",
        "/live.js",
        "/nowhere",
    ] {
        let (_, headers, _) = ask(&router, get(path, "")).await;
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'"),
            "{path}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        let is_file = path.contains('.');
        assert_eq!(
            headers["cache-control"],
            if is_file { "no-cache" } else { "no-store" },
            "{path}"
        );
    }
}

/// A history that is under way stands on the page, and why a part of it stopped in the numbers for programs.
#[tokio::test]
async fn the_page_says_how_far_a_history_is() {
    let (hub, _folder) = hub("shop").await;
    let walk = |part, seen, state| {
        let mut walk = Walk::new(SOURCE, Job::Backfill, part, Span::default(), hub.clock.now());
        (walk.seen, walk.expected, walk.state) = (seen, Some(4_321), state);
        walk.note = "the shop counts 4321".to_owned();
        walk
    };
    let walks = [
        walk(Part::Orders, 1_234, WalkState::Running),
        walk(Part::Quotes, 0, WalkState::Stopped),
    ];
    hub.store.begin_walks(hub.tenant, &walks).await.unwrap();
    let router = router(hub, Probe::default());
    let page = text(&router, "/", "nl").await;
    assert!(!page.contains("Alles is bijgewerkt."), "a list stopped: {page}");
    for said in [
        "Lijsten van winkels die niet verder gelezen worden: 1.",
        "De geschiedenis wordt nog gelezen: 1234 / 8642.",
        "Geschiedenis en controle",
        "<td>1234</td><td>8642</td><td>1</td><td>0</td>",
        "nooit",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let status: serde_json::Value = serde_json::from_str(&text(&router, "/api/v1/status", "").await).unwrap();
    let stopped =
        serde_json::json!([{ "job": "backfill", "part": "quotes", "note": "the shop counts 4321" }]);
    assert_eq!(status["walks"][0]["stopped"], stopped);
}

/// Nobody is told that all is well while something is still to be read from a shop.
#[tokio::test]
async fn the_page_says_what_is_still_to_be_read() {
    let (hub, _folder) = hub("shop").await;
    let router = router(hub.clone(), Probe::default());
    let page = text(&router, "/", "de").await;
    assert!(page.contains("Alles ist auf dem neuesten Stand."), "{page}");
    let mut walk = Walk::new(
        SOURCE,
        Job::Backfill,
        Part::Orders,
        Span::default(),
        hub.clock.now(),
    );
    let all_well = "Everything is up to date.";
    hub.store
        .begin_walks(hub.tenant, std::slice::from_ref(&walk))
        .await
        .unwrap();
    let page = text(&router, "/", "en").await;
    assert!(
        page.contains("The history is still being read: 0; lists not counted yet: 1.")
            && !page.contains(all_well),
        "{page}"
    );
    walk.state = WalkState::Done;
    hub.store.begin_walks(hub.tenant, &[walk]).await.unwrap();
    let wish = FetchRow {
        class: Class::Live,
        key: RecordKey::new(SOURCE, RecordKind::Order, 7),
        reason: "hint".to_owned(),
        due_at: hub.clock.now(),
        attempts: 0,
        wanted: 0,
    };
    let mut tx = hub.store.write().await.unwrap();
    tx.want_fetches(hub.tenant, &[wish]).await.unwrap();
    tx.commit().await.unwrap();
    let page = text(&router, "/", "en").await;
    assert!(
        page.contains("Still to be fetched from shops: 1.") && !page.contains(all_well),
        "{page}"
    );
}

/// Silence and mended registrations stand on the page, in three languages; a source that is polled has no such line.
#[tokio::test]
async fn the_page_says_whether_webhooks_come() {
    let (hub, _folder) = hub("shop").await;
    let router = router(hub.clone(), Probe::default());
    let page = text(&router, "/", "en").await;
    assert!(!page.contains("last webhook"), "{page}");
    let mut watched = Watched::default();
    let now = hub.clock.now();
    for hours in 1..400 {
        watched.rhythm.note(50, now.plus_ms((hours - 400) * 3_600_000));
    }
    watched.since = Some(now);
    watched.heard_at = Some(now.plus_ms(-2 * 3_600_000));
    (watched.mended, watched.suspicions) = (3, 7);
    let mut tx = hub.store.write().await.unwrap();
    tx.put_checkpoint(hub.tenant, SOURCE, Watched::CHECKPOINT, &watched.to_text())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for (language, said) in [
        ("nl", "er kwam veel langer dan gewoonlijk geen webhook"),
        ("en", "no webhook came for much longer than usual"),
        ("de", "kam kein Webhook"),
    ] {
        let page = text(&router, "/", language).await;
        assert!(
            page.contains(said) && page.contains("<td>3</td><td>7</td>"),
            "{page}"
        );
    }
    let status: serde_json::Value = serde_json::from_str(&text(&router, "/api/v1/status", "").await).unwrap();
    assert_eq!(status["watch"][0]["is_silent"], true);
}

#[tokio::test]
async fn the_api_gives_the_numbers_of_the_page() {
    let (router, _folder) = pages("shop").await;
    let status: serde_json::Value = serde_json::from_str(&text(&router, "/api/v1/status", "").await).unwrap();
    assert_eq!(
        (&status["inbox"]["received"], &status["inbox"]["rejected"]),
        (&1.into(), &1.into())
    );
    assert_eq!(status["adds_up"], true);
    let health: serde_json::Value = serde_json::from_str(&text(&router, "/health", "").await).unwrap();
    assert_eq!(
        (&health["status"], &health["database"]),
        (&"ok".into(), &"SQLite".into())
    );
}

#[tokio::test]
async fn who_asks_whether_the_hub_works_is_answered_while_the_store_stands_still() {
    let (hub, _folder) = hub("shop").await;
    let router = router(hub.clone(), Probe::default());
    let _others = hub.store.write().await.unwrap();
    tokio::time::pause();
    let started = Instant::now();
    let (code, _, body) = ask(&router, get("/health", "")).await;
    assert_eq!(
        (code, body.as_ref()),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            &br#"{"status":"unavailable"}"#[..]
        )
    );
    assert_eq!(started.elapsed().as_secs(), 2, "of the clock of the test");
}

#[tokio::test]
async fn a_damaged_file_is_told_and_nothing_more_is_taken_into_it() {
    let (hub, _folder) = hub("shop").await;
    let (entrance, _writer) = intake::open(&hub);
    let door = hooks::router(entrance, paths(), hub.clock.clone());
    let router = router(hub.clone(), Probe::default());
    let damaged = StoreError::BadFile {
        path: "schakel.db".into(),
        what: BadFile::Damaged,
    };
    hub.note_store_failed("apply", &damaged);
    assert_eq!(ask(&door, webhook("{}")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (code, _, body) = ask(&router, get("/health", "")).await;
    let health: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (code, &health["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"SCH-0211".into())
    );
    for (language, said) in [("nl", "beschadigd"), ("en", "damaged"), ("de", "beschädigt")] {
        let page = text(&router, "/", language).await;
        assert!(page.contains(said) && page.contains("SCH-0211"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_the_page_and_its_script_runs_under_the_policy() {
    let (router, _folder) = pages("shop").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?lang=en", listener.local_addr().unwrap());
    let (_stop, stopped) = watch::channel(false);
    let mut server = JoinSet::new();
    server.spawn(serve(listener, router, stopped));
    let shown = tokio::task::spawn_blocking(move || {
        let folder = tempdir();
        let picture = folder.path().join("status.png");
        let has_picture = browser::screenshot(&url, &picture).unwrap();
        assert!(
            !has_picture || std::fs::metadata(&picture).unwrap().len() > 10_000,
            "an empty picture"
        );
        browser::dump_dom(&url).unwrap()
    });
    if let Some(dom) = shown.await.unwrap() {
        assert!(
            dom.contains("<h1>Schakel – Status</h1>") && dom.contains("data-live=\"true\""),
            "{dom}"
        );
    }
}
