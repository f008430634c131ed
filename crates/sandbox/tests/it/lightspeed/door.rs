//! §9.1: transport, authentication, limits.

use http::Method;
use schakel_sandbox::lightspeed::{Access, Key, Options, Permissions};

use super::{open, open_with};

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

#[tokio::test]
async fn l004_an_inactive_language_is_not_found() {
    let world = open();
    for path in ["/xx/shop.json", "/fr/shop.json", "/NL/shop.json"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.message(), "Unknown or inactive language.");
    }
}

#[tokio::test]
async fn l005_l006_l007_only_offered_paths_and_methods_are_served() {
    let world = open();
    assert_eq!(world.get("/nl/orders").await.status, 404);
    assert_eq!(world.get("/nl/orders.xml").await.status, 501);
    assert_eq!(world.get("/nl/nonsense.json").await.status, 404);
    for (method, path) in [
        (Method::POST, "/nl/orders.json"),
        (Method::DELETE, "/nl/orders/1.json"),
        (Method::DELETE, "/nl/quotes/1.json"),
        (Method::POST, "/nl/shipments.json"),
        (Method::POST, "/nl/invoices.json"),
        (Method::PUT, "/nl/groups/customers/1.json"),
    ] {
        let answer = world.call(method, path, "{}").await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.json()["error"]["request"], path);
    }
}

#[tokio::test]
async fn l008_l009_every_answer_tells_its_budget_to_the_wall_clock_edges() {
    let world = open_with(Options::default());
    let answer = world.get("/nl/customers/1.json").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("x-ratelimit-limit"), "300/3000/12000");
    assert_eq!(answer.header("x-ratelimit-remaining"), "299/2999/11999");
    assert_eq!(answer.header("x-ratelimit-reset"), "263/2063/23663");
    assert_eq!(answer.header("date"), "Tue, 12 May 2026 15:25:37 GMT");
}

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

#[tokio::test]
async fn l011_the_day_runs_out() {
    let world = open_with(Options {
        limits: [300, 3_000, 2],
        ..Options::default()
    });
    world.get("/nl/shop.json").await;
    world.get("/nl/shop.json").await;
    let refused = world.get("/nl/shop.json").await;
    assert_eq!(refused.header("x-ratelimit-remaining"), "298/2998/-1");
}

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

#[tokio::test]
async fn l013_l014_each_key_has_its_own_budget_of_the_plan() {
    let second = Key {
        api_key: "second".to_owned(),
        api_secret: "secret".to_owned(),
        permissions: Permissions::default(),
    };
    let options = Options {
        limits: [2_000, 20_000, 80_000],
        more_keys: vec![second],
        ..Options::default()
    };
    let world = open_with(options);
    world.get("/nl/shop.json").await;
    world.get("/nl/shop.json").await;
    let other = world
        .call_as("second:secret", Method::GET, "/nl/shop.json", "", "")
        .await;
    assert_eq!(other.header("x-ratelimit-remaining"), "1999/19999/79999");
}

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

#[tokio::test]
async fn l016_l017_a_single_shop_key_and_its_rights() {
    let world = open();
    let account = world.get("/nl/account.json").await.json();
    assert_eq!(account["account"]["appId"], false);
    assert_eq!(account["account"]["apiKey"], world.shop.options().api_key);
    let rights = world.get("/nl/account/permissions.json").await.json();
    let sections = [
        "content",
        "products",
        "customers",
        "orders",
        "settings",
        "tracking",
    ];
    for section in sections {
        assert_eq!(rights["accountPermissions"][section]["read"], true, "{section}");
    }
}

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
