//! §5.13: an order in several shipments.

use http::Method;
use schakel_sandbox::lightspeed::{Buyer, Split};

use super::{open, person};

#[tokio::test]
async fn an_order_is_shipped_when_its_last_shipment_is() {
    let world = open();
    let order = world.order(Buyer::Guest(person("delen@example.org")));
    let facts = world.shop.order(order).unwrap();
    let row = facts.rows[1].id;
    let too_many = Split {
        order,
        pieces: vec![(row, 3)],
    };
    assert_eq!(world.shop.split_shipment(&too_many), None);
    let split = Split {
        order,
        pieces: vec![(row, 1)],
    };
    let second = world.shop.split_shipment(&split).unwrap();
    let list = world
        .get(&format!("/nl/shipments.json?order={order}"))
        .await
        .json();
    assert_eq!(list["shipments"].as_array().unwrap().len(), 2);
    let pieces = world
        .get(&format!("/nl/shipments/{}/products.json", facts.shipment))
        .await
        .json();
    assert_eq!(pieces["shipmentProducts"][1]["quantity"], 1);
    let shipped = r#"{"shipment":{"status":"shipped","trackingCode":"3SDEEL"}}"#;
    for (shipment, status) in [(second, "partially_shipped"), (facts.shipment, "shipped")] {
        let path = format!("/nl/shipments/{shipment}.json");
        let answer = world.call(Method::PUT, &path, shipped).await;
        assert_eq!(answer.json()["shipment"]["status"], "shipped");
        assert_eq!(world.shop.order(order).unwrap().shipment_status, status);
    }
    let rows = world
        .get(&format!("/nl/orders/{order}/products.json"))
        .await
        .json();
    assert_eq!(rows["orderProducts"][1]["quantityShipped"], 2);
    world.shop.delete_order(order);
    let gone = world.get(&format!("/nl/shipments/{second}.json")).await;
    assert_eq!(gone.status, 404);
}
