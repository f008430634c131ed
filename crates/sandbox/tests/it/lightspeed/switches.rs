//! What changes while the shop runs: languages, permissions, counts that lie, limits that are used up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::{Method, StatusCode};
use schakel_sandbox::door::{Receiver, Seed, SimClock};
use schakel_sandbox::lightspeed::traffic::{Generator, Mix, Past};
use schakel_sandbox::lightspeed::{
    Access, Burst, Options, Permissions, RestFault, WebhookFaults, WebhookOptions, Window,
};

use super::{NOW_S, World, open, open_with};

const DAY_S: i64 = 86_400;

/// The limits of the platform's usual plan, and no limit by the second.
fn limited() -> World {
    open_with(Options {
        per_second: 1_000_000,
        ..Options::default()
    })
}

#[tokio::test]
async fn a_language_that_is_off_is_answered_with_404_everywhere() {
    let world = open();
    assert!(world.shop.set_language_active("nl", false));
    for path in ["/nl/orders.json", "/nl/customers/count.json", "/nl/shop.json"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.message(), "Unknown or inactive language.");
    }
    let languages = world.get("/en/languages.json").await.json();
    let dutch = &languages["languages"][0];
    assert_eq!(
        (&dutch["code"], &dutch["isActive"]),
        (&"nl".into(), &false.into())
    );
    assert!(world.shop.set_language_active("nl", true));
    assert_eq!(world.get("/nl/orders.json").await.status, 200);
    assert!(!world.shop.set_language_active("xx", true));
}

#[tokio::test]
async fn a_section_is_withdrawn_and_granted_again() {
    let world = open();
    let key = world.shop.options().api_key.clone();
    assert!(world.shop.set_permissions(
        &key,
        Permissions {
            orders: Access::NONE,
            ..Permissions::default()
        }
    ));
    assert_eq!(world.get("/nl/orders.json").await.status, 403);
    assert_eq!(world.get("/nl/customers.json").await.status, 200);
    let said = world.get("/nl/account/permissions.json").await.json();
    assert_eq!(said["accountPermissions"]["orders"]["read"], false);
    assert!(world.shop.set_permissions(&key, Permissions::default()));
    assert_eq!(world.get("/nl/orders.json").await.status, 200);
    assert!(!world.shop.set_permissions("nobody", Permissions::default()));
}

#[tokio::test]
async fn a_count_lies_by_so_many_until_it_is_told_the_truth() {
    let world = open();
    world.customer("een@example.org");
    world.shop.set_count_offset("customers", 2);
    let count = async |path: &str| world.get(path).await.json()["count"].clone();
    assert_eq!(count("/nl/customers/count.json").await, 3);
    assert_eq!(count("/nl/orders/count.json").await, 0);
    world.shop.set_count_offset("customers", -9);
    assert_eq!(count("/nl/customers/count.json").await, 0);
    assert_eq!(
        world.get("/nl/customers.json").await.json()["customers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    world.shop.set_count_offset("customers", 0);
    assert_eq!(count("/nl/customers/count.json").await, 1);
}

#[tokio::test]
async fn a_used_up_day_refuses_until_midnight_in_the_shop() {
    let world = limited();
    world.shop.use_up(Window::Day);
    let answer = world.get("/nl/shop.json").await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("x-ratelimit-remaining"), "300/3000/-1");
    // 17:25:37 in Amsterdam.
    let left_s: i64 = 6 * 3_600 + 34 * 60 + 23;
    assert!(
        answer
            .header("x-ratelimit-reset")
            .ends_with(&format!("/{left_s}"))
    );
    world.wait_s(left_s - 1);
    assert_eq!(world.get("/nl/shop.json").await.status, 429);
    world.wait_s(1);
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
    world.shop.use_up(Window::FiveMinutes);
    assert_eq!(world.get("/nl/shop.json").await.status, 429);
    world.shop.refill_limits();
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
}

#[tokio::test]
async fn half_a_page_promises_the_whole_of_it() {
    let world = open();
    world.customer("half@example.org");
    let whole = world.get("/nl/customers.json").await.text;
    world.shop.fail_next(RestFault::Half, 1);
    let router = world.shop.router();
    let request = world.request(Method::GET, "/nl/customers.json", "");
    let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-length"], whole.len().to_string());
    assert!(response.headers().contains_key("x-ratelimit-limit"));
    let mut body = response.into_body();
    let first = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
    let first = first.into_data().unwrap();
    assert_eq!(&first[..], &whole.as_bytes()[..whole.len() / 2]);
    assert!(http_body_util::BodyExt::frame(&mut body).await.unwrap().is_err());
}

#[tokio::test]
async fn a_call_that_was_given_up_is_done_later() {
    let world = open();
    world.shop.fail_next(RestFault::Later(90_000), 1);
    let body = r#"{"customer":{"email":"later@example.org","firstname":"L","lastname":"Ater"}}"#;
    let answer = world.call(Method::POST, "/nl/customers.json", body).await;
    assert_eq!(answer.status, 504);
    world.wait_s(89);
    assert_eq!(world.get("/nl/customers/count.json").await.json()["count"], 0);
    world.wait_s(1);
    assert_eq!(world.get("/nl/customers/count.json").await.json()["count"], 1);
}

/// What a receiver in this process got: event and instant in seconds.
type Got = Arc<Mutex<Vec<(String, i64)>>>;

fn receiver(world: &World, got: &Got, refuses_until_s: i64) -> Receiver {
    let (clock, got) = (world.clock.clone(), Arc::clone(got));
    Receiver::new(move |request| {
        let now_s = clock.now_us() / 1_000_000;
        let event = request.headers()["x-event"].to_str().unwrap().to_owned();
        assert!(request.headers().contains_key("x-signature"));
        got.lock().unwrap().push((event, now_s));
        async move { (now_s >= refuses_until_s).then_some(StatusCode::OK) }
    })
}

#[tokio::test]
async fn a_refused_delivery_comes_back_on_the_clock_of_the_shop() {
    let world = open_with(Options {
        webhooks: WebhookOptions {
            retry_wait_ms: 60_000,
            ..WebhookOptions::default()
        },
        ..Options::default()
    });
    let got = Got::default();
    assert!(world.shop.deliver_in_process(receiver(&world, &got, NOW_S + 180)));
    world
        .hook("customers", "created", "http://hub.example/hooks/1")
        .await;
    world.customer("nieuw@example.org");
    for _ in 0..10 {
        world.shop.deliver_due().await;
        world.wait_s(60);
    }
    // The second wait is twice the first, the third is at its most.
    let at: Vec<i64> = got.lock().unwrap().iter().map(|(_, at_s)| at_s - NOW_S).collect();
    assert_eq!(at, [0, 60, 180]);
    assert_eq!(world.shop.webhook_counts().pending, 0);
}

#[tokio::test]
async fn three_weeks_pass_without_a_socket() {
    // One call of the four of each hour is too much for its five minutes.
    let world = open_with(Options {
        limits: [3, 30, 72],
        ..Options::default()
    });
    let got = Got::default();
    world.shop.deliver_in_process(receiver(&world, &got, 0));
    world
        .hook("orders", "created", "http://hub.example/hooks/1")
        .await;
    // Until midnight in the shop.
    world.wait_s(6 * 3_600 + 34 * 60 + 23);
    world.shop.fill(&Past {
        customers: 50,
        orders: 600,
        rows_per_order: 1,
        ..Past::default()
    });
    world.shop.set_webhook_faults(WebhookFaults {
        lost_percent: 20,
        ..WebhookFaults::default()
    });
    let mix = Mix {
        burst: Burst::FULL,
        ..Mix::default()
    };
    let mut traffic = Generator::new(&world.shop, Seed::new(3), mix);
    let mut answers: BTreeMap<u16, u64> = BTreeMap::new();
    let mut per_day = Vec::new();
    for day in 0..21 {
        let before = answers.get(&200).copied().unwrap_or(0);
        for _ in 0..24 {
            traffic.story();
            world.shop.deliver_due().await;
            for _ in 0..4 {
                let answer = world.get("/nl/orders/count.json").await;
                *answers.entry(answer.status.as_u16()).or_default() += 1;
            }
            world.wait_s(DAY_S / 24);
        }
        per_day.push((day, answers[&200] - before));
    }
    // Of 96 calls a day the shop takes 72.
    assert_eq!(per_day, (0..21).map(|day| (day, 72)).collect::<Vec<_>>());
    assert_eq!(answers[&429], 21 * 24);
    let counts = world.shop.webhook_counts();
    assert_eq!(counts.acknowledged, got.lock().unwrap().len() as u64);
    assert_eq!(counts.acknowledged + counts.lost, 21 * 24);
    assert!((50..150).contains(&counts.lost), "{}", counts.lost);
    assert_eq!(counts.pending, 0);
}
