//! Appendix A: the resources without a life of their own, goods, and what lies below a record.

use http::Method;
use schakel_sandbox::lightspeed::{Buyer, Kind};

use super::receiver::Receiver;
use super::{open, person};

#[tokio::test]
async fn a_plain_resource_is_created_read_changed_and_deleted() {
    let world = open();
    for (path, envelope, body, change) in [
        ("brands", "brand", r#"{"title":"Proef"}"#, r#"{"title":"Anders"}"#),
        (
            "reviews",
            "review",
            r#"{"score":4,"name":"Z","product":PRODUCT}"#,
            r#"{"score":5}"#,
        ),
        (
            "blogs",
            "blog",
            r#"{"title":"Nieuws"}"#,
            r#"{"title":"Oud nieuws"}"#,
        ),
        (
            "shop/scripts",
            "shopScript",
            r#"{"url":"https://cdn.example.com/a.js"}"#,
            r#"{"location":"head"}"#,
        ),
        (
            "taxes",
            "tax",
            r#"{"rate":0.21,"title":"BTW"}"#,
            r#"{"isDefault":true}"#,
        ),
        (
            "orders/customstatuses",
            "customStatus",
            r#"{"title":"Wacht"}"#,
            r##"{"color":"#fff"}"##,
        ),
    ] {
        let product = world.shop.ids(Kind::Product)[0].to_string();
        let body = format!(r#"{{"{envelope}":{}}}"#, body.replace("PRODUCT", &product));
        let list = format!("/nl/{path}.json");
        let made = world.call(Method::POST, &list, &body).await;
        assert_eq!(made.status, 201, "{path}: {}", made.text);
        let one = format!("/nl/{path}/{}.json", made.json()[envelope]["id"]);
        assert_eq!(world.get(&one).await.json(), made.json(), "{path}");
        let body = format!(r#"{{"{envelope}":{change}}}"#);
        let changed = world.call(Method::PUT, &one, &body).await;
        assert_eq!(changed.status, 200, "{path}: {}", changed.text);
        assert_ne!(changed.json()[envelope], made.json()[envelope], "{path}");
        let empty = format!(r#"{{"{envelope}":{{}}}}"#);
        if path != "shop/scripts" {
            assert_eq!(
                world.call(Method::POST, &list, &empty).await.status,
                400,
                "{path}"
            );
        }
        assert_eq!(world.call(Method::DELETE, &one, "").await.status, 204, "{path}");
        assert_eq!(world.get(&one).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn every_collection_of_the_table_lists_and_counts() {
    let world = open();
    for path in [
        "account/metafields",
        "additionalcosts",
        "attributes",
        "blogs/articles",
        "catalog",
        "categories",
        "categories/products",
        "contacts",
        "deliverydates",
        "discountrules",
        "discounts",
        "events",
        "external_services",
        "files",
        "filters",
        "languages",
        "countries",
        "locations",
        "metafields",
        "paymentmethods",
        "redirects",
        "returns",
        "sets",
        "shippingmethods",
        "suppliers",
        "tags/products",
        "textpages",
        "theme/products",
        "tickets",
        "types/attributes",
        "variants/movements",
    ] {
        let list = world.get(&format!("/nl/{path}.json")).await;
        assert_eq!(list.status, 200, "{path}: {}", list.text);
        let json = list.json();
        let (_, records) = json.as_object().unwrap().iter().next().unwrap();
        let records = records.as_array().unwrap();
        let count = world.get(&format!("/nl/{path}/count.json")).await.json();
        assert!(count["count"].as_u64().unwrap() >= records.len() as u64, "{path}");
        if let Some(first) = records.first() {
            let one = world.get(&format!("/nl/{path}/{}.json", first["id"])).await;
            assert_eq!(one.status, 200, "{path}: {}", one.text);
        }
    }
    for path in [
        "time",
        "dashboard",
        "shop/limits",
        "shop/settings",
        "shop/javascript",
        "shop/website",
    ] {
        assert_eq!(world.get(&format!("/nl/{path}.json")).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn metafields_belong_to_their_record() {
    let world = open();
    let receiver = Receiver::open().await;
    world.hook("orders", "paid", &receiver.address).await;
    let order = world.order(Buyer::Guest(person("meta@example.org")));
    let other = world.order(Buyer::Guest(person("meta2@example.org")));
    let path = format!("/nl/orders/{order}/metafields.json");
    let made = world
        .call(
            Method::POST,
            &path,
            r#"{"orderMetafield":{"key":"bron","value":"folder"}}"#,
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let none = world.get(&format!("/nl/orders/{other}/metafields.json")).await;
    assert_eq!(none.text, r#"{"orderMetafields":[]}"#);
    assert_eq!(world.get("/nl/orders/1/metafields.json").await.status, 404);
    world.shop.pay_order(order);
    world.shop.webhooks_idle().await;
    let body: serde_json::Value = serde_json::from_slice(&receiver.got()[0].body).unwrap();
    let embedded = &body["order"]["metafields"]["resource"]["embedded"];
    assert_eq!(embedded[0]["value"], "folder");
}

#[tokio::test]
async fn goods_are_created_translated_pictured_and_deleted() {
    let world = open();
    let made = world
        .call(
            Method::POST,
            "/nl/products.json",
            r#"{"product":{"title":"Vlieger"}}"#,
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["product"]["id"].as_u64().unwrap();
    let english = format!("/en/products/{id}.json");
    world
        .call(Method::PUT, &english, r#"{"product":{"title":"Kite"}}"#)
        .await;
    assert_eq!(world.get(&english).await.json()["product"]["title"], "Kite");
    let dutch = world.get(&format!("/nl/products/{id}.json")).await.json();
    assert_eq!(dutch["product"]["title"], "Vlieger");
    let picture = r#"{"productImage":{"attachment":"UE5H","filename":"vlieger.png"}}"#;
    let images = format!("/nl/products/{id}/images.json");
    let image = world.call(Method::POST, &images, picture).await;
    assert_eq!(image.status, 201, "{}", image.text);
    let shown = world.get(&english).await.json()["product"]["image"].clone();
    assert!(shown["src"].is_string());
    let variant = format!(r#"{{"variant":{{"product":{id},"priceExcl":10,"sku":"V1"}}}}"#);
    let variant = world.call(Method::POST, "/nl/variants.json", &variant).await;
    assert_eq!(variant.json()["variant"]["priceIncl"], 12.1);
    let both = world.get(&format!("/nl/variants.json?product={id}")).await.json();
    assert_eq!(both["variants"].as_array().unwrap().len(), 2);
    let path = format!("/nl/products/{id}.json");
    assert_eq!(world.call(Method::DELETE, &path, "").await.status, 204);
    let none = world.get(&format!("/nl/variants.json?product={id}")).await.text;
    assert_eq!(none, r#"{"variants":[]}"#);
}

#[tokio::test]
async fn an_ordered_row_outlives_its_product() {
    let world = open();
    let order = world.order(Buyer::Guest(person("rij@example.org")));
    let rows = format!("/nl/orders/{order}/products.json");
    let before = world.get(&rows).await.json();
    let product = world.shop.order(order).unwrap().rows[0].product.unwrap();
    world
        .call(Method::DELETE, &format!("/nl/products/{product}.json"), "")
        .await;
    let after = world.get(&rows).await.json();
    assert_eq!(after["orderProducts"][0]["product"], false);
    for key in ["productTitle", "priceExcl", "articleCode"] {
        assert_eq!(
            after["orderProducts"][0][key], before["orderProducts"][0][key],
            "{key}"
        );
    }
}
