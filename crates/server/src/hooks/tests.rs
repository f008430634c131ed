//! The entrance against everything that strangers send.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the other side: it has a network of its own"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode};
use bytes::Bytes;
use schakel_core::limits;
use schakel_engine::hub::Hub;
use schakel_engine::intake;
use schakel_store::rows::InboxCounts;
use schakel_testkit::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::bodies::Bodies;
use super::guard::BURST;
use super::{router, router_with};
use crate::serve::{Peer, serve};
use crate::testing::{PATH, SHOP, ask, hub, paths, signature, webhook};

const BODY: &str =
    r#"{"customer":{"id":7,"updatedAt":"2026-06-02T10:24:43+02:00","email":"jan@example.org"}}"#;

/// An entrance whose writer runs in `tasks`.
struct Open {
    router: Router,
    hub: Arc<Hub>,
    tasks: JoinSet<()>,
    _folder: TempDir,
}

async fn open() -> Open {
    open_with(Bodies::new(limits::WEBHOOK_BODIES_BYTES)).await
}

async fn open_with(bodies: Bodies) -> Open {
    let (hub, folder) = hub("shop").await;
    let (entrance, writer) = intake::open(&hub);
    let mut tasks = JoinSet::new();
    tasks.spawn(writer.run());
    let router = router_with(bodies, entrance, paths(), hub.clock.clone());
    Open {
        router,
        hub,
        tasks,
        _folder: folder,
    }
}

impl Open {
    async fn counts(&self) -> InboxCounts {
        self.hub
            .store
            .inbox_counts(self.hub.tenant, None, None)
            .await
            .unwrap()
    }

    /// The counts after the entrance was closed, which writes down what it refused.
    async fn last_counts(mut self) -> InboxCounts {
        drop(std::mem::take(&mut self.router));
        while self.tasks.join_next().await.is_some() {}
        self.counts().await
    }

    async fn status(&self, request: Request<Body>) -> StatusCode {
        ask(&self.router, request).await.0
    }
}

#[tokio::test]
async fn a_genuine_webhook_is_stored_before_its_empty_200_and_a_repeat_is_counted() {
    let open = open().await;
    for (stored, duplicate) in [(1, 0), (1, 1)] {
        let (status, headers, body) = ask(&open.router, webhook(BODY)).await;
        assert_eq!((status, body.len()), (StatusCode::OK, 0));
        assert!(!headers.contains_key("content-type"));
        let counts = open.counts().await;
        assert_eq!(
            (counts.waiting, counts.duplicate, counts.received),
            (stored, duplicate, stored + duplicate)
        );
    }
}

#[tokio::test]
async fn whoever_is_not_genuine_hears_the_same_whatever_was_wrong() {
    let open = open().await;
    let changed = |change: fn(&mut Request<Body>)| {
        let mut request = webhook(BODY);
        change(&mut request);
        request
    };
    let requests = [
        changed(|r| *r.uri_mut() = "/hooks/3f8a0c1d2e4b5a69788796a5b4c3d2e2".parse().unwrap()),
        changed(|r| *r.uri_mut() = "/".parse().unwrap()),
        changed(|r| *r.uri_mut() = format!("{PATH}/").parse().unwrap()),
        changed(|r| {
            drop(r.headers_mut().insert(
                "x-signature",
                HeaderValue::from_static("0123456789abcdef0123456789abcdef"),
            ));
        }),
        changed(|r| drop(r.headers_mut().remove("x-signature"))),
        changed(|r| *r.body_mut() = Body::from(BODY.replace("jan@", "piet@"))),
        changed(|r| {
            drop(
                r.headers_mut()
                    .insert("x-shop-id", HeaderValue::from_static("297542")),
            );
        }),
        changed(|r| drop(r.headers_mut().remove("x-event"))),
    ];
    let mut answers = Vec::new();
    for request in requests {
        answers.push(ask(&open.router, request).await);
    }
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
    assert!(answers[0].2.is_empty());
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let counts = open.last_counts().await;
    assert_eq!(
        (counts.received, counts.rejected),
        (0, 5),
        "those at a known address are counted"
    );
}

#[tokio::test]
async fn a_signed_body_is_taken_whatever_it_holds() {
    let open = open().await;
    let deep: &'static str = Box::leak("[".repeat(100_000).into_boxed_str());
    for body in ["{\"customer\":{\"id\":7", deep, "", "\u{0}"] {
        assert_eq!(
            open.status(webhook(body)).await,
            StatusCode::OK,
            "{} bytes",
            body.len()
        );
    }
    assert_eq!(
        open.counts().await.waiting,
        4,
        "what is wrong with them is found later, and shown"
    );
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_read() {
    let open = open().await;
    let mut told = webhook(BODY);
    told.headers_mut().insert(
        "content-length",
        HeaderValue::from(limits::WEBHOOK_BODY_BYTES as u64 + 1),
    );
    // Nobody could read this body to its end.
    *told.body_mut() = Body::new(Endless);
    assert_eq!(open.status(told).await, StatusCode::PAYLOAD_TOO_LARGE);
    let mut untold = webhook(BODY);
    *untold.body_mut() = Body::new(Endless);
    assert_eq!(open.status(untold).await, StatusCode::PAYLOAD_TOO_LARGE);
    let mut at_most = webhook(BODY);
    *at_most.body_mut() = Body::from(vec![b' '; limits::WEBHOOK_BODY_BYTES]);
    assert_eq!(
        open.status(at_most).await,
        StatusCode::UNAUTHORIZED,
        "read, and not signed"
    );
    let mut packed = webhook(BODY);
    packed
        .headers_mut()
        .insert("content-encoding", HeaderValue::from_static("gzip"));
    assert_eq!(open.status(packed).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let counts = open.last_counts().await;
    assert_eq!(
        (counts.received, counts.rejected),
        (0, 4),
        "none goes without a count"
    );
}

/// A body that never ends.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(
            &[b' '; 1024],
        )))))
    }
}

/// A body that sends `bytes` every second of a clock that jumps when everybody waits, for a minute.
fn dripping(bytes: usize) -> Body {
    let seconds = futures_util::stream::unfold(0, move |second| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let chunk = Ok::<_, std::convert::Infallible>(Bytes::from(vec![b' '; bytes]));
        (second < 60).then_some((chunk, second + 1))
    });
    Body::from_stream(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_given_up_long_before_the_longest_time() {
    let bodies = Bodies::new(limits::WEBHOOK_BODIES_BYTES);
    let given_up = async |body| super::whole(&bodies, body).await.err();
    let started = Instant::now();
    assert_eq!(given_up(dripping(10)).await, Some(super::Unread::Slow));
    let trickled = started.elapsed();
    let started = Instant::now();
    assert_eq!(given_up(dripping(8 * 1024)).await, Some(super::Unread::Slow));
    assert_eq!(
        (trickled.as_secs(), started.elapsed().as_secs()),
        (3, 15),
        "of the clock of the test"
    );
}

/// A webhook from `address`, genuine or with a signature of nobody.
fn from(address: &str, is_genuine: bool) -> Request<Body> {
    let mut request = webhook(BODY);
    request.extensions_mut().insert(Peer(address.parse().unwrap()));
    if !is_genuine {
        request
            .headers_mut()
            .insert("x-signature", HeaderValue::from_static("00"));
    }
    request
}

#[tokio::test]
async fn an_address_that_sends_too_much_rubbish_is_sent_away_and_its_genuine_webhooks_are_taken() {
    let open = open().await;
    let (shop, other) = ("203.0.113.9", "203.0.113.10");
    for _ in 0..BURST {
        assert_eq!(open.status(from(shop, false)).await, StatusCode::UNAUTHORIZED);
    }
    let (status, headers, body) = ask(&open.router, from(shop, false)).await;
    assert_eq!((status, body.len()), (StatusCode::TOO_MANY_REQUESTS, 0));
    assert!(headers.contains_key("retry-after"));
    assert_eq!(headers["connection"], "close");
    let mut lost = from(shop, true);
    *lost.uri_mut() = "/hooks/3f8a0c1d2e4b5a69788796a5b4c3d2e2".parse().unwrap();
    assert_eq!(open.status(lost).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(open.status(from(shop, true)).await, StatusCode::OK);
    assert_eq!(open.status(from(other, false)).await, StatusCode::UNAUTHORIZED);
    let counts = open.last_counts().await;
    assert_eq!(
        (counts.received, counts.rejected),
        (1, BURST + 2),
        "every refusal at a known address is counted"
    );
}

#[tokio::test]
async fn packed_bodies_and_other_methods_are_refused() {
    let open = open().await;
    for (encoding, status) in [
        ("gzip", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("identity, gzip", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("Identity", StatusCode::OK),
    ] {
        let mut request = webhook(BODY);
        request
            .headers_mut()
            .insert("content-encoding", HeaderValue::from_static(encoding));
        assert_eq!(open.status(request).await, status, "{encoding}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let mut request = webhook(BODY);
        *request.method_mut() = method.clone();
        let (status, headers, _) = ask(&open.router, request).await;
        assert_eq!(
            (status, headers["allow"].as_bytes()),
            (StatusCode::METHOD_NOT_ALLOWED, &b"POST"[..]),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_hub_that_cannot_store_asks_the_sender_to_come_back() {
    let (hub, _folder) = hub("shop").await;
    let (entrance, writer) = intake::open(&hub);
    drop(writer);
    let (status, headers, _) = ask(&router(entrance, paths(), hub.clock.clone()), webhook(BODY)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_webhook_that_is_not_stored_in_time_hears_that_it_shall_come_back() {
    let (hub, _folder) = hub("shop").await;
    // Nobody writes, as behind a store that stands still.
    let (entrance, _writer) = intake::open(&hub);
    let door = router(entrance, paths(), hub.clock.clone());
    tokio::time::pause();
    let started = Instant::now();
    let (status, headers, _) = ask(&door, webhook(BODY)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(headers.contains_key("retry-after"));
    assert_eq!(started.elapsed().as_secs(), 5, "of the clock of the test");
}

#[tokio::test]
async fn refusals_cost_no_commit_of_their_own() {
    let (hub, _folder) = hub("shop").await;
    let (entrance, writer) = intake::open(&hub);
    let door = router(entrance, paths(), hub.clock.clone());
    for _ in 0..3 {
        // Nobody writes, and every stranger is answered all the same.
        assert_eq!(
            ask(&door, from("203.0.113.9", false)).await.0,
            StatusCode::UNAUTHORIZED
        );
    }
    let counts = async || hub.store.inbox_counts(hub.tenant, None, None).await.unwrap();
    assert_eq!(counts().await.rejected, 0);
    drop(door);
    writer.run().await;
    assert_eq!(counts().await.rejected, 3);
}

/// A served entrance, and a client connected to it. The clock stands still and jumps when everybody waits.
async fn connected() -> (Open, TcpStream, watch::Sender<bool>, JoinSet<()>) {
    connected_to(open().await).await
}

async fn connected_to(open: Open) -> (Open, TcpStream, watch::Sender<bool>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let mut server = JoinSet::new();
    server.spawn(serve(listener, open.router.clone(), stopped));
    let client = TcpStream::connect(address).await.unwrap();
    (open, client, stop, server)
}

async fn rest(mut client: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is cut counts as an answer that ends.
    let _ = client.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let (_open, mut client, _stop, _server) = connected().await;
    tokio::time::pause();
    client
        .write_all(b"POST /hooks/x HTTP/1.1\r\nHost: hub\r\nX-Slow: ")
        .await
        .unwrap();
    assert_eq!(rest(client).await, "");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let (_open, mut client, _stop, _server) = connected().await;
    let head = format!(
        "POST /hooks/x HTTP/1.1\r\nHost: hub\r\nX-Long: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let _ = client.write_all(head.as_bytes()).await;
    assert!(rest(client).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let (_open, mut client, _stop, _server) = connected().await;
    tokio::time::pause();
    client
        .write_all(format!("POST {PATH} HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\n\r\n{{").as_bytes())
        .await
        .unwrap();
    assert!(rest(client).await.starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn a_stranger_is_answered_before_his_body_is_read() {
    let (_open, mut client, _stop, _server) = connected().await;
    tokio::time::pause();
    client
        .write_all(b"POST /hooks/x HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\n\r\n{")
        .await
        .unwrap();
    assert!(rest(client).await.starts_with("HTTP/1.1 401"));
}

/// The head of a signed webhook whose body is `body`, told by its length or not.
fn head_of(body: &str, is_told: bool) -> String {
    let length = if is_told {
        format!("Content-Length: {}", body.len())
    } else {
        "Transfer-Encoding: chunked".to_owned()
    };
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nX-Shop-Id: {SHOP}\r\nX-Cluster-Id: eu1\r\n\
         X-Event: customers/updated\r\nX-Customer-Id: 7\r\nX-Signature: {}\r\n{length}\r\n\r\n",
        signature(body.as_bytes())
    )
}

#[tokio::test]
async fn bodies_that_are_held_take_no_more_than_their_room_and_ordinary_webhooks_get_in_all_the_same() {
    const ROOM: usize = 1024 * 1024;
    let bodies = Bodies::new(ROOM);
    let (open, first, _stop, _server) = connected_to(open_with(bodies.clone()).await).await;
    let at = first.peer_addr().unwrap();
    let held = format!("{BODY}{}", " ".repeat(500 * 1024));
    // Two that stop before their end: each has its half of the room.
    let mut slow = vec![first, TcpStream::connect(at).await.unwrap()];
    let until_left = async |most: usize| {
        while bodies.free() > most {
            tokio::task::yield_now().await;
        }
    };
    for (client, most) in slow.iter_mut().zip([ROOM / 2 + 16 * 1024, 32 * 1024]) {
        client.write_all(head_of(&held, true).as_bytes()).await.unwrap();
        client.write_all(&held.as_bytes()[..400 * 1024]).await.unwrap();
        until_left(most).await;
    }
    let large = format!("{BODY}{}", " ".repeat(100 * 1024));
    let ask = async |body: &str, is_told: bool| {
        let mut client = TcpStream::connect(at).await.unwrap();
        let sent = if is_told {
            body.to_owned()
        } else {
            format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
        };
        client.write_all(head_of(body, is_told).as_bytes()).await.unwrap();
        // Who is answered before the end of the body may find the connection closed.
        let _ = client.write_all(sent.as_bytes()).await;
        rest(client).await
    };
    for is_told in [true, false] {
        let answer = ask(&large, is_told).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("retry-after: 5"), "{answer}");
        assert!(
            ask(BODY, is_told).await.starts_with("HTTP/1.1 200"),
            "an ordinary one"
        );
    }
    // One comes to its end, and leaves its room to others.
    let mut client = slow.remove(0);
    client.write_all(&held.as_bytes()[400 * 1024..]).await.unwrap();
    assert!(rest(client).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&large, true).await.starts_with("HTTP/1.1 200"));
    // The other never does, and has its room no longer than bodies may take.
    tokio::time::pause();
    assert!(rest(slow.remove(0)).await.starts_with("HTTP/1.1 408"));
    tokio::time::resume();
    assert_eq!(bodies.free(), ROOM);
    drop((_stop, _server));
    let counts = open.last_counts().await;
    assert_eq!(
        (counts.received, counts.rejected),
        (4, 3),
        "none goes without a count"
    );
}

#[tokio::test]
async fn a_stop_closes_idle_connections_and_the_port() {
    let (_open, mut client, stop, mut server) = connected().await;
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    client.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 405");
    let address = client.peer_addr().unwrap();
    stop.send(true).unwrap();
    rest(client).await;
    server.join_next().await;
    assert!(TcpStream::connect(address).await.is_err());
}
