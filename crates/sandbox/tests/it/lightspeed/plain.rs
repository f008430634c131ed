//! Appendix A: the resources without a life of their own, goods, and what lies below a record.

use base64::Engine;
use http::Method;
use schakel_sandbox::lightspeed::{Buyer, Cart, Kind};

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

#[tokio::test]
async fn a_text_is_written_and_read_under_its_language() {
    let world = open();
    let body = r#"{"category":{"title":"Lampen","url":"lampen","sortOrder":1}}"#;
    let made = world.call(Method::POST, "/nl/categories.json", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["category"]["id"].as_u64().unwrap();
    let english = r#"{"category":{"title":"Lamps","sortOrder":7}}"#;
    let put = world
        .call(Method::PUT, &format!("/en/categories/{id}.json"), english)
        .await;
    assert_eq!(put.json()["category"]["title"], "Lamps");
    for (language, title) in [("nl", "Lampen"), ("en", "Lamps"), ("de", "Lampen")] {
        let one = world
            .get(&format!("/{language}/categories/{id}.json"))
            .await
            .json();
        assert_eq!(one["category"]["title"], title, "{language}");
        assert_eq!(one["category"]["url"], "lampen", "{language}");
        assert_eq!(one["category"]["sortOrder"], 7, "{language}");
        let all = world
            .get(&format!("/{language}/categories.json?limit=250"))
            .await
            .json();
        let listed = all["categories"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == id);
        assert_eq!(listed.unwrap()["title"], title, "{language}");
    }
}

#[tokio::test]
async fn a_brand_that_is_written_is_the_brand_everywhere() {
    let world = open();
    let made = world
        .call(
            Method::POST,
            "/nl/brands.json",
            r#"{"brand":{"title":"Eigenmerk"}}"#,
        )
        .await;
    let brand = made.json()["brand"]["id"].as_u64().unwrap();
    let product = world.shop.ids(Kind::Product)[0];
    let path = format!("/nl/products/{product}.json");
    let body = format!(r#"{{"product":{{"brand":{brand}}}}}"#);
    assert_eq!(world.call(Method::PUT, &path, &body).await.status, 200);
    let json = world.get(&path).await.json();
    assert_eq!(json["product"]["brand"]["resource"]["id"], brand);
    assert!(
        json["product"]["fulltitle"]
            .as_str()
            .unwrap()
            .ends_with(" Eigenmerk")
    );
    let filtered = world
        .get(&format!("/nl/products.json?brand={brand}&fields=id"))
        .await
        .json();
    assert_eq!(filtered["products"], serde_json::json!([{"id": product}]));
    let catalog = world.get(&format!("/nl/catalog/{product}.json")).await.json();
    assert_eq!(
        catalog["product"]["brand"],
        serde_json::json!({"id": brand, "title": "Eigenmerk"})
    );
    assert_eq!(
        world
            .call(Method::PUT, &path, r#"{"product":{"brand":1}}"#)
            .await
            .status,
        400
    );
    world
        .call(Method::DELETE, &format!("/nl/brands/{brand}.json"), "")
        .await;
    assert_eq!(world.get(&path).await.json()["product"]["brand"], false);
    world
        .call(Method::PUT, &path, r#"{"product":{"brand":false}}"#)
        .await;
    assert_eq!(world.get(&path).await.json()["product"]["brand"], false);
}

#[tokio::test]
async fn a_product_shows_the_first_of_its_pictures() {
    let world = open();
    let product = world.shop.ids(Kind::Product)[0];
    let path = format!("/nl/products/{product}/images");
    for image in world.get(&format!("{path}.json")).await.json()["productImages"]
        .as_array()
        .unwrap()
    {
        world
            .call(Method::DELETE, &format!("{path}/{}.json", image["id"]), "")
            .await;
    }
    let shown =
        async || world.get(&format!("/nl/products/{product}.json")).await.json()["product"]["image"].clone();
    assert_eq!(shown().await, false);
    // Three million bytes: pictures come in the body.
    let attachment = base64::engine::general_purpose::STANDARD.encode(vec![7_u8; 3_000_000]);
    let body = |order: u32, name: &str| {
        format!(
            r#"{{"productImage":{{"sortOrder":{order},"attachment":"{attachment}","filename":"{name}.png"}}}}"#
        )
    };
    let second = world
        .call(Method::POST, &format!("{path}.json"), &body(2, "twee"))
        .await;
    assert_eq!(second.status, 201, "{}", second.text);
    assert_eq!(shown().await["src"], second.json()["productImage"]["src"]);
    let first = world
        .call(Method::POST, &format!("{path}.json"), &body(1, "een"))
        .await
        .json();
    let image = shown().await;
    for key in ["extension", "size", "thumb", "src"] {
        assert_eq!(image[key], first["productImage"][key], "{key}");
    }
    assert_eq!(
        (&image["size"], &image["extension"]),
        (&3_000_000.into(), &"png".into())
    );
}

#[tokio::test]
async fn lists_that_never_change_obey_the_parameters_of_lists() {
    let world = open();
    let codes = async |query: &str| -> Vec<String> {
        let json = world.get(&format!("/nl/languages.json?{query}")).await.json();
        let list = json["languages"].as_array().unwrap().clone();
        list.iter()
            .map(|one| one["code"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(codes("limit=2").await, ["nl", "en"]);
    assert_eq!(codes("limit=2&page=2").await, ["de"]);
    assert!(codes("page=9").await.is_empty());
    let cut = world.get("/nl/languages.json?fields=code&limit=1").await.text;
    assert_eq!(cut, r#"{"languages":[{"code":"nl"}]}"#);
    let one = world.get("/nl/countries/150.json?fields=code").await.text;
    assert_eq!(one, r#"{"country":{"code":"nl"}}"#);
    assert_eq!(world.get("/nl/countries/1.json").await.status, 404);
    let quote = world.shop.fill_cart(&Cart::default());
    let ways = world
        .get(&format!("/nl/quotes/{quote}/paymentmethods.json?fields=id"))
        .await
        .text;
    assert_eq!(ways, r#"{"quotePaymentmethods":[{"id":64201}]}"#);
}
