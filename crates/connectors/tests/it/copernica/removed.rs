//! What stands under a profile that somebody removed by hand.

use schakel_connectors::copernica::ApiVersion;
use schakel_core::connector::{Sink, Work};

use super::world::World;
use super::{order, person, sink_at, uncertain};

#[tokio::test]
async fn what_lands_under_a_removed_profile_is_noticed_and_comes_back_under_the_new_one() {
    let world = World::usual().await;
    let old = world.id_of(&person(5, "Jan")).await;
    world.deliver(&order(42, "new", old)).await.unwrap();
    let (made, calls) = world.delivered(&order(43, "new", old)).await;
    assert!(!made.is_orphaned && calls == 1, "seen alive a moment ago");
    world.account.remove_profile(old.unsigned_abs());
    // A process that has not seen the profile alive.
    let later = sink_at(&world.base_url, ApiVersion::V4);
    later.connect(&world.cx).await.unwrap();
    let before = world.account.counts().calls;
    let made = later.deliver(&world.cx, &order(44, "new", old)).await.unwrap();
    assert!(made.is_orphaned);
    assert_eq!(
        world.account.counts().calls - before,
        2,
        "write, then look at the profile"
    );
    let new = world.id_of(&person(5, "Jan")).await;
    for id in [42, 43, 44] {
        let work = Work {
            remote_parent: Some(old),
            ..uncertain(order(id, "new", new))
        };
        assert!(!world.deliver(&work).await.unwrap().is_orphaned);
    }
    let mut parents = Vec::new();
    world
        .account
        .for_each_subprofile("Orders", |row| parents.push(row.profile.unwrap()));
    assert_eq!(parents, [new.unsigned_abs(); 3], "what nobody saw is gone");
}

#[tokio::test]
async fn a_repeat_under_a_removed_profile_is_no_proof_that_it_lives() {
    let world = World::usual().await;
    let old = world.id_of(&person(5, "Jan")).await;
    world.account.remove_profile(old.unsigned_abs());
    let later = sink_at(&world.base_url, ApiVersion::V4);
    later.connect(&world.cx).await.unwrap();
    let order = order(44, "new", old);
    assert!(later.deliver(&world.cx, &order).await.unwrap().is_orphaned);
    let repeat = later.deliver(&world.cx, &uncertain(order)).await.unwrap();
    assert!(repeat.is_orphaned && !repeat.is_created);
}
