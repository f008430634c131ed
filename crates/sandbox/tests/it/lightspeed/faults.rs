//! §9.1: faults on demand.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the other side: it has a network of its own"
)]

use base64::Engine;
use http::Method;
use schakel_sandbox::door::serve;
use schakel_sandbox::lightspeed::{Buyer, RestFault, RestFaults};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{open, person};

/// On demand an order is not found once and then is there.
///
/// Fidelity: lightspeed-ecom.md 20 — exact
#[tokio::test]
async fn l020_an_order_is_missing_once_and_then_there() {
    let world = open();
    let order = world.order(Buyer::Guest(person("kwijt@example.org")));
    world.shop.fail_next(RestFault::OrderNotFound, 1);
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
    let path = format!("/nl/orders/{order}.json");
    assert_eq!(world.get(&path).await.status, 404);
    assert_eq!(world.get(&path).await.status, 200);
}

/// On demand a server error comes as a page; late and broken answers have tests of their own below.
///
/// Fidelity: lightspeed-ecom.md 21 — exact
#[tokio::test]
async fn l021_server_errors_come_as_pages() {
    let world = open();
    for status in [500, 502, 503] {
        world.shop.fail_next(RestFault::ServerError(status), 1);
        let answer = world.get("/nl/shop.json").await;
        assert_eq!(answer.status, status);
        assert!(answer.header("content-type").starts_with("text/html"));
        assert!(answer.text.starts_with("<html>"));
    }
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
}

#[tokio::test]
async fn a_fault_can_wait_for_calls_of_one_kind() {
    let world = open();
    world
        .shop
        .fail_next_at("customers/", RestFault::ServerError(500), 1);
    assert_eq!(world.get("/nl/customers/count.json").await.status, 500);
    world.shop.fail_next_at("/count", RestFault::ServerError(502), 1);
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
    assert_eq!(world.get("/nl/orders/count.json").await.status, 502);
    assert_eq!(world.get("/nl/orders/count.json").await.status, 200);
}

#[tokio::test]
async fn a_late_answer_is_a_right_one_and_is_counted() {
    let world = open();
    world.shop.fail_next(RestFault::Late(1), 1);
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
    assert_eq!(world.shop.fault_hits().get("latency"), Some(&1));
}

#[tokio::test]
async fn a_cut_connection_ends_in_the_middle() {
    let world = open();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = serve(listener, world.shop.router()).unwrap();
    world.shop.fail_next(RestFault::Cut, 1);
    let mut stream = TcpStream::connect(served.addr).await.unwrap();
    stream
        .write_all(b"GET /nl/shop.json HTTP/1.1\r\nhost: shop\r\n\r\n")
        .await
        .unwrap();
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got).await;
    let text = String::from_utf8_lossy(&got);
    assert!(text.contains("content-length: 4096"), "{text}");
    assert!(got.len() < 4_096);
    served.stop().await;
}

/// On demand 429 says when to come back in seconds, as a date, or not at all.
///
/// Fidelity: lightspeed-ecom.md 22 — exact
#[tokio::test]
async fn l022_retry_after_comes_as_seconds_as_a_date_or_not() {
    let world = open();
    world.shop.fail_next(RestFault::TooManySeconds(7), 1);
    world.shop.fail_next(RestFault::TooManyDate(60), 1);
    world.shop.fail_next(RestFault::TooManyBare, 1);
    let mut waits = Vec::new();
    for _ in 0..3 {
        let answer = world.get("/nl/shop.json").await;
        assert_eq!(answer.status, 429);
        assert_ne!(answer.header("x-ratelimit-reset"), "");
        waits.push(answer.header("retry-after").to_owned());
    }
    assert_eq!(waits, ["7", "Tue, 12 May 2026 15:26:37 GMT", ""]);
}

#[tokio::test]
async fn what_a_fault_leaves_behind() {
    let world = open();
    let create = |n: u32| {
        format!(r#"{{"customer":{{"email":"fout.{n}@example.org","firstname":"F","lastname":"Out"}}}}"#)
    };
    for (n, fault, is_done) in [
        (0, RestFault::ServerError(500), false),
        (1, RestFault::ServerErrorAfter(500), true),
        (2, RestFault::HtmlOk, false),
        (3, RestFault::LoadBalancer, false),
        (4, RestFault::TooManyBare, false),
        (5, RestFault::Drip(1), true),
    ] {
        let before = world.shop.counts().customers;
        world.shop.fail_next(fault, 1);
        let answer = world.call(Method::POST, "/nl/customers.json", &create(n)).await;
        let made = world.shop.counts().customers - before;
        assert_eq!(made, u64::from(is_done), "{fault:?}");
        if fault == RestFault::Drip(1) {
            assert_eq!(answer.json()["customer"]["email"], "fout.5@example.org");
        }
        if fault == RestFault::HtmlOk {
            assert_eq!(answer.status, 200);
            assert!(answer.text.starts_with("<html>"));
        }
    }
}

#[tokio::test]
async fn an_answer_is_lost_after_the_call_is_done() {
    let world = open();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = serve(listener, world.shop.router()).unwrap();
    let customer = world.customer("verloren@example.org");
    for (fault, is_done) in [(RestFault::Reset, false), (RestFault::AnswerLost, true)] {
        world.shop.fail_next(fault, 1);
        let options = world.shop.options();
        let pair = format!("{}:{}", options.api_key, options.api_secret);
        let basic = base64::engine::general_purpose::STANDARD.encode(pair);
        let request = format!(
            "DELETE /nl/customers/{customer}.json HTTP/1.1\r\nhost: shop\r\nauthorization: Basic {basic}\r\n\r\n"
        );
        let mut stream = TcpStream::connect(served.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got).await;
        assert!(got.is_empty(), "{fault:?}: {}", String::from_utf8_lossy(&got));
        assert_eq!(world.shop.person(customer).is_none(), is_done, "{fault:?}");
    }
    served.stop().await;
}

/// Two halves are a whole: every call goes wrong, and about as many in either way.
#[tokio::test]
async fn shares_of_two_kinds_are_shares_of_one_throw() {
    let world = open();
    world.shop.set_rest_faults(RestFaults {
        latency_ms: 0,
        percent: vec![(RestFault::TooManyBare, 49.5), (RestFault::LoadBalancer, 50.5)],
    });
    let mut hits = [0; 2];
    for _ in 0..400 {
        match world.get("/nl/shop.json").await.status.as_u16() {
            429 => hits[0] += 1,
            503 => hits[1] += 1,
            other => panic!("{other} is neither"),
        }
    }
    assert!((150..250).contains(&hits[0]), "{hits:?}");
    assert_eq!(hits[0] + hits[1], 400);
}

#[tokio::test]
#[should_panic(expected = "shares over 100")]
async fn shares_over_100_are_refused_aloud() {
    open().shop.set_rest_faults(RestFaults {
        latency_ms: 0,
        percent: vec![(RestFault::TooManyBare, 60.0), (RestFault::LoadBalancer, 60.0)],
    });
}

#[tokio::test]
async fn standing_faults_hit_their_share() {
    let world = open();
    let percent = vec![(RestFault::ServerError(502), 100.0)];
    world.shop.set_rest_faults(RestFaults {
        latency_ms: 0,
        percent,
    });
    assert_eq!(world.get("/nl/shop.json").await.status, 502);
    world.shop.set_rest_faults(RestFaults::default());
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
}
