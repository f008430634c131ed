//! §9.2: how single values are written.

use schakel_sandbox::lightspeed::{
    Buyer, Cart, Goods, Kind, NewCustomer, NewOrder, Person, ProductChange, Text,
};

use super::{World, open, person};

/// A link to one record names its id, its path and its address.
///
/// Fidelity: lightspeed-ecom.md 38 — exact
#[tokio::test]
async fn l038_a_link_to_one_names_it() {
    let world = open();
    let customer = world.customer("een@example.org");
    let order = world.order(Buyer::Customer(customer));
    let json = world.get(&format!("/nl/orders/{order}.json")).await.json();
    let link = &json["order"]["customer"];
    assert_eq!(
        *link,
        serde_json::json!({"resource": {"id": customer, "url": format!("customers/{customer}"),
            "link": format!("https://api.webshopapp.com/nl/customers/{customer}.json")}})
    );
}

/// A link to nothing is false.
///
/// Fidelity: lightspeed-ecom.md 39 — exact
#[tokio::test]
async fn l039_a_link_to_nothing_is_false() {
    let world = open();
    let customer = world.customer("niemand@example.org");
    let order = world.order(Buyer::Customer(customer));
    world.shop.delete_customer(customer);
    let json = world.get(&format!("/nl/orders/{order}.json")).await.json();
    for key in ["customer", "quote", "addressBillingRegionData"] {
        assert_eq!(json["order"][key], false, "{key}");
    }
    let product = world.get("/nl/products.json?limit=1").await.json();
    for key in ["set", "type", "supplier", "deliverydate"] {
        assert_eq!(product["products"][0][key], false, "{key}");
    }
    let variant = world.get("/nl/variants.json?limit=1").await.json();
    for key in ["matrix", "image", "additionalcost"] {
        assert_eq!(variant["variants"][0][key], false, "{key}");
    }
}

/// A link to many records has no id, and its suffix stands before the filter.
///
/// Fidelity: lightspeed-ecom.md 40 — exact
#[tokio::test]
async fn l040_a_link_to_many_has_no_id_and_its_suffix_before_the_filter() {
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

/// Makes a guest and returns his record as the API answers it.
async fn a_guest(world: &World) -> serde_json::Value {
    let order = world.order(Buyer::Guest(person("gast@example.org")));
    let guest = world.shop.order(order).unwrap().customer.unwrap();
    world.get(&format!("/nl/customers/{guest}.json")).await.json()["customer"].clone()
}

/// What a customer did not tell is false.
///
/// Fidelity: lightspeed-ecom.md 41 — exact
#[tokio::test]
async fn l041_what_a_customer_did_not_tell_is_false() {
    let guest = a_guest(&open()).await;
    for key in [
        "gender",
        "birthDate",
        "referralId",
        "remoteIp",
        "userAgent",
        "addressShippingCompany",
    ] {
        assert_eq!(guest[key], false, "{key}");
    }
    assert_eq!(guest["nationalId"], "");
}

/// A customer who was never on line says null.
///
/// Fidelity: lightspeed-ecom.md 42 — exact
#[tokio::test]
async fn l042_a_customer_never_on_line_says_null() {
    let world = open();
    let guest = a_guest(&world).await;
    assert!(guest["lastOnlineAt"].is_null() && guest["memo"].is_null());
    let customer = world.customer("aan@example.org");
    let json = world.get(&format!("/nl/customers/{customer}.json")).await.json();
    assert_eq!(json["customer"]["lastOnlineAt"], "2026-05-12T17:25:37+02:00");
}

/// A guest has a record of a type of his own, unconfirmed and without a language.
///
/// Fidelity: lightspeed-ecom.md 43 — exact
#[tokio::test]
async fn l043_a_guest_has_a_record_of_his_own_kind() {
    let guest = a_guest(&open()).await;
    assert_eq!(guest["type"], "guest");
    assert_eq!(guest["isConfirmed"], false);
    assert_eq!(guest["language"], false);
}

/// Countries are objects with codes in small letters.
///
/// Fidelity: lightspeed-ecom.md 44 — approximated: the ids of the Netherlands and the United States are known, the others are chosen
#[tokio::test]
async fn l044_countries_are_objects() {
    let guest = a_guest(&open()).await;
    let country = &guest["addressBillingCountry"];
    assert_eq!(
        country.to_string(),
        r#"{"code":"nl","code3":"nld","id":150,"title":"Netherlands, The"}"#
    );
}

/// Times carry the offset of their season and no fraction.
///
/// Fidelity: lightspeed-ecom.md 45 — exact
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

/// Whole amounts are written without decimals.
///
/// Fidelity: lightspeed-ecom.md 46 — exact
#[tokio::test]
async fn l046_whole_amounts_have_no_decimals() {
    let world = open();
    let order = world.order(Buyer::Guest(person("prijs@example.org")));
    let text = world.get(&format!("/nl/orders/{order}.json")).await.text;
    assert!(text.contains(r#""paymentPriceIncl":0,"#));
    assert!(text.contains(r#""shipmentPriceExcl":4.0909,"shipmentPriceIncl":4.95"#));
    let variant = world.shop.ids(Kind::Variant)[0];
    let path = format!("/nl/variants/{variant}.json");
    world
        .call(http::Method::PUT, &path, r#"{"variant":{"priceIncl":5.0}}"#)
        .await;
    assert!(world.get(&path).await.text.contains(r#""priceIncl":5,"#));
}

/// Some amounts are texts.
///
/// Fidelity: lightspeed-ecom.md 47 — exact
#[tokio::test]
async fn l047_some_amounts_are_texts() {
    let world = open();
    let quote = world
        .get(&format!("/nl/quotes/{}.json", a_cart(&world)))
        .await
        .text;
    for member in [
        r#""additionalCostIncl":"0.0000""#,
        r#""additionalCostExcl":"0.0000""#,
        r#""discountMinimumAmount":"0.00""#,
    ] {
        assert!(quote.contains(member), "{member}");
    }
    let variant = world.get("/nl/variants.json?limit=1").await.json();
    let weight = variant["variants"][0]["weightValue"].as_str().unwrap();
    assert!(weight.ends_with(".000"), "{weight}");
    assert_eq!(variant["variants"][0]["sizeXValue"], "0.000");
    let order = world.order(Buyer::Guest(person("terug@example.org")));
    let filed = world.shop.file_return(order).unwrap();
    let json = world.get(&format!("/nl/returns/{filed}.json")).await.json();
    let price = json["return"]["priceIncl"].as_str().unwrap();
    assert_eq!(price.split_once('.').unwrap().1.len(), 4, "{price}");
    assert_eq!(json["return"]["orderId"], order);
    let shop = world.get("/nl/shop.json").await.json();
    assert_eq!(shop["shop"]["currency"]["currencyRate"], "1.000000");
}

/// An order without a discount still has a type of discount.
///
/// Fidelity: lightspeed-ecom.md 48 — exact
#[tokio::test]
async fn l048_an_undiscounted_order_still_has_a_type_of_discount() {
    let world = open();
    let order = world.order(Buyer::Guest(person("prijs@example.org")));
    let text = world.get(&format!("/nl/orders/{order}.json")).await.text;
    assert!(text.contains(
        r#""isDiscounted":false,"discountType":"amount","discountAmount":0,"discountPercentage":0"#
    ));
}

/// An empty map is written as an empty list.
///
/// Fidelity: lightspeed-ecom.md 49 — exact
#[tokio::test]
async fn l049_an_empty_map_is_an_empty_list() {
    let world = open();
    let order = world.order(Buyer::Guest(person("leeg@example.org")));
    world.shop.cancel_order(order);
    let text = world.get(&format!("/nl/orders/{order}.json")).await.text;
    assert!(text.contains(r#""paymentData":[]"#));
    let quote = world
        .get(&format!("/nl/quotes/{}.json", a_cart(&world)))
        .await
        .text;
    assert!(quote.contains(r#""shipmentData":[]"#));
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

/// Fills an anonymous cart and returns its id.
fn a_cart(world: &World) -> u64 {
    let goods = vec![Goods {
        variant: Some(world.shop.ids(Kind::Variant)[0]),
        quantity: 2,
    }];
    world.shop.fill_cart(&Cart {
        customer: None,
        goods,
    })
}

/// A variant has both spellings of the least number to buy.
///
/// Fidelity: lightspeed-ecom.md 50 — exact
#[tokio::test]
async fn l050_a_variant_has_both_spellings_of_the_least_to_buy() {
    let world = open();
    let variants = world.get("/nl/variants.json?limit=1").await.json();
    let variant = &variants["variants"][0];
    assert_eq!(variant["stockBuyMininum"], 1);
    assert_eq!(variant["stockBuyMinimum"], 1);
}

/// A product without a picture says false.
///
/// Fidelity: lightspeed-ecom.md 51 — exact
#[tokio::test]
async fn l051_a_product_without_picture_says_false() {
    let world = open();
    let product = world.shop.ids(Kind::Product)[0];
    let change = |has_image| ProductChange {
        product,
        url: None,
        title: None,
        has_image: Some(has_image),
    };
    world.shop.change_product(&change(false));
    let path = format!("/nl/products/{product}.json");
    assert_eq!(world.get(&path).await.json()["product"]["image"], false);
    let images = format!("/nl/products/{product}/images.json");
    assert_eq!(world.get(&images).await.text, r#"{"productImages":[]}"#);
    world.shop.change_product(&change(true));
    let image = world.get(&path).await.json()["product"]["image"].clone();
    assert!(image["thumb"].as_str().unwrap().contains("/50x50x2/"));
    assert!(image.get("id").is_none());
    let images = world.get(&images).await.json();
    assert_eq!(images["productImages"][0]["src"], image["src"]);
}

/// A language changes the texts of a product and neither ids nor prices.
///
/// Fidelity: lightspeed-ecom.md 52 — exact
#[tokio::test]
async fn l052_a_language_changes_texts_and_nothing_else() {
    let world = open();
    let product = world.shop.ids(Kind::Product)[0];
    let dutch = world.get(&format!("/nl/products/{product}.json")).await.json();
    let german = world.get(&format!("/de/products/{product}.json")).await.json();
    assert_eq!(dutch["product"]["id"], german["product"]["id"]);
    for key in ["title", "url", "description"] {
        assert_ne!(dutch["product"][key], german["product"][key], "{key}");
    }
    let variant = |language: &str| format!("/{language}/variants.json?product={product}&fields=id,priceIncl");
    assert_eq!(
        world.get(&variant("nl")).await.text,
        world.get(&variant("de")).await.text
    );
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
