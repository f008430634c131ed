//! The secret paths of webhooks: nothing that opens them stands in the database, and they are replaced beside a
//! running hub without losing a webhook.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the other side: it has a network of its own"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_testkit::wait_until;
use tokio::task::block_in_place;

use crate::process::{END, Outside};

/// Sends one request and gives the whole answer.
pub fn send(to: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    let length = body.len();
    write!(
        stream,
        "{head}\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Asks the shop to which addresses its webhooks go, each named once.
pub fn addresses(outside: &Outside) -> Vec<String> {
    let head = format!(
        "GET /nl/webhooks.json?limit=250 HTTP/1.1\r\nAuthorization: Basic {}",
        login(outside)
    );
    let answer = send(outside.shop_at(), &head, "");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let list: serde_json::Value = serde_json::from_str(body).unwrap();
    let hooks = list["webhooks"].as_array().unwrap().iter();
    let mut found: Vec<String> = hooks
        .map(|hook| hook["address"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Sends a webhook about a customer to `address`, signed as the shop signs, and gives the answer's status.
pub fn deliver(outside: &Outside, address: &str, customer: u32, body: &str) -> String {
    deliver_of(outside, address, ("customers/updated", customer), body)
}

/// Sends a webhook of an event about a thing to `address`, signed as the shop signs, and gives the answer's status.
pub fn deliver_of(outside: &Outside, address: &str, (event, id): (&str, u32), body: &str) -> String {
    let options = outside.shop.options();
    let mut hasher = Md5::new();
    hasher.update(body);
    hasher.update(&options.api_secret);
    let signature = hex::encode(hasher.finalize());
    let (host, path) = address.trim_start_matches("http://").split_once('/').unwrap();
    let kind = if event.starts_with("orders") {
        "Order"
    } else {
        "Customer"
    };
    let head = format!(
        "POST /{path} HTTP/1.1\r\nX-Shop-Id: {}\r\nX-Cluster-Id: eu1\r\nX-Event: {event}\r\n\
         X-{kind}-Id: {id}\r\nX-Signature: {signature}",
        options.shop_id
    );
    send(host.parse().unwrap(), &head, body)[9..12].to_owned()
}

/// Sends a genuine webhook about nobody in particular.
fn nobody(outside: &Outside, address: &str, customer: u32) -> String {
    let body = format!(r#"{{"customer":{{"id":{customer},"updatedAt":"2026-06-02T10:24:43+02:00"}}}}"#);
    deliver(outside, address, customer, &body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_database_opens_no_way_in() {
    let outside = Outside::start(30, "").await;
    block_in_place(|| {
        outside.run(&["setup"]);
        let addresses = addresses(&outside);
        let [address] = addresses.as_slice() else {
            panic!("{addresses:?}")
        };
        let token = address.rsplit('/').next().unwrap();
        assert_eq!(token.len(), 32);
        let key = std::fs::read_to_string(outside.folder.path().join("hub.key")).unwrap();
        let key = key.trim();
        let mut looked_at = 0;
        for entry in std::fs::read_dir(outside.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if !path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("schakel.db")
            {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            looked_at += bytes.len();
            for secret in [token, key] {
                let raw = hex::decode(secret).unwrap();
                for form in [secret.as_bytes(), raw.as_slice()] {
                    let is_there = bytes.windows(form.len()).any(|window| window == form);
                    assert!(!is_there, "a secret stands in {}", path.display());
                }
            }
        }
        assert!(looked_at > 0, "there is a database");
        std::fs::remove_file(outside.folder.path().join("hub.key")).unwrap();
        let (error, exit) = outside.ask(&["setup"]);
        assert_eq!((error["error"]["code"].as_str(), exit), (Some("SCH-0209"), 1));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_is_replaced_beside_a_running_hub_and_the_old_one_stays_open() {
    let outside = Outside::start(31, "").await;
    let old = block_in_place(|| {
        outside.run(&["setup"]);
        addresses(&outside)
    });
    let hub = block_in_place(|| outside.serve());
    let mut generator = Generator::new(&outside.shop, Seed::new(5), Mix::default());
    generator.run(5).await;
    let registered = outside.shop.counts().webhooks;
    let done = block_in_place(|| outside.ask(&["setup", "--rotate-hook", "shop"]));
    assert_eq!(done.1, 0, "{}", done.0);
    let new = block_in_place(|| addresses(&outside));
    assert_eq!((old.len(), new.len()), (1, 1), "all webhooks moved");
    assert_ne!(old, new);
    assert_eq!(outside.shop.counts().webhooks, registered);
    generator.run(5).await;
    outside.shop.webhooks_idle().await;
    let counts = outside.shop.webhook_counts();
    assert_eq!(counts.given_up, 0);
    block_in_place(|| {
        assert_eq!(nobody(&outside, &new[0], 901), "200");
        assert_eq!(
            nobody(&outside, &old[0], 902),
            "200",
            "what was under way is taken"
        );
        let guess = format!("{}0", &old[0][..old[0].len() - 1]);
        let other = format!("{}1", &old[0][..old[0].len() - 1]);
        let closed = [guess, other].into_iter().find(|path| *path != old[0]).unwrap();
        assert_eq!(nobody(&outside, &closed, 903), "401");
        // Again: nothing is left to move, and the ways stay as they are.
        let (again, _) = outside.ask(&["setup"]);
        assert_eq!(again["connections"][1]["moved"], 0, "{again}");
        // A hub that starts now knows both, and so does one that ran all the time and looked again.
        drop(hub);
        let _hub = outside.serve();
        assert!(wait_until(END, || nobody(&outside, &old[0], 904) == "200"));
        assert_eq!(nobody(&outside, &new[0], 905), "200");
    });
}

/// The webhooks of a hub key before go to paths that no key opens: `setup` tells them from those of other programs, and
/// removes them when it is asked to, those only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_of_a_lost_key_are_named_and_removed_on_request() {
    let outside = Outside::start(33, "").await;
    block_in_place(|| {
        outside.run(&["setup"]);
        let before = addresses(&outside);
        register(&outside, "https://elsewhere.example.org/hooks/1");
        for file in ["hub.key", "schakel.db"] {
            std::fs::remove_file(outside.folder.path().join(file)).unwrap();
        }
        let shop = |arguments: &[&str]| {
            let (done, exit) = outside.ask(arguments);
            assert_eq!(exit, 0, "{done}");
            let said = done.to_string();
            assert!(
                !said.contains(&before[0]) && !said.contains("elsewhere"),
                "{said}"
            );
            let shop = &done["connections"][1];
            let count = |at: &serde_json::Value| at.as_u64().unwrap();
            let removed = count(&shop["left_over_removed"]);
            (
                count(&shop["left_over"]),
                removed,
                count(&shop["webhooks"]["foreign"]),
            )
        };
        assert_eq!(shop(&["setup"]), (8, 0, 1));
        assert_eq!(addresses(&outside).len(), 3, "nothing is removed unasked");
        let said = String::from_utf8(outside.run(&["setup"]).stdout).unwrap();
        assert!(said.contains("setup --remove-old-hooks shop"), "{said}");
        assert_eq!(shop(&["setup", "--remove-old-hooks", "shop"]), (8, 8, 1));
        assert_eq!(shop(&["setup"]), (0, 0, 1));
        let left = addresses(&outside);
        assert!(left.len() == 2 && !left.contains(&before[0]), "{left:?}");
        let (error, exit) = outside.ask(&["setup", "--remove-old-hooks", "mail"]);
        assert_eq!((error["error"]["code"].as_str(), exit), (Some("SCH-0106"), 2));
    });
}

/// A hub that moved to another address leaves webhooks at the one before, where they go on telling of every order: they are
/// known by the secret path, which nobody else has, and removed on request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_at_an_address_before_are_named_and_removed_on_request() {
    let outside = Outside::start(34, "").await;
    block_in_place(|| {
        outside.run(&["setup"]);
        let before = addresses(&outside).remove(0);
        let (_, path) = before.split_once("/hooks/").unwrap();
        register(&outside, "https://elsewhere.example.org/hooks/1");
        register(&outside, &format!("https://older.example.org/under/hooks/{path}"));
        let moved = "hub.hooks_address=https://newer.example.org/";
        let shop = |rest: &[&str]| {
            let (done, exit) = outside.ask(&[&["--set", moved, "setup"], rest].concat());
            assert_eq!(exit, 0, "{done}");
            let said = done.to_string();
            assert!(!said.contains(path) && !said.contains("elsewhere"), "{said}");
            done["connections"][1].clone()
        };
        let counts = |done: &serde_json::Value| {
            let counted = [
                &done["left_over"],
                &done["left_over_removed"],
                &done["webhooks"]["foreign"],
            ];
            counted.map(|count| count.as_u64().unwrap())
        };
        let found = shop(&[]);
        assert_eq!(counts(&found), [9, 0, 1]);
        let (host, _) = before.split_once("/hooks/").unwrap();
        assert_eq!(
            found["left_over_at"],
            serde_json::json!([host, "https://older.example.org/under"])
        );
        let said = String::from_utf8(outside.run(&["--set", moved, "setup"]).stdout).unwrap();
        assert!(
            said.contains(host) && said.contains("setup --remove-old-hooks shop"),
            "{said}"
        );
        assert_eq!(addresses(&outside).len(), 4, "nothing is removed unasked");
        assert_eq!(counts(&shop(&["--remove-old-hooks", "shop"])), [9, 9, 1]);
        assert_eq!(counts(&shop(&[])), [0, 0, 1]);
        assert_eq!(
            addresses(&outside),
            [
                "https://elsewhere.example.org/hooks/1".to_owned(),
                format!("https://newer.example.org/hooks/{path}")
            ]
        );
    });
}

/// Registers a webhook of another program.
fn register(outside: &Outside, address: &str) {
    let webhook = serde_json::json!({ "webhook": { "isActive": true, "itemGroup": "orders", "itemAction": "*",
        "language": "nl", "format": "json", "address": address } });
    let head = format!(
        "POST /nl/webhooks.json HTTP/1.1\r\nAuthorization: Basic {}\r\nContent-Type: application/json",
        login(outside)
    );
    let answer = send(outside.shop_at(), &head, &webhook.to_string());
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// The Basic pair with which a program asks the shop.
pub fn login(outside: &Outside) -> String {
    let options = outside.shop.options();
    BASE64_STANDARD.encode(format!("{}:{}", options.api_key, options.api_secret))
}
