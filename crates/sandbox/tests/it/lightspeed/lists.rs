//! §9.1 and §9.2: the door, and lists.

use super::open;

#[tokio::test]
async fn l026_a_list_holds_fifty_at_most() {
    let world = open();
    for n in 0..60 {
        world.customer(&format!("lijst.{n}@example.org"));
    }
    let answer = world.get("/nl/customers.json").await;
    assert_eq!(answer.json()["customers"].as_array().unwrap().len(), 50);
}
