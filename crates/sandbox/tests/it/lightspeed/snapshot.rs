//! A shop that is saved comes back as it was.

use std::sync::Arc;

use http::Method;
use schakel_sandbox::door::{HandClock, Seed};
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_sandbox::lightspeed::{Kind, LoadError, Options, Simulator};

use super::{NOW_S, World, open};

fn reopened(world: &World, options: Options) -> Result<World, LoadError> {
    let mut file = Vec::new();
    world.shop.save(&mut file).unwrap();
    let clock = HandClock::at(NOW_S * 1_000_000);
    let shop = Simulator::load(
        options,
        Arc::new(clock.clone()),
        Seed::new(99),
        &mut file.as_slice(),
    )?;
    Ok(World { shop, clock })
}

#[tokio::test]
async fn a_saved_shop_answers_as_before() {
    let world = open();
    world.hook("orders", "*", "http://127.0.0.1:9/hooks").await;
    Generator::new(&world.shop, Seed::new(3), Mix::lively()).history(120, 86_400);
    let order = *world.shop.ids(Kind::Order).last().unwrap();
    world.shop.file_return(order).unwrap();
    world.call(Method::POST, "/nl/checkouts.json", "{}").await;
    let again = reopened(&world, world.shop.options().clone()).unwrap();
    assert_eq!(again.shop.revision(), world.shop.revision());
    for path in [
        "customers",
        "subscriptions",
        "orders",
        "orders/events",
        "quotes",
        "products",
        "variants",
        "webhooks",
        "invoices",
        "shipments",
        "returns",
        "checkouts",
        "brands",
        "groups",
    ] {
        let path = format!("/nl/{path}.json?limit=250");
        assert_eq!(again.get(&path).await.text, world.get(&path).await.text, "{path}");
    }
    let (new, known) = (again.customer("n@example.org"), world.customer("n@example.org"));
    assert_eq!(new, known, "ids go on where they were");
}

#[test]
fn what_is_no_saved_shop_is_refused() {
    let clock = || Arc::new(HandClock::at(0));
    let load = |mut bytes: &[u8]| Simulator::load(Options::default(), clock(), Seed::new(1), &mut bytes);
    assert!(matches!(load(b""), Err(LoadError::Read(_))));
    assert!(matches!(
        load(b"some other file that is long enough"),
        Err(LoadError::Foreign)
    ));
    assert!(matches!(
        load(b"schakel sandbox lightspeed 1\n{}"),
        Err(LoadError::Broken(_))
    ));
    let other = Options {
        shop_id: 5,
        ..Options::default()
    };
    assert!(matches!(reopened(&open(), other), Err(LoadError::Foreign)));
}
