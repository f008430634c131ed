//! Faults (copernica.md §11 no. 73-76), in process and on a socket.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the other side: it has a network of its own"
)]

use std::io::ErrorKind;

use schakel_sandbox::door::{Served, serve, serve_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const UPSERT: &str = "database/1/profiles?fields[]=CustomerId==7&create=1";

async fn upsert(world: &World) -> Answer {
    world.put(UPSERT, json!({"fields": {"CustomerId": 7}})).await
}

/// An overloaded load balancer answers with a page instead of JSON.
///
/// Fidelity: copernica.md 73 — exact
#[tokio::test]
async fn c073_overload_is_a_page_and_does_nothing() {
    let world = World::new().await;
    for (kind, status) in [
        (FaultKind::Overload503, StatusCode::SERVICE_UNAVAILABLE),
        (FaultKind::Overload504, StatusCode::GATEWAY_TIMEOUT),
        (FaultKind::HtmlPage, StatusCode::OK),
        (FaultKind::ErrorBefore, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        world.simulator.fail_next(kind, 1);
        let answer = upsert(&world).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(
            String::from_utf8_lossy(&answer.body).contains("Loadbalancer Error"),
            status.as_u16() > 502
        );
    }
    assert_eq!(world.simulator.counts().profiles, 0);
    assert_eq!(upsert(&world).await.created(), 1);
    assert_eq!(world.simulator.counts().faults[&FaultKind::Overload503], 1);
}

/// Too many calls are answered with 429, with or without a time to wait.
///
/// Fidelity: copernica.md 74 — exact
#[tokio::test]
async fn c074_too_many_requests_with_and_without_a_hint() {
    let world = World::new().await;
    for (kind, hint) in [
        (FaultKind::TooMany, None),
        (FaultKind::TooManyRetryAfter, Some("2")),
    ] {
        world.simulator.fail_next(kind, 1);
        let answer = upsert(&world).await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (StatusCode::TOO_MANY_REQUESTS, hint)
        );
    }
}

#[tokio::test]
async fn faults_spare_the_authentication_host_unless_asked() {
    let world = World::new().await;
    world
        .simulator
        .set_faults(Faults::default().with(FaultKind::ErrorBefore, 100.0));
    world.log_in("sandbox-token").await;
    assert_eq!(upsert(&world).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    let faults = Faults {
        hit_authentication: true,
        ..Faults::default().with(FaultKind::ErrorBefore, 100.0)
    };
    world.simulator.set_faults(faults);
    let answer = world.call("POST", "/authenticate", "", Vec::new()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    world.simulator.set_faults(Faults::default());
    assert_eq!(upsert(&world).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn faults_hit_their_share_and_repeat_with_the_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = World::new().await;
        let faults = Faults::default()
            .with(FaultKind::TooMany, 20.0)
            .with(FaultKind::ErrorAfter, 5.0);
        world.simulator.set_faults(faults);
        let mut statuses = Vec::new();
        for _ in 0..400 {
            statuses.push(world.get("identity").await.status);
        }
        let hits = world.simulator.counts().faults;
        assert!((50..110).contains(&hits[&FaultKind::TooMany]), "{hits:?}");
        assert!((5..40).contains(&hits[&FaultKind::ErrorAfter]), "{hits:?}");
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
}

/// Serves a world and sends it one upsert; gives what came back until the connection closed.
async fn raw_upsert(world: &World) -> (Served, std::io::Result<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let served = serve(listener, world.simulator.router()).expect("the listener has an address");
    let mut socket = TcpStream::connect(served.addr).await.expect("it listens");
    let body = r#"{"fields":{"CustomerId":7}}"#;
    let head = format!(
        "PUT /v4/{UPSERT} HTTP/1.1\r\nHost: api.example.org\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        world.bearer,
        body.len()
    );
    socket.write_all(head.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    let outcome = socket.read_to_end(&mut answer).await.map(|_| answer);
    (served, outcome)
}

fn is_no_answer(outcome: &std::io::Result<Vec<u8>>) -> bool {
    match outcome {
        Ok(answer) => answer.is_empty(),
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// The network refuses connections for a while, breaks one before the call, and drops huge answers.
///
/// Fidelity: copernica.md 75 — approximated: the simulator speaks plain HTTP, so a TLS reset is a connection that breaks before the call is done
#[tokio::test]
async fn c075_the_network_fails_in_three_ways() {
    let world = World::new().await;
    // Nobody listens for a while, then somebody does again.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let outage = world.simulator.outage();
    let served = serve_until(listener, world.simulator.router(), &outage).expect("an address");
    outage.begin();
    while let Ok(socket) = TcpStream::connect(served.addr).await {
        drop(socket);
        tokio::task::yield_now().await;
    }
    outage.end();
    while TcpStream::connect(served.addr).await.is_err() {
        tokio::task::yield_now().await;
    }
    served.stop().await;
    // A connection breaks before the call is done.
    world.simulator.fail_next(FaultKind::ResetBefore, 1);
    let (served, outcome) = raw_upsert(&world).await;
    assert!(is_no_answer(&outcome), "{outcome:?}");
    assert_eq!(world.simulator.counts().profiles, 0);
    served.stop().await;
    // A huge page is never answered; a small one is.
    for _ in 0..3 {
        world.profile(json!({})).await;
    }
    world.simulator.set_faults(Faults {
        answer_bytes_max: Some(1000),
        ..Faults::default()
    });
    let request = |limit: usize| {
        Request::get(format!("/v4/database/1/profiles?limit={limit}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", world.bearer))
            .body(Body::empty())
            .expect("well formed")
    };
    let huge = world.send(request(3)).await;
    assert!(huge.extensions().get::<ConnectionLost>().is_some());
    let small = world.send(request(1)).await;
    assert!(small.extensions().get::<ConnectionLost>().is_none());
}

/// A write may be done although its connection breaks before the answer.
///
/// Fidelity: copernica.md 76 — exact
#[tokio::test]
async fn c076_a_write_may_be_done_though_no_answer_comes() {
    let world = World::new().await;
    world.simulator.fail_next(FaultKind::AnswerLost, 1);
    let (served, outcome) = raw_upsert(&world).await;
    assert!(is_no_answer(&outcome), "{outcome:?}");
    assert_eq!(world.simulator.counts().profiles, 1);
    let (other, outcome) = raw_upsert(&world).await;
    let answer = outcome.expect("this one comes back");
    assert!(
        answer.starts_with(b"HTTP/1.1 204"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    served.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_write_may_be_done_though_the_answer_is_bad() {
    let world = World::new().await;
    world.simulator.fail_next(FaultKind::ErrorAfter, 1);
    assert_eq!(upsert(&world).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(world.simulator.counts().profiles, 1);
    world.simulator.fail_next(FaultKind::DelayedGateway, 1);
    let answer = world.post("database/1/profiles", json!({})).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(world.simulator.counts().profiles, 1);
    world.pass_seconds(2);
    assert_eq!(world.simulator.counts().profiles, 2);
}

#[tokio::test]
async fn a_lost_answer_is_marked_in_process() {
    let world = World::new().await;
    world.simulator.fail_next(FaultKind::ResetBefore, 1);
    let request = Request::get("/v4/identity")
        .body(Body::empty())
        .expect("well formed");
    let response = world.send(request).await;
    assert!(response.extensions().get::<ConnectionLost>().is_some());
    assert!(to_bytes(response.into_body(), usize::MAX).await.is_err());
}

#[tokio::test]
async fn slow_and_silent_answers() {
    let world = World::new().await;
    world.simulator.set_faults(Faults {
        latency_ms: 1,
        drip_pause_ms: 1,
        ..Faults::default()
    });
    world.simulator.fail_next(FaultKind::SlowDrip, 2);
    assert_eq!(upsert(&world).await.created(), 1);
    assert_eq!(world.get("identity").await.json()["id"], "1");
    world.simulator.set_faults(Faults::default());
    world.simulator.fail_next(FaultKind::DelayedSilent, 1);
    // Without latency one look is enough: the call is noted and its answer never comes.
    tokio::select! {
        biased;
        answer = world.post("database/1/profiles", json!({})) => panic!("an answer came: {answer:?}"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(world.simulator.counts().profiles, 1);
    world.pass_seconds(2);
    assert_eq!(world.simulator.counts().profiles, 2);
}

#[tokio::test]
async fn an_outage_ends_though_a_call_hangs() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let outage = world.simulator.outage();
    let served = serve_until(listener, world.simulator.router(), &outage).expect("an address");
    world.simulator.fail_next(FaultKind::DelayedSilent, 1);
    let mut hanging = TcpStream::connect(served.addr).await.expect("it listens");
    let head = format!(
        "GET /v4/identity HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
        world.bearer
    );
    hanging.write_all(head.as_bytes()).await.expect("it reads");
    while world.simulator.counts().waiting == 0 {
        tokio::task::yield_now().await;
    }
    outage.begin();
    while TcpStream::connect(served.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    outage.end();
    while TcpStream::connect(served.addr).await.is_err() {
        tokio::task::yield_now().await;
    }
    served.stop().await;
}
