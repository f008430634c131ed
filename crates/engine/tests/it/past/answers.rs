//! What each status of a shop means for a walk: it waits, one part of it stops, or one thing is left (reliability.md §6).

use schakel_core::connector::Part;
use schakel_core::time::Clock;
use schakel_core::walk::{Job, WalkState};
use schakel_engine::hub::WalkSettings;
use schakel_engine::walk::Stepped;
use schakel_sandbox::lightspeed::Kind;

use super::bad_input::{NEVER, begun};
use super::forecast::plan;
use super::history::{STEPS, ends_like_the_shop};
use super::world::{SOURCE, Setting, TENANT};

/// What the walk over orders shows after a page of it was answered with a status twice.
const WAITS: &[(u16, &str)] = &[
    (400, "status 400"),
    (
        401,
        "the API key or its secret is wrong, switched off or withdrawn",
    ),
    (404, "`orders` is not there"),
    (408, "not now, status 408"),
    (409, "status 409"),
    (410, "status 410"),
    (422, "status 422"),
    (423, "not now, status 423"),
    (425, "not now, status 425"),
    (429, "throttled"),
    (451, "status 451"),
    (500, "status 500"),
    (503, "status 503"),
    (301, "status 301"),
];

#[tokio::test]
async fn a_page_that_is_answered_with_anything_but_a_refused_section_is_waited_for() {
    for (status, said) in WAITS {
        let mut world = begun(3, 6, Setting::default()).await;
        world.answer(
            "/orders.json",
            2,
            (*status, r#"{"error":{"message":"of the shop"}}"#),
        );
        // A key that is refused is refused everywhere, else it is the section.
        world.answer("/account/permissions", u32::from(*status == 401) * 2, (401, "{}"));
        let walk = world.run_until((Job::Backfill, Part::Orders), said).await;
        assert!(walk.is_open() && walk.failures == 1, "{status}: {walk:?}");
        assert!(walk.due_at > walk.updated_at, "{status}: it waits");
        ends_like_the_shop(&mut world).await;
    }
}

/// Patience ends where the same answer comes again and again; resumed, the part goes on where it was.
#[tokio::test]
async fn a_list_that_is_answered_with_the_same_status_again_and_again_stops_until_it_is_resumed() {
    for (status, said) in [(400, "status 400"), (409, "status 409")] {
        let mut world = begun(3, 6, Setting::default()).await;
        world.answer("/orders.json", 3, (418, r#"{"error":{"message":"tea"}}"#));
        world.answer(
            "/orders.json",
            50,
            (status, r#"{"error":{"message":"of the shop"}}"#),
        );
        let walk = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
        assert_eq!((walk.state, walk.failures), (WalkState::Stopped, 50), "{walk:?}");
        assert!(
            walk.note.contains(said) && walk.note.ends_with("; 50 times, so this part stopped"),
            "{walk:?}"
        );
        world.resume(Job::Backfill, &[Part::Orders]).await;
        ends_like_the_shop(&mut world).await;
    }
}

/// An outage is none of these, however long it takes; nor is a language that is switched off, where all is 404.
#[tokio::test]
async fn an_outage_stops_nothing() {
    let mut world = begun(3, 6, Setting::default()).await;
    world.answer("/orders.json", 60, (503, "away"));
    world.answer("/orders.json", 60, (404, r#"{"error":{"code":404}}"#));
    world.run(8 * STEPS).await;
    world.assert_all_done().await;
    world.assert_like_the_shop();
}

// Whoever had mended what a shop was refused for waited for minutes nevertheless.
#[tokio::test]
async fn a_history_that_a_person_lets_go_on_waits_for_nothing_that_failed_before() {
    let setting = Setting {
        is_admitted: false,
        ..Setting::default()
    };
    let mut world = begun(3, 6, setting).await;
    world.shop.set_language_active("nl", false);
    let walk = world
        .run_until((Job::Backfill, Part::Products), "switched off")
        .await;
    assert!(walk.failures > 0 && walk.due_at > world.clock.now(), "{walk:?}");
    world.shop.set_language_active("nl", true);
    assert!(
        matches!(world.walk_alone().await, Stepped::Waits(_)),
        "it is waited out"
    );
    let states = (&[WalkState::Waiting, WalkState::Running][..], WalkState::Waiting);
    let store = &world.hub.store;
    let set = store.set_walks(TENANT, SOURCE, Job::Backfill, &[Part::Products], states);
    assert_eq!(set.await.unwrap(), 1);
    assert_eq!(world.walk_alone().await, Stepped::Went);
    let walk = world.walk(Job::Backfill, Part::Products).await;
    assert_eq!((walk.failures, walk.note.as_str()), (0, ""), "{walk:?}");
}

#[tokio::test]
async fn a_section_that_is_refused_stops_its_part_and_says_so() {
    let mut world = begun(3, 6, Setting::default()).await;
    world.answer("/orders.json", u32::MAX, (403, r#"{"error":{"message":"no"}}"#));
    let walk = world.run_until((Job::Backfill, Part::Orders), NEVER).await;
    assert_eq!(walk.state, WalkState::Stopped);
    assert_eq!(
        walk.note,
        "refused: the key has no permission: section `orders`, no; switch it on in the back office: Settings, Store settings, \
         Developers; then `schakel backfill resume`"
    );
    world.run(STEPS).await;
    let shipments = world.walk(Job::Backfill, Part::Shipments).await;
    assert_eq!(shipments.state, WalkState::Done, "the others go on");
    world.assert_nothing_deleted();
}

#[tokio::test]
async fn a_plan_names_what_hangs_on_a_refused_section() {
    let world = begun(3, 6, Setting::default()).await;
    world.answer(
        "/orders/count.json",
        u32::MAX,
        (403, r#"{"error":{"message":"no"}}"#),
    );
    let plan = plan(&world, [300, 3_000, 12_000], WalkSettings::OFF).await;
    let refused: Vec<&str> = plan.refused.iter().map(|(part, _)| *part).collect();
    assert_eq!(refused, ["orders", "order_rows"]);
    assert_eq!(
        plan.refused[1].1,
        "they are as many as the orders, which cannot be counted"
    );
    let unknown = plan.options.iter().filter(|option| !option.is_counted);
    assert_eq!(
        unknown.map(|option| option.option).collect::<Vec<_>>(),
        ["order_rows"]
    );
}

#[tokio::test]
async fn rows_of_one_order_that_are_answered_with_a_status_are_asked_for_again() {
    for status in [400, 408, 409, 410, 422, 423, 425, 500, 503] {
        let mut world = begun(5, 12, Setting::default()).await;
        let id = world.shop.ids(Kind::Order)[4];
        let rows = format!("/orders/{id}/products.json");
        world.answer(&rows, 2, (status, r#"{"error":{"message":"no"}}"#));
        world.run(STEPS).await;
        world.assert_all_done().await;
        let walk = world.walk(Job::Backfill, Part::OrderRows).await;
        assert_eq!((walk.seen, walk.calls), (12, 14), "{status}: {walk:?}");
        world.assert_like_the_shop();
        world.assert_nothing_deleted();
    }
}
