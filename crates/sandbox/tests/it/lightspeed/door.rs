//! §9.1: transport, authentication, limits.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the other side: it has a network of its own"
)]

use base64::Engine;
use http::Method;
use schakel_sandbox::door::serve;
use schakel_sandbox::lightspeed::{Access, Key, Options, Permissions};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{open, open_with};

/// A call without a pair, or with a wrong one, is refused with the known message and without rate headers.
///
/// Fidelity: lightspeed-ecom.md 1 — exact
#[tokio::test]
async fn l001_a_wrong_pair_is_refused_without_rate_headers() {
    let world = open();
    let answer = world
        .call_as("nobody:wrong", Method::GET, "/nl/account.json", "", "")
        .await;
    assert_eq!(answer.status, 401);
    let expected = r#"{"error":{"code":401,"method":"GET","request":"\/nl\/account.json","message":"Could not authenticate you."}}"#;
    assert_eq!(answer.text, expected);
    assert_eq!(answer.header("x-ratelimit-limit"), "");
}

/// Credentials in the address of a call are those of the header.
///
/// Fidelity: lightspeed-ecom.md 3 — approximated: a server never sees the address part; clients turn it into the header, which is what is shown
#[tokio::test]
async fn l003_a_pair_in_the_address_is_the_same_pair() {
    let world = open();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = serve(listener, world.shop.router()).unwrap();
    let options = world.shop.options();
    let pair = format!("{}:{}", options.api_key, options.api_secret);
    // What every client makes of `http://key:secret@host/`: the same header as without.
    let basic = base64::engine::general_purpose::STANDARD.encode(pair);
    let request = format!(
        "GET /nl/shop.json HTTP/1.1\r\nhost: shop\r\nauthorization: basic {basic}\r\nconnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(served.addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.unwrap();
    assert!(
        got.starts_with(b"HTTP/1.1 200 OK"),
        "{}",
        String::from_utf8_lossy(&got)
    );
    served.stop().await;
}

/// A language that is not active in the shop is not found.
///
/// Fidelity: lightspeed-ecom.md 4 — exact
#[tokio::test]
async fn l004_an_inactive_language_is_not_found() {
    let world = open();
    for path in ["/xx/shop.json", "/fr/shop.json", "/NL/shop.json"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.message(), "Unknown or inactive language.");
    }
}

/// The suffix of a path decides the format; without one there is nothing.
///
/// Fidelity: lightspeed-ecom.md 5 — approximated: XML is answered 501, and the answer without a suffix is a choice of the reference
#[tokio::test]
async fn l005_the_suffix_decides_the_format() {
    let world = open();
    assert_eq!(world.get("/nl/orders").await.status, 404);
    assert_eq!(world.get("/nl/orders.json").await.status, 200);
    assert_eq!(world.get("/nl/orders.xml").await.status, 501);
}

/// A path that nobody knows gets an error body.
///
/// Fidelity: lightspeed-ecom.md 6 — approximated: the message text is not known
#[tokio::test]
async fn l006_an_unknown_path_is_an_error_body() {
    let world = open();
    for path in ["/nl/nonsense.json", "/nl/orders/1/nonsense.json", "/nl.json"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json()["error"]["code"], 404, "{path}");
    }
}

/// A method that a resource does not offer is refused and changes nothing.
///
/// Fidelity: lightspeed-ecom.md 7 — approximated: 405 is a choice of the reference between 404 and 405
#[tokio::test]
async fn l007_methods_that_are_not_offered_change_nothing() {
    let world = open();
    let order = world.order(super::Buyer::Guest(super::person("blijf@example.org")));
    let before = world.shop.revision();
    for (method, path) in [
        (Method::POST, "/nl/orders.json".to_owned()),
        (Method::DELETE, format!("/nl/orders/{order}.json")),
        (Method::DELETE, "/nl/quotes/1.json".to_owned()),
        (Method::POST, "/nl/shipments.json".to_owned()),
        (Method::POST, "/nl/invoices.json".to_owned()),
        (Method::PUT, "/nl/groups/customers/1.json".to_owned()),
        (Method::PUT, "/nl/tags/products/1.json".to_owned()),
        (Method::POST, "/nl/additionalcosts.json".to_owned()),
        (Method::POST, "/nl/countries.json".to_owned()),
    ] {
        let answer = world.call(method, &path, "{}").await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.json()["error"]["request"], path);
    }
    assert_eq!(world.shop.revision(), before);
    assert!(world.shop.order(order).is_some());
}

/// Every answer to a known key carries the three triples of the budget.
///
/// Fidelity: lightspeed-ecom.md 8 — exact
#[tokio::test]
async fn l008_every_answer_tells_its_budget() {
    let world = open_with(Options::default());
    let answer = world.get("/nl/customers/1.json").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("x-ratelimit-limit"), "300/3000/12000");
    assert_eq!(answer.header("x-ratelimit-remaining"), "299/2999/11999");
}

/// The resets count down to the edges of the wall clock.
///
/// Fidelity: lightspeed-ecom.md 9 — exact
#[tokio::test]
async fn l009_resets_lie_on_the_edges_of_the_wall_clock() {
    let world = open_with(Options::default());
    let answer = world.get("/nl/shop.json").await;
    assert_eq!(answer.header("x-ratelimit-reset"), "263/2063/23663");
    assert_eq!(answer.header("date"), "Tue, 12 May 2026 15:25:37 GMT");
}

/// The call after the last of five minutes is refused with -1 and works again at the edge.
///
/// Fidelity: lightspeed-ecom.md 10 — exact
#[tokio::test]
async fn l010_the_five_minutes_run_out_and_begin_anew() {
    let world = open_with(Options {
        per_second: 1_000,
        ..Options::default()
    });
    for _ in 0..300 {
        assert_eq!(world.get("/nl/account.json").await.status, 200);
    }
    let refused = world.get("/nl/account.json").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-ratelimit-remaining"), "-1/2700/11700");
    assert_eq!(refused.json()["error"]["code"], 429);
    world.wait_s(262);
    assert_eq!(world.get("/nl/account.json").await.status, 429);
    world.wait_s(1);
    assert_eq!(world.get("/nl/account.json").await.status, 200);
}

/// An hour or a day that is used up is refused with -1 in its place.
///
/// Fidelity: lightspeed-ecom.md 11 — exact
#[tokio::test]
async fn l011_the_hour_and_the_day_run_out() {
    for (limits, remaining) in [
        ([300, 2, 12_000], "298/-1/11998"),
        ([300, 3_000, 2], "298/2998/-1"),
    ] {
        let world = open_with(Options {
            limits,
            ..Options::default()
        });
        world.get("/nl/shop.json").await;
        world.get("/nl/shop.json").await;
        let refused = world.get("/nl/shop.json").await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.header("x-ratelimit-remaining"), remaining);
    }
}

/// The twenty-first call of a second is refused without a figure below zero.
///
/// Fidelity: lightspeed-ecom.md 12 — exact
#[tokio::test]
async fn l012_the_twenty_first_call_of_a_second_is_refused() {
    let world = open_with(Options::default());
    for _ in 0..20 {
        assert_eq!(world.get("/nl/shop.json").await.status, 200);
    }
    let refused = world.get("/nl/shop.json").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-ratelimit-remaining"), "280/2980/11980");
    world.wait_s(1);
    assert_eq!(world.get("/nl/shop.json").await.status, 200);
}

/// Two keys of one shop have budgets of their own.
///
/// Fidelity: lightspeed-ecom.md 13 — exact
#[tokio::test]
async fn l013_each_key_has_its_own_budget() {
    let second = Key {
        api_key: "second".to_owned(),
        api_secret: "secret".to_owned(),
        permissions: Permissions::default(),
    };
    let world = open_with(Options {
        more_keys: vec![second],
        ..Options::default()
    });
    world.get("/nl/shop.json").await;
    world.get("/nl/shop.json").await;
    let other = world
        .call_as("second:secret", Method::GET, "/nl/shop.json", "", "")
        .await;
    assert_eq!(other.header("x-ratelimit-remaining"), "299/2999/11999");
}

/// The limits are those of the shop's plan.
///
/// Fidelity: lightspeed-ecom.md 14 — exact
#[tokio::test]
async fn l014_limits_are_those_of_the_plan() {
    let world = open_with(Options {
        limits: [2_000, 20_000, 80_000],
        ..Options::default()
    });
    let answer = world.get("/nl/shop.json").await;
    assert_eq!(answer.header("x-ratelimit-limit"), "2000/20000/80000");
    assert_eq!(answer.header("x-ratelimit-remaining"), "1999/19999/79999");
}

/// The budget can be read as a resource and says the same as the headers.
///
/// Fidelity: lightspeed-ecom.md 15 — exact
#[tokio::test]
async fn l015_the_budget_is_a_resource_too() {
    let world = open_with(Options::default());
    let answer = world.get("/nl/account/ratelimit.json").await;
    let budget = &answer.json()["accountRatelimit"];
    assert_eq!(answer.header("x-ratelimit-remaining"), "299/2999/11999");
    assert_eq!(budget["limit5Min"]["remaining"], 299);
    assert_eq!(budget["limit5Min"]["reset"], 263);
    assert_eq!(budget["limit5Min"]["resetTime"], "2026-05-12T17:30:00+02:00");
    assert_eq!(budget["limitDay"]["limit"], 12_000);
    assert_eq!(budget["limitDay"]["resetTime"], "2026-05-13T00:00:00+02:00");
}

/// The account of a single-shop key names no app.
///
/// Fidelity: lightspeed-ecom.md 16 — exact
#[tokio::test]
async fn l016_a_single_shop_key_has_no_app() {
    let world = open();
    let account = world.get("/nl/account.json").await.json();
    assert_eq!(account["account"]["appId"], false);
    assert_eq!(account["account"]["apiKey"], world.shop.options().api_key);
}

/// The rights of a key are six sections with reading and writing.
///
/// Fidelity: lightspeed-ecom.md 17 — exact
#[tokio::test]
async fn l017_the_rights_of_a_key_are_six_sections() {
    let permissions = Permissions {
        content: Access::READ,
        ..Permissions::default()
    };
    let world = open_with(Options {
        permissions,
        ..Options::default()
    });
    let rights = world.get("/nl/account/permissions.json").await.json();
    let rights = rights["accountPermissions"].as_object().unwrap();
    let mut sections: Vec<&str> = rights.keys().map(String::as_str).collect();
    sections.sort_unstable();
    let expected = [
        "content",
        "customers",
        "orders",
        "products",
        "settings",
        "tracking",
    ];
    assert_eq!(sections, expected);
    assert_eq!(rights["content"]["read"], true);
    assert_eq!(rights["content"]["write"], false);
}

/// What a key may not write is refused, what it may read goes on.
///
/// Fidelity: lightspeed-ecom.md 18 — approximated: the status, 403 or 401 by switch, and the section of some resources are not known
#[tokio::test]
async fn l018_what_a_key_may_not_write_it_may_still_read() {
    let permissions = Permissions {
        customers: Access::READ,
        orders: Access::NONE,
        ..Permissions::default()
    };
    let world = open_with(Options {
        permissions,
        ..Options::default()
    });
    let customer = world.customer("recht@example.org");
    let path = format!("/nl/customers/{customer}.json");
    let refused = world
        .call(Method::PUT, &path, r#"{"customer":{"phone":"1"}}"#)
        .await;
    assert_eq!(refused.status, 403);
    assert_eq!(world.get(&path).await.status, 200);
    assert_eq!(world.get("/nl/orders.json").await.status, 403);
    assert_eq!(world.get("/nl/quotes/count.json").await.status, 403);
    let world = open_with(Options {
        permissions,
        refusal_status: 401,
        ..Options::default()
    });
    assert_eq!(world.get("/nl/orders.json").await.status, 401);
}

/// Every error has the same four members, and the path as it was called.
///
/// Fidelity: lightspeed-ecom.md 19 — exact
#[tokio::test]
async fn l019_every_error_has_one_shape() {
    let world = open_with(Options {
        permissions: Permissions {
            products: Access::NONE,
            ..Permissions::default()
        },
        limits: [6, 3_000, 12_000],
        ..Options::default()
    });
    for (method, path, status) in [
        (Method::GET, "/nl/customers/1.json", 404),
        (Method::GET, "/xx/customers.json", 404),
        (Method::GET, "/nl/products.json", 403),
        (Method::POST, "/nl/customers.json", 400),
        (Method::POST, "/nl/orders.json", 405),
        (Method::GET, "/nl/shop.xml", 501),
        (Method::GET, "/nl/shop.json", 429),
    ] {
        let answer = world.call(method.clone(), path, "{}").await;
        assert_eq!(answer.status, status, "{path}");
        let error = &answer.json()["error"];
        assert_eq!(error["code"], status);
        assert_eq!(error["method"], method.as_str());
        assert_eq!(error["request"], path);
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn calls_are_counted_by_resource() {
    let world = open();
    world.get("/nl/orders.json").await;
    world.get("/nl/orders/5/products.json").await;
    world.get("/nl/orders/count.json").await;
    world.get("/nl/who-knows.json").await;
    let calls = world.shop.calls_by_resource();
    assert_eq!(calls["orders"], 2);
    assert_eq!(calls["orders/products"], 1);
    assert_eq!(calls["other"], 1);
    assert_eq!(world.shop.calls(), 4);
}
