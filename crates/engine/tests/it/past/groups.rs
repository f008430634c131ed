//! Memberships: a list of pieces that counts as a whole only.

use schakel_core::connector::Part;
use schakel_core::record::RecordKind;
use schakel_core::walk::{Job, Phase, Walk, WalkState};
use schakel_sandbox::lightspeed::Kind;

use super::bad_input::NEVER;
use super::deletions::{id_of, join};
use super::history::{STEPS, shop};
use super::world::{Past, SOURCE, Setting, TENANT};

/// A world whose shop has so many customers, all in one group, and the numbers of their memberships.
async fn grouped(customers: u64) -> (Past, Vec<String>) {
    grouped_with(customers, Setting::default()).await
}

async fn grouped_with(customers: u64, setting: Setting) -> (Past, Vec<String>) {
    let setting = Setting {
        has_groups: true,
        ..setting
    };
    let world = shop(customers, 5, setting).await;
    let body = r#"{"group":{"title":"Trade"}}"#;
    let (_, answer) = world.shop_call("POST", "/nl/groups.json", body).await;
    let group = id_of(&answer);
    let mut members = Vec::new();
    for customer in world.shop.ids(Kind::Customer) {
        members.push(join(&world, &group, customer).await);
    }
    (world, members)
}

fn ended(world: &Past) -> Vec<String> {
    world.deleted("CustomerGroups", "GroupID", "BookerzCustomerGroupsDeleted")
}

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;

async fn resume(world: &Past, job: Job) {
    change(world, job, (WalkState::Stopped, WalkState::Waiting)).await;
}

async fn change(world: &Past, job: Job, (from, to): (WalkState, WalkState)) {
    assert_eq!(world.set(job, &[Part::Groups], from, to).await, 1);
}

#[tokio::test]
async fn memberships_that_do_not_agree_with_their_count_end_with_the_command_that_reads_them_anew() {
    let (mut world, members) = grouped(12).await;
    let parts = world.parts();
    let none: Vec<String> = Vec::new();
    for (job, command) in [
        (Job::Backfill, "`schakel backfill resume`"),
        (Job::Reconcile, "`schakel reconcile`"),
    ] {
        world.shop.set_count_offset("groups/customers", 2);
        match job {
            Job::Backfill => world.begin(job, &parts).await,
            _ => world.begin(job, &[Part::Groups]).await,
        }
        let walk = world.run_until((job, Part::Groups), NEVER).await;
        assert_eq!((walk.state, walk.phase), (WalkState::Stopped, Phase::Read));
        assert!(
            walk.note.contains("counts 14 memberships and lists 12"),
            "{}",
            walk.note
        );
        assert!(walk.note.contains(command), "{}", walk.note);
        world.run(STEPS).await;
        assert_eq!(ended(&world), none);
        let known = if job == Job::Backfill { 0 } else { 12 };
        assert_eq!(
            world.column("CustomerGroups", "GroupID").len(),
            known,
            "nothing of it is used"
        );

        world.shop.set_count_offset("groups/customers", 0);
        let mut there = 12;
        if job == Job::Reconcile {
            // What was read before counts for nothing: one of them ends meanwhile.
            let path = format!("/nl/groups/customers/{}.json", members[4]);
            assert!(world.shop_call("DELETE", &path, "").await.0 < 300);
            there = 11;
        }
        resume(&world, job).await;
        world.run(STEPS).await;
        world.assert_all_done().await;
        assert_eq!(world.walk(job, Part::Groups).await.seen, there);
        assert_eq!(world.column("CustomerGroups", "GroupID").len(), 12);
        assert_eq!(ended(&world).len(), usize::try_from(12 - there).unwrap());
    }
}

#[tokio::test]
async fn a_list_that_is_resumed_days_later_counts_as_of_the_day_on_which_it_is_read() {
    let (mut world, _) = grouped(300).await;
    let parts = [Part::Customers, Part::Groups];
    world.begin(Job::Backfill, &parts).await;
    while world.walk(Job::Backfill, Part::Groups).await.seen == 0 {
        let wait_us = world.step().await;
        world.wait(wait_us);
    }
    change(&world, Job::Backfill, (WalkState::Running, WalkState::Paused)).await;
    // The next day a fetch says that a customer is in one group; the day after he joins another, and nobody tells.
    let customer = world.shop.ids(Kind::Customer)[7];
    world.clock.advance_ms(DAY_MS);
    world.want(RecordKind::Groups, customer).await;
    world.run(STEPS).await;
    assert_eq!(world.column("CustomerGroups", "GroupID").len(), 1);
    world.clock.advance_ms(DAY_MS);
    let body = r#"{"group":{"title":"School"}}"#;
    let (_, answer) = world.shop_call("POST", "/nl/groups.json", body).await;
    join(&world, &id_of(&answer), customer).await;
    world.clock.advance_ms(DAY_MS);
    change(&world, Job::Backfill, (WalkState::Paused, WalkState::Waiting)).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    let walk = world.walk(Job::Backfill, Part::Groups).await;
    assert_eq!(walk.seen, 301, "each membership once, from the start");
    assert_eq!(world.column("CustomerGroups", "GroupID").len(), 301);
    assert_eq!(ended(&world), Vec::<String>::new());
}

/// Has the shop tell that a customer changed; his groups are asked for then.
async fn told(world: &mut Past, customer: u64) {
    let path = format!("/nl/customers/{customer}.json");
    let body = r#"{"customer":{"companyName":"Told"}}"#;
    assert!(world.shop_call("PUT", &path, body).await.0 < 300);
    let before = world.asked()["GET groups/customers"];
    while world.asked()["GET groups/customers"] == before {
        let wait_us = world.step().await;
        world.wait(wait_us.min(1_000_000));
    }
    while world.step().await == 0 {}
}

#[tokio::test]
async fn what_was_told_while_an_outage_held_a_list_up_wins_and_is_asked_about_where_the_list_differs() {
    for job in [Job::Backfill, Job::Reconcile] {
        held_up(job, false).await;
    }
}

#[tokio::test]
async fn a_list_of_which_one_ended_while_an_outage_held_it_up_is_read_anew_by_itself() {
    for job in [Job::Backfill, Job::Reconcile] {
        held_up(job, true).await;
    }
}

/// A list of 300 memberships whose second page is refused for about an hour. Meanwhile the shop tells of three customers,
/// one of whom joins a group afterwards, without a word, and one of whom left before, if `has_leaver`.
async fn held_up(job: Job, has_leaver: bool) {
    let setting = Setting {
        has_hooks: true,
        ..Setting::default()
    };
    let (mut world, members) = grouped_with(300, setting).await;
    let parts = [Part::Customers, Part::Groups];
    if job == Job::Reconcile {
        world.begin(Job::Backfill, &parts).await;
        world.run(STEPS).await;
    }
    world.begin(job, &parts).await;
    while world.walk(job, Part::Groups).await.seen == 0 {
        let wait_us = world.step().await;
        world.wait(wait_us);
    }
    // The second page is refused for about an hour; everything else is answered.
    world.answer("since_id=", 16, (503, ""));
    while world.walk(job, Part::Groups).await.failures < 14 {
        let wait_us = world.step().await;
        world.wait(wait_us);
    }
    let customers = world.shop.ids(Kind::Customer);
    let (leaver, joiner, same) = (customers[7], customers[280], customers[20]);
    if has_leaver {
        let path = format!("/nl/groups/customers/{}.json", members[7]);
        assert!(world.shop_call("DELETE", &path, "").await.0 < 300);
    }
    for customer in [leaver, joiner, same] {
        told(&mut world, customer).await;
    }
    let body = r#"{"group":{"title":"School"}}"#;
    let (_, answer) = world.shop_call("POST", "/nl/groups.json", body).await;
    let school = id_of(&answer);
    join(&world, &school, joiner).await;
    let walk = world.walk(job, Part::Groups).await;
    assert_eq!((walk.seen, walk.phase), (250, Phase::Read), "{walk:?}");
    world.run(STEPS).await;
    world.assert_all_done().await;
    let walk = world.walk(job, Part::Groups).await;
    let (left, doubted) = if has_leaver { (1, 0) } else { (0, 1) };
    assert_eq!((walk.seen, walk.doubted), (301 - left, doubted), "{walk:?}");
    let shown = world.column("CustomerGroups", "GroupID");
    assert!(shown.contains(&school), "what nobody told of");
    let is_shown = job == Job::Reconcile || left == 0;
    assert_eq!(shown.len(), if is_shown { 301 } else { 300 });
    assert_eq!(
        ended(&world).len(),
        if is_shown {
            usize::try_from(left).unwrap()
        } else {
            0
        }
    );
    let findings = world.hub.store.findings(TENANT, SOURCE, 10).await.unwrap();
    let found: Vec<i64> = findings.iter().map(|finding| finding.remote_id).collect();
    // Read anew the list shows what nobody told of; what was told is no finding.
    let is_found = has_leaver && job == Job::Reconcile;
    let joiner = i64::try_from(joiner).unwrap();
    assert_eq!(found, if is_found { vec![joiner] } else { Vec::new() });
}

#[tokio::test]
async fn a_list_of_memberships_that_comes_back_half_ends_none() {
    let (mut world, _) = grouped(12).await;
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    let empty = (200, r#"{"groupsCustomers":[]}"#);
    // The first time, and each time that the list is read anew.
    world.answer("/groups/customers.json", 3, empty);
    world.begin(Job::Reconcile, &[Part::Groups]).await;
    let walk = world.run_until((Job::Reconcile, Part::Groups), NEVER).await;
    assert_eq!(walk.state, WalkState::Stopped, "{walk:?}");
    assert!(
        walk.note.contains("counts 12 memberships and lists 0"),
        "{}",
        walk.note
    );
    world.run(STEPS).await;
    assert_eq!(ended(&world), Vec::<String>::new());
    assert_eq!(walk.doubted, 0, "nobody is asked about");
}

/// More memberships than are put together in one transaction.
const MANY: u64 = 1_100;

#[tokio::test]
async fn kills_between_two_steps_of_putting_memberships_together_lose_and_repeat_nothing() {
    let (mut world, members) = grouped(MANY).await;
    let parts = [Part::Customers, Part::Groups];
    world.begin(Job::Backfill, &parts).await;
    world.run_until((Job::Backfill, Part::Groups), NEVER).await;
    let first = world.walk(Job::Backfill, Part::Groups).await;
    assert_eq!(first.stored, i64::try_from(MANY).unwrap());
    world.run(4 * STEPS).await;
    // Once more, with what is held beside it: whoever was put together already is no leaver.
    world.begin(Job::Reconcile, &[Part::Groups]).await;
    let before = world.calls();
    let mut kills = 0;
    for _ in 0..STEPS {
        let wait_us = world.step().await;
        world.wait(wait_us);
        let walk: Walk = world.walk(Job::Reconcile, Part::Groups).await;
        if walk.phase == Phase::Gather {
            kills += 1;
            world = world.restarted().await;
        }
        if !walk.is_open() {
            assert_eq!(
                (walk.state, walk.stored, walk.doubted),
                (WalkState::Done, 0, 0),
                "{walk:?}"
            );
            assert_eq!(walk.seen, first.seen);
            break;
        }
    }
    world.assert_all_done().await;
    assert!(kills >= 3, "killed {kills} times");
    assert_eq!(world.calls() - before, 6, "{:?}", world.asked());
    world.run(STEPS).await;
    assert_eq!(world.column("CustomerGroups", "GroupID").len(), 1_100);
    assert_eq!(ended(&world), Vec::<String>::new());
    let findings = world.hub.store.findings(TENANT, SOURCE, 10).await.unwrap();
    assert_eq!(findings, []);

    // So many ended that one step lists fewer than it knows: neither those of its begin nor those of its end are missed.
    let gone = [&members[..110], &members[1_080..1_090]].concat();
    for membership in &gone {
        let path = format!("/nl/groups/customers/{membership}.json");
        assert!(world.shop_call("DELETE", &path, "").await.0 < 300);
    }
    world.begin(Job::Reconcile, &[Part::Groups]).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    assert_eq!(ended(&world).len(), gone.len());
}
