//! A database that was harmed on the disk, or written by a newer version: what can be read goes on.

use schakel_engine::apply::{self, Fence};
use schakel_engine::report::{self, Presets, Probe, Reader};
use schakel_store::QuarantineFilter;

use crate::payloads::customer;
use crate::world::World;

/// Replaces the only place where `old` stands.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let places: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, window)| *window == old)
        .map(|(place, _)| place)
        .collect();
    assert_eq!(places.len(), 1, "stands in one place");
    bytes[places[0]..places[0] + new.len()].copy_from_slice(new);
}

async fn three_people(world: &World) {
    for id in [11, 12, 13] {
        let person = customer(id, "registered", &format!("p{id}@example.org"), 5);
        let event = if id == 12 {
            "customers/updated"
        } else {
            "customers/created"
        };
        world.webhook(event, id, &person).await;
    }
}

#[tokio::test]
async fn a_damaged_event_is_set_aside_and_the_others_go_on() {
    let world = World::new().await;
    three_people(&world).await;
    let mut world = world
        .harmed(|bytes| replace(bytes, b"p12@example.org", b"p12@example.orh"))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 2);
    let inbox = world.inbox().await;
    assert_eq!((inbox.applied, inbox.quarantined, inbox.waiting), (2, 1, 0));
    let groups = world.hub.store.quarantine_groups(world.hub.tenant).await.unwrap();
    assert_eq!(groups, [("damaged".to_owned(), 1)]);
    // Released it is still damaged, at the start of a process too.
    let all = QuarantineFilter::default();
    let released = world.hub.store.release(world.hub.tenant, &all).await;
    assert_eq!(released.unwrap(), 1);
    let begun = apply::begin(&world.hub, Fence::Alone, &mut Default::default()).await;
    assert_eq!(begun.unwrap().events, 1);
    assert_eq!(world.inbox().await.quarantined, 1);
}

#[tokio::test]
async fn a_person_with_a_damaged_event_is_explained_by_the_others() {
    let mut world = World::new().await;
    let changed = customer(11, "registered", "jan@example.org", 6);
    let first = customer(11, "registered", "piet@example.org", 5);
    world.webhook("customers/created", 11, &first).await;
    world.webhook("customers/updated", 11, &changed).await;
    world.run_until_idle().await;
    let world = world
        .harmed(|bytes| {
            replace(
                bytes,
                b"\"email\":\"piet@example.org\"",
                b"\"email\":\"piet@example.orh\"",
            );
        })
        .await;
    let reader = Reader {
        store: &world.hub.store,
        tenant: world.hub.tenant,
        presets: &Presets::default(),
        is_unconfirmed_enough: false,
    };
    let found = report::explain(reader, "jan@example.org", 9).await.unwrap();
    assert_eq!(found.len(), 1);
    let (events, unreadable) = (&found[0].events, &found[0].unreadable);
    assert_eq!((events.len(), unreadable.len()), (1, 1));
    assert_eq!(events[0].about, "customers/updated");
    assert_ne!(events[0].event, unreadable[0]);
}

#[tokio::test]
async fn what_a_newer_version_wrote_waits_for_it_and_the_others_go_on() {
    let world = World::new().await;
    three_people(&world).await;
    let mut world = world
        .harmed(|bytes| replace(bytes, b"customerscustomerupdated", b"customerscustomorupdated"))
        .await;
    world.run_until_idle().await;
    assert_eq!(world.profiles().len(), 2);
    let inbox = world.inbox().await;
    assert_eq!((inbox.applied, inbox.quarantined, inbox.waiting), (2, 0, 1));
    let newer = apply::tell_newer(&world.hub, &[]).await.unwrap();
    assert_eq!(newer, [(crate::world::SOURCE, 1)]);
    let (store, now) = (&world.hub.store, world.hub.clock.now());
    let status = report::status(store, world.hub.tenant, &Probe::default(), now).await;
    let told = &status.unwrap().newer_waiting;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].connection.as_str(), told[0].events), ("con_1", 1));
}
