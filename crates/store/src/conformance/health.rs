//! What ails a connection: written when it begins and changes, gone when it is over.

use schakel_core::health::{Ailment, Concern};
use schakel_core::id::{ConnectionId, TenantId};

use super::make::{SHOP, SINK, TENANT, at};
use super::on_both;
use crate::Store;
use crate::rows::HealthRow;

on_both! {
    an_ailment_keeps_its_beginning_until_it_is_another,
    what_is_over_is_struck_out_for_that_connection_only,
    webhooks_ail_and_are_well_on_their_own,
}

fn row(connection: ConnectionId, ailment: Ailment, second: i64) -> HealthRow {
    HealthRow {
        connection,
        ailment,
        detail: format!("seen at {second}"),
        since: at(second),
        next_at: at(second + 30),
    }
}

async fn an_ailment_keeps_its_beginning_until_it_is_another(store: Store) {
    assert_eq!(store.health(TENANT).await.unwrap(), []);
    for second in [10, 20] {
        let row = row(SINK, Ailment::Unreachable, second);
        store.put_health(TENANT, &row).await.unwrap();
    }
    let expected = HealthRow {
        since: at(10),
        ..row(SINK, Ailment::Unreachable, 20)
    };
    assert_eq!(store.health(TENANT).await.unwrap(), [expected]);
    let other = row(SINK, Ailment::Credentials, 40);
    store.put_health(TENANT, &other).await.unwrap();
    assert_eq!(store.health(TENANT).await.unwrap(), [other]);
}

async fn what_is_over_is_struck_out_for_that_connection_only(store: Store) {
    const OTHER: TenantId = TenantId(2);
    for ailment in Ailment::ALL
        .into_iter()
        .filter(|ailment| ailment.concern() == Concern::Calls)
    {
        store.put_health(TENANT, &row(SHOP, ailment, 1)).await.unwrap();
    }
    let sink = row(SINK, Ailment::Structure, 2);
    store.put_health(TENANT, &sink).await.unwrap();
    store.put_health(OTHER, &sink).await.unwrap();
    assert!(store.clear_health(TENANT, SHOP, Concern::Calls).await.unwrap());
    assert!(
        !store.clear_health(TENANT, SHOP, Concern::Calls).await.unwrap(),
        "it was over"
    );
    assert_eq!(store.health(TENANT).await.unwrap(), std::slice::from_ref(&sink));
    assert!(store.clear_health(TENANT, SINK, Concern::Calls).await.unwrap());
    assert_eq!(store.health(OTHER).await.unwrap(), [sink]);
}

async fn webhooks_ail_and_are_well_on_their_own(store: Store) {
    let (calls, webhooks) = (row(SHOP, Ailment::Busy, 1), row(SHOP, Ailment::Webhooks, 2));
    for row in [&webhooks, &calls] {
        store.put_health(TENANT, row).await.unwrap();
    }
    assert_eq!(
        store.health(TENANT).await.unwrap(),
        [calls.clone(), webhooks.clone()]
    );
    assert!(store.clear_health(TENANT, SHOP, Concern::Calls).await.unwrap());
    assert_eq!(store.health(TENANT).await.unwrap(), [webhooks]);
    assert!(store.clear_health(TENANT, SHOP, Concern::Webhooks).await.unwrap());
    assert_eq!(store.health(TENANT).await.unwrap(), []);
}
