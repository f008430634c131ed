//! §9.1: apps, their installation and the second cluster.

use axum::body::Body;
use base64::Engine;
use http::{Method, Request};
use md5::{Digest, Md5};
use schakel_sandbox::lightspeed::{App, Cluster, Options, Permissions, cluster_router};
use tower::ServiceExt;

use super::receiver::Receiver;
use super::{World, open_with};

const KEY: &str = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
/// The secret of the sample app-install-callback.json.
const SECRET: &str = "ffeeddccbbaa99887766554433221100";

fn shop_with_app(shop_id: u64) -> World {
    let app = App {
        key: KEY.to_owned(),
        secret: SECRET.to_owned(),
        success_url: "https://app.example.org/success".to_owned(),
        permissions: Permissions::default(),
    };
    open_with(Options {
        shop_id,
        apps: vec![app],
        ..Options::default()
    })
}

fn md5_hex(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

/// Follows the install link and returns the parameters the merchant's browser takes to the app.
async fn install(world: &World) -> Vec<(String, String)> {
    let shop_id = world.shop.options().shop_id;
    let path = format!("/nl/apps/install?api_key={KEY}&shop_id={shop_id}");
    let answer = world.call_as("nobody:", Method::GET, &path, "", "").await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let place = answer.header("location");
    let (url, query) = place.split_once('?').unwrap();
    assert_eq!(url, "https://app.example.org/success");
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn value<'a>(pairs: &'a [(String, String)], key: &str) -> &'a str {
    pairs
        .iter()
        .find(|(known, _)| known == key)
        .map_or("", |(_, value)| value)
}

/// The key of an app with the password made of a shop's token opens that shop and no other.
///
/// Fidelity: lightspeed-ecom.md 2 — exact
#[tokio::test]
async fn l002_the_password_of_an_app_opens_one_shop() {
    let (one, other) = (shop_with_app(297_541), shop_with_app(297_542));
    let mut secrets = Vec::new();
    for world in [&one, &other] {
        let token = value(&install(world).await, "token").to_owned();
        secrets.push(md5_hex(&format!("{token}{SECRET}")));
    }
    assert_ne!(secrets[0], secrets[1]);
    let cluster = cluster_router(&[one.shop.clone(), other.shop.clone()]);
    for (secret, shop_id) in secrets.iter().zip([297_541, 297_542]) {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{KEY}:{secret}"));
        let request = Request::get("/nl/shop.json")
            .header("authorization", format!("Basic {basic}"))
            .body(Body::empty())
            .unwrap();
        let response = cluster.clone().oneshot(request).await.unwrap();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["shop"]["id"], shop_id);
    }
    let pair = format!("{KEY}:{}", secrets[1]);
    let refused = one.call_as(&pair, Method::GET, "/nl/shop.json", "", "").await;
    assert_eq!(refused.status, 401);
    let pair = format!("{KEY}:{}", secrets[0]);
    let account = one.call_as(&pair, Method::GET, "/nl/account.json", "", "").await;
    assert!(account.json()["account"]["appId"].is_u64());
}

/// The install link sends the browser to the app with a signature that leaves out itself and the cluster.
///
/// Fidelity: lightspeed-ecom.md 23 — exact
#[tokio::test]
async fn l023_installing_sends_the_browser_on_with_a_signature() {
    let world = shop_with_app(297_541);
    let pairs = install(&world).await;
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "language",
        "shop_id",
        "timestamp",
        "token",
        "signature",
        "cluster_id",
    ];
    assert_eq!(names, expected);
    let (timestamp, token) = (value(&pairs, "timestamp"), value(&pairs, "token"));
    let signed = format!("language=nlshop_id=297541timestamp={timestamp}token={token}{SECRET}");
    assert_eq!(value(&pairs, "signature"), md5_hex(&signed));
    assert_eq!(value(&pairs, "cluster_id"), "eu1");
    assert_eq!(timestamp, super::NOW_S.to_string());
    let strange = "/nl/apps/install?api_key=unknown&shop_id=297541";
    let refused = world.call_as("nobody:", Method::GET, strange, "", "").await;
    assert_eq!(refused.status, 404);
}

/// An uninstalled app is refused and its webhooks are gone.
///
/// Fidelity: lightspeed-ecom.md 24 — exact
#[tokio::test]
async fn l024_an_uninstalled_app_is_out_with_its_webhooks() {
    let world = shop_with_app(297_541);
    let own = world.hook("orders", "*", "http://127.0.0.1:9/own").await;
    let token = value(&install(&world).await, "token").to_owned();
    let pair = format!("{KEY}:{}", md5_hex(&format!("{token}{SECRET}")));
    let body = r#"{"webhook":{"isActive":true,"itemGroup":"orders","itemAction":"*","language":"nl","format":"json","address":"http://127.0.0.1:9/app"}}"#;
    let made = world
        .call_as(&pair, Method::POST, "/nl/webhooks.json", "application/json", body)
        .await;
    assert_eq!(made.status, 201);
    assert!(world.shop.uninstall_app(KEY));
    assert!(!world.shop.uninstall_app(KEY));
    let refused = world.call_as(&pair, Method::GET, "/nl/shop.json", "", "").await;
    assert_eq!(refused.status, 401);
    let left = world.get("/nl/webhooks.json").await.json();
    assert_eq!(left["webhooks"].as_array().unwrap().len(), 1);
    assert_eq!(left["webhooks"][0]["id"], own);
}

/// The American cluster has shops, links and times of its own, and knows no key of the European one.
///
/// Fidelity: lightspeed-ecom.md 25 — exact
#[tokio::test]
async fn l025_the_american_cluster_writes_its_own_host_and_utc() {
    let world = open_with(Options {
        cluster: Cluster::Us1,
        ..Options::default()
    });
    let customer = world.customer("us@example.org");
    let text = world.get(&format!("/nl/customers/{customer}.json")).await.text;
    assert!(text.contains(r#""createdAt":"2026-05-12T15:25:37+00:00""#));
    assert!(text.contains(r"https:\/\/api.shoplightspeed.com\/nl\/"));
    assert!(!text.contains("webshopapp.com"));
    // The two clusters: a key opens the shops of one, and a shop there has records of its own.
    let european = open_with(Options {
        api_key: "eu".to_owned(),
        api_secret: "geheim".to_owned(),
        ..Options::default()
    });
    let path = format!("/nl/customers/{customer}.json");
    let refused = world.call_as("eu:geheim", Method::GET, &path, "", "").await;
    assert_eq!(refused.status, 401);
    assert_eq!(european.get(&path).await.status, 404);
    assert_eq!(european.get("/nl/customers/count.json").await.json()["count"], 0);
    let there = european.customer("eu@example.org");
    let text = european.get(&format!("/nl/customers/{there}.json")).await.text;
    assert!(text.contains(r"https:\/\/api.webshopapp.com\/nl\/") && !text.contains("shoplightspeed"));
    let receiver = Receiver::open().await;
    world.hook("customers", "created", &receiver.address).await;
    world.customer("tell@example.org");
    world.shop.webhooks_idle().await;
    let told = &receiver.got()[0];
    assert_eq!(told.header("x-cluster-id"), "us1");
    assert!(told.text().contains(r"http:\/\/api.shoplightspeed.com\/nl\/"));
}

#[tokio::test]
async fn the_callback_of_the_sample_is_what_the_formula_makes() {
    let signed = "language=nlshop_id=297541timestamp=1778599537token=00112233445566778899aabbccddeeff";
    assert_eq!(
        md5_hex(&format!("{signed}{SECRET}")),
        "0182cb116499b10a8ff72311e21135fb"
    );
    let token = "00112233445566778899aabbccddeeff";
    assert_eq!(
        md5_hex(&format!("{token}{SECRET}")),
        "486aebba1e384383794fc64b24a8406a"
    );
}
