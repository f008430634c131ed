//! Settings, connections, checkpoints, leases.

use schakel_core::id::ConnectionId;

use super::make::{SHOP, TENANT, at, event};
use super::on_both;
use crate::Store;

on_both! {
    a_setting_keeps_its_first_value,
    a_setting_is_changed,
    settings_are_replaced_at_once,
    a_connection_keeps_its_id,
    a_checkpoint_moves_with_its_items,
    a_lease_has_one_holder_and_rising_epochs,
    a_transaction_knows_a_lost_lease,
    tables_that_grew_get_statistics,
}

async fn a_setting_keeps_its_first_value(store: Store) {
    assert_eq!(store.setting("key").await.unwrap(), None);
    assert_eq!(store.setting_or_insert("key", b"one").await.unwrap(), b"one");
    assert_eq!(store.setting_or_insert("key", b"two").await.unwrap(), b"one");
    assert_eq!(store.setting("key").await.unwrap(), Some(b"one".to_vec()));
}

async fn a_setting_is_changed(store: Store) {
    for value in [b"one", b"two"] {
        store.put_setting("place", value).await.unwrap();
        assert_eq!(store.setting("place").await.unwrap(), Some(value.to_vec()));
    }
}

async fn settings_are_replaced_at_once(store: Store) {
    for name in ["into/mail", "seen/mail", "seen/other"] {
        store.put_setting(name, b"before").await.unwrap();
    }
    let gone = ["seen/mail".to_owned(), "adopted/mail".to_owned()];
    store
        .replace_settings(("into/mail", b"now"), &gone)
        .await
        .unwrap();
    for (name, value) in [
        ("into/mail", Some(b"now".to_vec())),
        ("seen/mail", None),
        ("seen/other", Some(b"before".to_vec())),
    ] {
        assert_eq!(store.setting(name).await.unwrap(), value, "{name}");
    }
}

async fn a_connection_keeps_its_id(store: Store) {
    let first = store
        .ensure_connection(TENANT, "shop", "lightspeed", ConnectionId(5))
        .await
        .unwrap();
    let again = store
        .ensure_connection(TENANT, "shop", "lightspeed", ConnectionId(6))
        .await
        .unwrap();
    assert_eq!((first.id, &again), (ConnectionId(5), &first));
    store
        .ensure_connection(TENANT, "mail", "copernica", ConnectionId(7))
        .await
        .unwrap();
    let names: Vec<String> = store
        .connections(TENANT)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.name)
        .collect();
    assert_eq!(names, ["mail", "shop"]);
}

async fn a_checkpoint_moves_with_its_items(store: Store) {
    let place = async || store.checkpoint(TENANT, SHOP, "orders").await.unwrap();
    let mut tx = store.write().await.unwrap();
    tx.insert_events(&[event(1, 1, "a")]).await.unwrap();
    tx.put_checkpoint(TENANT, SHOP, "orders", "page 1").await.unwrap();
    drop(tx);
    assert_eq!(place().await, None);
    for page in ["page 1", "page 2"] {
        let mut tx = store.write().await.unwrap();
        tx.put_checkpoint(TENANT, SHOP, "orders", page).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(place().await.as_deref(), Some("page 2"));
}

async fn a_lease_has_one_holder_and_rising_epochs(store: Store) {
    let take = async |owner, now| store.take_lease("apply", owner, at(now), 30_000).await.unwrap();
    assert_eq!(take("a", 0).await, Some(1));
    assert_eq!(take("b", 29).await, None);
    assert!(store.renew_lease("apply", 1, at(20), 30_000).await.unwrap());
    assert_eq!(take("b", 49).await, None);
    assert_eq!(take("b", 50).await, Some(2));
    assert!(!store.renew_lease("apply", 1, at(51), 30_000).await.unwrap());
    assert!(!store.release_lease("apply", 1).await.unwrap());
    assert!(store.release_lease("apply", 2).await.unwrap());
    assert_eq!(take("a", 52).await, Some(3));
    assert_eq!(take("a", 53).await, Some(4));
}

async fn a_transaction_knows_a_lost_lease(store: Store) {
    let epoch = store
        .take_lease("apply", "a", at(0), 1_000)
        .await
        .unwrap()
        .unwrap();
    let held = async |epoch| {
        let mut tx = store.write().await.unwrap();
        tx.holds_lease("apply", epoch).await.unwrap()
    };
    assert!(held(epoch).await);
    store.take_lease("apply", "b", at(9), 1_000).await.unwrap();
    assert!(!held(epoch).await);
}

async fn tables_that_grew_get_statistics(store: Store) {
    let more = async |ids: std::ops::RangeInclusive<i64>| {
        let events: Vec<_> = ids.map(|id| event(id, id, "a")).collect();
        store.insert_events(&events).await.unwrap();
    };
    more(1..=300).await;
    if store.db.dialect() == crate::dialect::Dialect::Lite {
        assert!(store.refresh_statistics().await.unwrap().is_empty());
        return;
    }
    assert_eq!(grown(&store).await, ["event"]);
    // A few more are no reason, as many again are.
    more(301..=350).await;
    more(351..=650).await;
    assert_eq!(grown(&store).await, ["event"]);
    assert!(store.refresh_statistics().await.unwrap().is_empty());
}

/// Makes statistics as soon as the server tells of changes, which is a moment after the commit.
async fn grown(store: &Store) -> Vec<&'static str> {
    for _ in 0..600 {
        let refreshed = store.refresh_statistics().await.unwrap();
        if !refreshed.is_empty() {
            return refreshed;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Vec::new()
}
