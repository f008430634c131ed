//! §9.2: how single values are written.

use schakel_sandbox::lightspeed::{
    Buyer, Cart, Cluster, Goods, Kind, NewCustomer, NewOrder, Options, Person, ProductChange, Text,
};

use super::{open, open_with, person};

#[tokio::test]
async fn l040_a_filtered_link_has_its_suffix_before_the_question_mark() {
    let world = open();
    let customer = world.customer("link@example.org");
    let json = world.get(&format!("/nl/customers/{customer}.json")).await.json();
    let orders = &json["customer"]["orders"]["resource"];
    assert_eq!(orders["id"], false);
    assert_eq!(orders["url"], format!("orders?customer={customer}"));
    assert_eq!(
        orders["link"],
        format!("https://api.webshopapp.com/nl/orders.json?customer={customer}")
    );
}

#[tokio::test]
async fn l041_l042_l043_l044_an_empty_person_and_a_guest() {
    let world = open();
    let order = world.order(Buyer::Guest(person("gast@example.org")));
    let guest = world.shop.order(order).unwrap().customer.unwrap();
    let json = world.get(&format!("/nl/customers/{guest}.json")).await.json();
    let guest = &json["customer"];
    for key in [
        "gender",
        "birthDate",
        "referralId",
        "remoteIp",
        "userAgent",
        "language",
        "addressShippingCompany",
    ] {
        assert_eq!(guest[key], false, "{key}");
    }
    assert_eq!(guest["type"], "guest");
    assert_eq!(guest["isConfirmed"], false);
    assert!(guest["lastOnlineAt"].is_null() && guest["memo"].is_null());
    let country = &guest["addressBillingCountry"];
    assert_eq!(
        country.to_string(),
        r#"{"code":"nl","code3":"nld","id":150,"title":"Netherlands, The"}"#
    );
}

#[tokio::test]
async fn l045_offsets_follow_the_season() {
    let world = open();
    let summer = world.customer("zomer@example.org");
    world.wait_s(200 * 86_400);
    let winter = world.customer("winter@example.org");
    let created = |id: u64| {
        let json = world.shop.record_json(Kind::Customer, id).unwrap();
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["createdAt"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(created(summer), "2026-05-12T17:25:37+02:00");
    assert_eq!(created(winter), "2026-11-28T16:25:37+01:00");
}

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
}

#[tokio::test]
async fn l046_l048_l049_an_undiscounted_order() {
    let world = open();
    let order = world.order(Buyer::Guest(person("prijs@example.org")));
    let text = world.get(&format!("/nl/orders/{order}.json")).await.text;
    assert!(text.contains(
        r#""isDiscounted":false,"discountType":"amount","discountAmount":0,"discountPercentage":0"#
    ));
    assert!(text.contains(r#""paymentPriceIncl":0,"#));
    assert!(text.contains(r#""shipmentPriceExcl":4.0909,"shipmentPriceIncl":4.95"#));
    world.shop.cancel_order(order);
    let text = world.get(&format!("/nl/orders/{order}.json")).await.text;
    assert!(text.contains(r#""paymentData":[]"#));
}

#[tokio::test]
async fn totals_are_the_sum_of_the_rows_and_sending() {
    let world = open();
    let customer = world.customer("som@example.org");
    let variants = world.shop.ids(Kind::Variant);
    let goods = vec![
        Goods {
            variant: Some(variants[0]),
            quantity: 3,
        },
        Goods {
            variant: None,
            quantity: 1,
        },
    ];
    let buyer = Buyer::Customer(customer);
    let new = NewOrder {
        buyer,
        goods,
        quote: None,
        is_newsletter: true,
        discount_percent: 10,
    };
    let order = world.shop.place_order(new).unwrap();
    let facts = world.shop.order(order).unwrap();
    let gross = facts.rows[0].price_incl_e4 * 3;
    assert_eq!(facts.price_incl_e4, gross - gross / 10 + 49_500);
    let json = world.get(&format!("/nl/orders/{order}.json")).await.json();
    assert_eq!(json["order"]["discountPercentage"], 0.1);
    assert_eq!(json["order"]["discountCouponCode"], "LENTE10");
    let rows = world
        .get(&format!("/nl/orders/{order}/products.json"))
        .await
        .json();
    let gift = &rows["orderProducts"][1];
    assert_eq!(gift["product"], false);
    assert_eq!(gift["variant"], false);
    assert!(gift["weight"].is_null());
}

#[tokio::test]
async fn l047_l086_an_anonymous_cart() {
    let world = open();
    let variant = world.shop.ids(Kind::Variant)[0];
    let goods = vec![Goods {
        variant: Some(variant),
        quantity: 2,
    }];
    let quote = world.shop.fill_cart(&Cart {
        customer: None,
        goods,
    });
    let text = world.get(&format!("/nl/quotes/{quote}.json")).await.text;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cart = &json["quote"];
    assert_eq!(cart["customer"], false);
    assert!(cart["shipmentZipcode"].is_null() && cart["comment"].is_null());
    assert_eq!(cart["recoveryHash"].as_str().unwrap().len(), 32);
    assert_eq!(cart["shipmentId"], false);
    assert_eq!(cart["paymentData"], "[]");
    assert!(
        text.contains(r#""additionalCostIncl":"0.0000""#)
            && text.contains(r#""discountMinimumAmount":"0.00""#)
    );
    assert!(quote > 1 << 30, "cart ids leave 31 bits behind soon");
}

#[tokio::test]
async fn l050_l051_l052_products_and_variants() {
    let world = open();
    let product = world.shop.ids(Kind::Product)[0];
    let change = ProductChange {
        product,
        url: None,
        title: None,
        has_image: Some(false),
    };
    world.shop.change_product(&change);
    let dutch = world.get(&format!("/nl/products/{product}.json")).await.json();
    let german = world.get(&format!("/de/products/{product}.json")).await.json();
    assert_eq!(dutch["product"]["image"], false);
    assert_eq!(dutch["product"]["id"], german["product"]["id"]);
    assert_ne!(dutch["product"]["title"], german["product"]["title"]);
    assert_ne!(dutch["product"]["url"], german["product"]["url"]);
    let variants = world
        .get(&format!("/nl/variants.json?product={product}"))
        .await
        .json();
    let variant = &variants["variants"][0];
    assert_eq!(variant["stockBuyMininum"], variant["stockBuyMinimum"]);
    assert_eq!(variant["product"]["resource"]["id"], product);
    let pictured = world.get("/nl/products.json?limit=250").await.json();
    let with_image = pictured["products"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["image"] != false)
        .unwrap();
    assert!(
        with_image["image"]["thumb"]
            .as_str()
            .unwrap()
            .contains("/50x50x2/")
    );
    assert!(with_image["image"].get("id").is_none());
}

#[tokio::test]
async fn languages_and_countries_are_listed() {
    let world = open();
    let languages = world.get("/nl/languages.json").await.json();
    assert_eq!(languages["languages"][0]["code"], "nl");
    assert_eq!(languages["languages"][0]["isDefault"], true);
    assert_eq!(languages["languages"].as_array().unwrap().len(), 3);
    let countries = world.get("/nl/countries.json").await.json();
    assert_eq!(countries["countries"][0]["code3"], "nld");
}

#[tokio::test]
async fn texts_of_any_script_survive() {
    let world = open();
    let person = Person::of(&[
        (Text::Email, "x@example.org"),
        (Text::Lastname, "Žižka/\"\\\u{1f98a}"),
    ]);
    let new = NewCustomer {
        person,
        ..NewCustomer::default()
    };
    let customer = world.shop.create_customer(new);
    let answer = world.get(&format!("/nl/customers/{customer}.json")).await;
    assert!(answer.text.is_ascii());
    assert_eq!(answer.json()["customer"]["lastname"], "Žižka/\"\\\u{1f98a}");
}
