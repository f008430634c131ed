//! Who was made in the account since a look: what is asked, and what an answer must be like.

use std::sync::Arc;

use schakel_connectors::copernica::ApiVersion;
use schakel_core::connector::{ConnectorError, Cx, Newcomers, Sink, Work};
use schakel_core::delivery::Certainty;
use schakel_core::time::ManualClock;
use schakel_sandbox::copernica::Options;

use super::answers::{Answer, profiles, structure};
use super::door::{Script, cx};
use super::world::World;
use super::{START, order, person, sink_at};

/// Imports a profile with this number by hand; returns its id.
async fn import(world: &World, number: i64) -> i64 {
    let by_hand = sink_at(&world.base_url, ApiVersion::V3);
    by_hand.connect(&world.cx).await.unwrap();
    let made = by_hand.deliver(&world.cx, &person(number, "Jan")).await.unwrap();
    made.remote_id.unwrap()
}

impl World {
    async fn newcomers(&self, above: Option<i64>) -> Newcomers {
        self.sink.newcomers(&self.cx, above).await.unwrap()
    }
}

#[tokio::test]
async fn who_was_made_since_a_look_is_one_list() {
    for version in [ApiVersion::V2, ApiVersion::V3, ApiVersion::V4] {
        let world = World::ready(Options::default(), version).await;
        let nobody = Newcomers {
            upto: 0,
            found: Vec::new(),
            has_more: false,
        };
        assert_eq!(world.newcomers(None).await, nobody);
        let ids = [
            world.id_of(&person(5, "Jan")).await,
            world.id_of(&person(6, "Els")).await,
        ];
        let before = world.account.counts().calls;
        assert_eq!(world.newcomers(None).await.upto, ids[1]);
        let all = world.newcomers(Some(0)).await;
        assert_eq!((all.upto, all.found), (ids[1], vec![(5, ids[0]), (6, ids[1])]));
        assert_eq!(
            world.newcomers(Some(ids[0])).await.found,
            [(6, ids[1])],
            "above, and not at"
        );
        assert_eq!(world.account.counts().calls - before, 3);
        // Removed by hand and imported again.
        assert!(world.account.remove_profile(ids[0].unsigned_abs()));
        let again = import(&world, 5).await;
        let since = world.newcomers(Some(ids[1])).await;
        assert_eq!((since.upto, since.found), (again, vec![(5, again)]));
        assert_eq!(
            world.newcomers(Some(again)).await,
            Newcomers {
                upto: again,
                ..nobody
            }
        );
    }
}

/// Another database is another place, and so is another account; the account is asked for once.
#[tokio::test]
async fn the_place_is_account_and_database() {
    let world = World::usual().await;
    let before = world.account.counts().calls;
    for _ in 0..2 {
        assert_eq!(
            world.sink.location(&world.cx).await.unwrap(),
            "account 1, database 1"
        );
    }
    assert_eq!(world.account.counts().calls - before, 1);
    let other = World::ready(
        Options {
            account_id: 2,
            ..Options::default()
        },
        ApiVersion::V3,
    )
    .await;
    assert_eq!(
        other.sink.location(&other.cx).await.unwrap(),
        "account 2, database 1"
    );
}

#[tokio::test]
async fn a_full_page_says_that_there_is_more_and_the_next_begins_behind_it() {
    let world = World::usual().await;
    for number in 1..=1_001 {
        world.id_of(&person(number, "Jan")).await;
    }
    let first = world.newcomers(Some(0)).await;
    assert_eq!((first.found.len(), first.has_more), (1_000, true));
    let rest = world.newcomers(Some(first.upto)).await;
    assert_eq!((rest.found.len(), rest.has_more), (1, false));
    assert_eq!(rest.found[0].0, 1_001);
}

#[tokio::test]
async fn a_list_that_was_not_asked_for_is_refused() {
    let list = |answer: Answer| async move {
        let script = Script::new([structure()]);
        let cx = cx(Arc::clone(&script) as _);
        let sink = sink_at("http://copernica.test", ApiVersion::V3);
        sink.connect(&cx).await.unwrap();
        script.taken();
        script.then([answer]);
        let listed = sink.newcomers(&cx, Some(500)).await;
        (listed, script.taken())
    };
    let (listed, calls) = list(profiles(&[(501, 5), (502, 6)])).await;
    assert_eq!(listed.unwrap().found, [(5, 501), (6, 502)]);
    assert_eq!(
        calls,
        [
            "GET /v3/database/7/profiles?access_token=sandbox%2Dtoken&fields%5B%5D=id%3E500&fields%5B%5D=RelationID%3E0\
             &orderby=id&order=asc&dataonly=true&total=false&limit=1000"
        ]
    );
    for rows in [
        // A filter that was passed over, and an order.
        &[(500, 5)][..],
        &[(501, 0)],
        &[(502, 5), (501, 6)],
        &[(501, 5), (501, 5)],
    ] {
        let (listed, _) = list(profiles(rows)).await;
        assert!(
            matches!(listed, Err(ConnectorError::Structure(_))),
            "{rows:?}: {listed:?}"
        );
    }
}

/// A customer who comes back: his profile has something new, his order is new. A call each.
#[tokio::test]
async fn an_order_after_its_profile_was_written_costs_no_look() {
    let mut world = World::usual().await;
    let clock = ManualClock::at(START);
    world.cx = Cx::new(world.cx.http.clone(), Arc::new(clock.clone()));
    let id = world.id_of(&person(5, "Jan")).await;
    clock.advance_ms(3_600_000);
    let known = Work {
        remote_id: Some(id),
        certainty: Certainty::Known,
        ..person(5, "Johan")
    };
    let (_, profile) = world.delivered(&known).await;
    let (made, child) = world.delivered(&order(42, "new", id)).await;
    assert_eq!((profile, child, made.is_orphaned), (1, 1, false));
    // An hour later nothing is known of it.
    clock.advance_ms(3_600_000);
    let (made, child) = world.delivered(&order(43, "new", id)).await;
    assert_eq!((child, made.is_orphaned), (2, false));
    assert!(world.account.remove_profile(id.unsigned_abs()));
    clock.advance_ms(3_600_000);
    assert!(world.delivered(&order(44, "new", id)).await.0.is_orphaned);
}
