//! The sink against the simulated account, over a socket.

use std::collections::BTreeMap;
use std::sync::Arc;

use schakel_connectors::copernica::ApiVersion;
use schakel_core::connector::{Class, ConnectorError, Method, Receipt, Request, Sink, StepState, Work};
use schakel_core::delivery::{Certainty, ObjectKind};
use schakel_core::preset::agrees;
use schakel_sandbox::copernica::{At, FaultKind, Options, Removal, Restriction};

use super::answers::Is;
use super::world::World;
use super::{DATABASE, absent, order, person, sink_at, table, text, uncertain};

/// The reference of the structure, column by column.
const REFERENCE: &str = include_str!("../../../../core/tests/fixtures/bookerz-fields.csv");

const VERSIONS: [ApiVersion; 3] = [ApiVersion::V2, ApiVersion::V3, ApiVersion::V4];

fn receipt(remote_id: i64, is_created: bool) -> Receipt {
    Receipt {
        is_orphaned: false,
        twins: 0,
        remote_id: Some(remote_id),
        is_created,
    }
}

/// Reads the fields of the database as the account shows them: collection, name, type, length, index, lock, value.
pub(super) async fn fields_of(world: &World) -> Vec<[String; 7]> {
    let request = Request {
        method: Method::Get,
        url: format!(
            "{}/v3/database/{DATABASE}?access_token=sandbox-token",
            world.base_url
        ),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
        timeout_ms: 20_000,
        class: Class::Live,
        label: "GET database/{id}",
    };
    let answer = world.cx.http.send(request).await.unwrap();
    let database: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let word = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut fields = Vec::new();
    let mut add = |collection: &str, list: &serde_json::Value| {
        for field in list["data"].as_array().unwrap() {
            let cell = |key: &str| word(&field[key]);
            fields.push([
                collection.to_owned(),
                cell("name"),
                cell("type"),
                cell("length"),
                cell("index"),
                cell("lock"),
                cell("value"),
            ]);
        }
    };
    add("", &database["fields"]);
    for collection in database["collections"]["data"].as_array().unwrap() {
        add(collection["name"].as_str().unwrap(), &collection["fields"]);
    }
    fields
}

#[tokio::test]
async fn setup_creates_exactly_the_reference_and_then_nothing_more() {
    let world = World::empty(Options::default(), ApiVersion::V4).await;
    let steps = world.sink.setup(&world.cx).await.unwrap();
    assert_eq!(steps.len(), 1 + 4 + 127);
    assert!(
        steps
            .iter()
            .all(|step| step.state == StepState::Created && step.note.is_empty())
    );

    let lines: Vec<Vec<&str>> = REFERENCE
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let fields = fields_of(&world).await;
    assert_eq!(fields.len(), lines.len());
    for (field, line) in fields.iter().zip(&lines) {
        assert_eq!([&field[0], &field[1], &field[2]], [line[0], line[1], line[5]]);
        assert!(line[6].is_empty() || field[3] == line[6], "{field:?}");
        assert_eq!(
            (field[4].as_str(), field[5].as_str()),
            (if line[9] == "yes" { "true" } else { "false" }, "true")
        );
        let value = if line[5] == "select" {
            "Yes\r\nNo*"
        } else {
            line[8]
        };
        assert_eq!(field[6], value, "{field:?}");
    }

    let calls = world.account.counts().calls;
    let again = world.sink.setup(&world.cx).await.unwrap();
    assert!(
        again
            .iter()
            .all(|step| step.state == StepState::Kept && step.note.is_empty()),
        "{again:?}"
    );
    assert_eq!(
        world.account.counts().calls,
        calls + 1,
        "one reading says that all is there"
    );
}

#[tokio::test]
async fn setup_works_alike_in_every_version_and_without_the_star() {
    for version in VERSIONS {
        let options = Options {
            star_in_definitions: false,
            ..Options::default()
        };
        let world = World::ready(options, version).await;
        let again = world.sink.setup(&world.cx).await.unwrap();
        assert!(
            again.iter().all(|step| step.state == StepState::Kept),
            "{version:?}"
        );
    }
}

#[tokio::test]
async fn setup_mends_what_is_missing_and_names_what_differs() {
    let world = World::usual().await;
    let profile = At::Database(DATABASE);
    let orders = At::Collection(DATABASE, "Orders");
    for (at, field) in [(profile, "FirstName"), (profile, "LastName"), (orders, "Status")] {
        world.account.unlock_field(at, field).unwrap();
    }
    world
        .account
        .change_field(profile, "FirstName", "text", Some(40))
        .unwrap();
    world.account.remove_field(profile, "LastName").unwrap();
    world.account.rename_field(orders, "Status", "Toestand").unwrap();
    let error = world.sink.connect(&world.cx).await.unwrap_err();
    assert_eq!(
        error,
        ConnectorError::Structure("missing LastName, Orders.Status".to_owned())
    );

    let steps = world.sink.setup(&world.cx).await.unwrap();
    let odd: BTreeMap<&str, (StepState, &str)> = steps
        .iter()
        .filter(|step| step.state != StepState::Kept)
        .map(|step| (step.subject.as_str(), (step.state, step.note.as_str())))
        .collect();
    let differs = "length 40, wanted 100; not locked: the user interface can change it";
    let wanted = [
        ("FirstName", (StepState::Differs, differs)),
        ("LastName", (StepState::Created, "")),
        ("Orders.Status", (StepState::Created, "")),
    ];
    assert_eq!(odd, BTreeMap::from(wanted));
    world.sink.connect(&world.cx).await.unwrap();

    world.account.delete(At::Collection(DATABASE, "Quotes")).unwrap();
    world.sink.connect(&world.cx).await.unwrap();
    let lacking = world.sink.lacking();
    assert_eq!(
        (lacking[0].kind, lacking[0].missing.as_slice(), lacking.len()),
        (ObjectKind::Quote, ["collection Quotes".to_owned()].as_slice(), 1)
    );
    let report = world.sink.check(&world.cx).await.unwrap();
    let missing = &report.lacking;
    assert_eq!(missing.len(), 1, "{report:?}");
    assert!(!report.is_good() && report.is_permitted(), "setup may make it");
    assert_eq!(missing[0].subject, "collection Quotes");
    assert!(
        missing[0].note.contains("schakel setup") && missing[0].note.contains("SCH-0504"),
        "{missing:?}"
    );
}

#[tokio::test]
async fn an_object_lives_through_create_update_and_removal_in_every_version() {
    for version in VERSIONS {
        let world = World::ready(Options::default(), version).await;
        let (made, calls) = world.delivered(&person(5, "Jan")).await;
        assert!(
            made.is_created && calls == 1,
            "{version:?}: {made:?} after {calls}"
        );
        let id = made.remote_id.unwrap();
        let known = Work {
            remote_id: Some(id),
            certainty: Certainty::Known,
            ..person(5, "Piet")
        };
        assert_eq!(world.delivered(&known).await, (receipt(id, false), 1));
        assert_eq!(
            world.account.profile(id.unsigned_abs()).unwrap()["FirstName"],
            "Piet"
        );

        let (_, calls) = world.delivered(&order(42, "new", id)).await;
        assert_eq!(calls, 1);
        let (_, calls) = world.delivered(&order(42, "paid", id)).await;
        assert_eq!(calls, 1);
        assert_eq!(world.account.counts().subprofiles["Orders"], 1);
        assert_eq!(
            world.account.find_subprofiles("Orders", "Status", "paid").len(),
            1
        );

        let gone = Work {
            remote_id: Some(id),
            ..absent(person(5, "Piet"))
        };
        assert_eq!(world.delivered(&gone).await, (receipt(id, false), 2));
        assert_eq!(
            world.delivered(&gone).await,
            (receipt(id, false), 1),
            "gone already: success"
        );
        assert_eq!(world.account.counts().profiles, 0);
    }
}

#[tokio::test]
async fn a_profile_that_somebody_removed_is_made_anew() {
    let world = World::usual().await;
    let old = world.id_of(&person(5, "Jan")).await;
    world.deliver(&order(42, "new", old)).await.unwrap();
    world.account.remove_profile(old.unsigned_abs());
    let known = Work {
        remote_id: Some(old),
        certainty: Certainty::Known,
        ..person(5, "Jan")
    };
    let (made, calls) = world.delivered(&known).await;
    assert!(
        made.is_created && calls == 1,
        "the engine learns that the children are gone"
    );
    let new = made.remote_id.unwrap();
    assert_ne!(new, old);
    let moved = Work {
        remote_parent: Some(old),
        ..order(42, "new", new)
    };
    assert!(world.deliver(&moved).await.unwrap().is_created);
    assert_eq!(
        world
            .account
            .duplicate_subprofiles("Orders", &["OrderID", "ShopID"]),
        0
    );
}

#[tokio::test]
async fn a_merge_moves_the_children_and_removes_the_other_profile() {
    let world = World::usual().await;
    let (stays, goes) = (
        world.id_of(&person(5, "Jan")).await,
        world.id_of(&person(9, "Jan")).await,
    );
    let child = world.id_of(&order(42, "new", goes)).await;
    world.deliver(&order(43, "new", goes)).await.unwrap();
    let moved = Work {
        remote_id: Some(child),
        remote_parent: Some(goes),
        ..order(42, "paid", stays)
    };
    let (made, calls) = world.delivered(&moved).await;
    assert!(made.is_created && made.remote_id.is_some_and(|id| id != child));
    assert_eq!(calls, 3, "make anew, look, remove");
    assert_eq!(
        world
            .delivered(&Work {
                remote_parent: Some(stays),
                ..moved.clone()
            })
            .await
            .1,
        1
    );
    let gone = Work {
        remote_id: Some(goes),
        ..absent(person(9, "Jan"))
    };
    world.deliver(&gone).await.unwrap();
    // The last child stood under the profile that is gone, and went with it.
    let late = Work {
        remote_parent: Some(goes),
        ..order(43, "new", stays)
    };
    world.deliver(&late).await.unwrap();
    let mut parents = Vec::new();
    world
        .account
        .for_each_subprofile("Orders", |row| parents.push(row.profile.unwrap()));
    assert_eq!(parents, [stays.unsigned_abs(); 2]);
    assert_eq!(world.account.counts().profiles, 1);
}

#[tokio::test]
async fn an_absent_subprofile_is_found_by_its_key_and_removed() {
    let world = World::usual().await;
    let parent = world.id_of(&person(5, "Jan")).await;
    world.deliver(&order(42, "new", parent)).await.unwrap();
    world.deliver(&order(43, "new", parent)).await.unwrap();
    let gone = absent(order(42, "new", parent));
    world.deliver(&gone).await.unwrap();
    world.deliver(&gone).await.unwrap();
    assert_eq!(world.account.counts().subprofiles["Orders"], 1);
    assert_eq!(world.account.find_subprofiles("Orders", "OrderID", "43").len(), 1);
}

#[tokio::test]
async fn a_lost_answer_and_a_retry_give_one_object() {
    for fault in [
        FaultKind::AnswerLost,
        FaultKind::ErrorAfter,
        FaultKind::DelayedGateway,
        FaultKind::ErrorBefore,
    ] {
        let world = World::usual().await;
        let parent = world.id_of(&person(1, "Anna")).await;
        for work in [person(5, "Jan"), order(42, "new", parent)] {
            world.account.fail_next(fault, 1);
            let error = world.deliver(&work).await.unwrap_err();
            assert!(
                matches!(error, ConnectorError::Uncertain(_)),
                "{fault:?}: {error}"
            );
            // The settle delay: what was put off is done before the next attempt looks.
            world.clock.advance(60_000_000);
            let done = world.deliver(&uncertain(work)).await.unwrap();
            assert_eq!(done.is_created, fault == FaultKind::ErrorBefore, "{fault:?}");
            assert!(done.remote_id.is_some());
        }
        assert_eq!(
            world.account.duplicates(DATABASE, &["RelationID"]),
            0,
            "{fault:?}"
        );
        assert_eq!(
            world
                .account
                .duplicate_subprofiles("Orders", &["OrderID", "ShopID"]),
            0,
            "{fault:?}"
        );
        assert_eq!(world.account.counts().profiles, 2);
    }
}

#[tokio::test]
async fn a_move_whose_answer_was_lost_leaves_no_copy_behind() {
    let world = World::usual().await;
    let (first, second, third) = (
        world.id_of(&person(1, "Anna")).await,
        world.id_of(&person(2, "Bert")).await,
        world.id_of(&person(3, "Carla")).await,
    );
    world.deliver(&order(42, "new", first)).await.unwrap();
    world.account.fail_next(FaultKind::AnswerLost, 1);
    let moved = Work {
        remote_parent: Some(first),
        ..order(42, "new", second)
    };
    world.deliver(&moved).await.unwrap_err();
    // Before the retry the wish changed again: now it belongs under the third.
    let again = uncertain(Work {
        remote_parent: Some(first),
        ..order(42, "new", third)
    });
    world.deliver(&again).await.unwrap();
    let mut parents = Vec::new();
    world
        .account
        .for_each_subprofile("Orders", |row| parents.push(row.profile.unwrap()));
    assert_eq!(parents, [third.unsigned_abs()]);
}

#[tokio::test]
async fn every_fault_has_its_failure() {
    let world = World::usual().await;
    let known = Work {
        remote_id: Some(world.id_of(&person(5, "Jan")).await),
        ..person(5, "Jan")
    };
    let throttled: Is = |error| matches!(error, ConnectorError::RateLimited { .. });
    let uncertain: Is = |error| matches!(error, ConnectorError::Uncertain(_));
    for (fault, is_right) in [
        (FaultKind::TooMany, throttled),
        (FaultKind::TooManyRetryAfter, throttled),
        (FaultKind::ErrorBefore, uncertain),
        (FaultKind::ErrorAfter, uncertain),
        (FaultKind::AnswerLost, uncertain),
        (FaultKind::ResetBefore, uncertain),
        (FaultKind::DelayedGateway, uncertain),
        (FaultKind::HtmlPage, uncertain),
        (FaultKind::Overload503, uncertain),
        (FaultKind::Overload504, uncertain),
    ] {
        world.account.fail_next(fault, 1);
        let error = world.deliver(&known).await.unwrap_err();
        assert!(is_right(&error), "{fault:?}: {error}");
        // As a read, none of them is uncertain: nothing was to be done.
        world.account.fail_next(fault, 1);
        let error = world
            .sink
            .look_up(&world.cx, known.kind, &known.key)
            .await
            .unwrap_err();
        assert!(!uncertain(&error), "{fault:?}: {error}");
    }
    world.deliver(&known).await.unwrap();
}

#[tokio::test]
async fn an_old_bearer_token_is_replaced_without_a_failure() {
    for v4_auth_400 in [false, true] {
        let world = World::ready(
            Options {
                v4_auth_400,
                ..Options::default()
            },
            ApiVersion::V4,
        )
        .await;
        world.account.expire_bearer_tokens();
        let (made, calls) = world.delivered(&person(5, "Jan")).await;
        assert!(made.is_created && calls == 2, "refused once, then done");
        world.account.set_access_tokens(&["another".to_owned()]);
        let error = world.deliver(&person(6, "Piet")).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unauthorised(_)), "{error}");
    }
    for version in [ApiVersion::V2, ApiVersion::V3] {
        let world = World::ready(Options::default(), version).await;
        world.account.set_access_tokens(&["another".to_owned()]);
        let error = world.deliver(&person(6, "Piet")).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unauthorised(_)), "{error}");
    }
}

#[tokio::test]
async fn an_owners_settings_that_refuse_us_are_recognised() {
    let world = World::usual().await;
    let at = At::Database(DATABASE);
    let spam = Restriction::NotContaining("Email".to_owned(), "example.org".to_owned());
    let id = world.id_of(&person(5, "Jan")).await;
    world.account.set_restrictions(at, vec![spam]).unwrap();
    let error = world.deliver(&person(6, "Piet")).await.unwrap_err();
    assert!(
        matches!(&error, ConnectorError::Rejected(text) if text.contains("restriction")),
        "{error}"
    );
    assert!(!error.to_string().contains("example.org"), "{error}");
    world.account.set_removal(at, Removal::Nothing).unwrap();
    let gone = Work {
        remote_id: Some(id),
        ..absent(person(5, "Jan"))
    };
    let error = world.deliver(&gone).await.unwrap_err();
    assert!(
        matches!(&error, ConnectorError::Rejected(text) if text.contains("removal behaviour")),
        "{error}"
    );
}

#[tokio::test]
async fn a_key_field_that_vanished_never_writes_to_everybody() {
    // An account that passes over unknown names in a filter: a write would hit every profile (copernica.md §2.3).
    let world = World::ready(
        Options {
            legacy_put_many: true,
            ..Options::default()
        },
        ApiVersion::V4,
    )
    .await;
    world.deliver(&person(5, "Jan")).await.unwrap();
    world.deliver(&person(6, "Piet")).await.unwrap();
    let at = At::Database(DATABASE);
    assert!(
        world.account.remove_field(at, "RelationID").is_err(),
        "setup locked it against the user interface"
    );
    world.account.unlock_field(at, "RelationID").unwrap();
    world.account.remove_field(at, "RelationID").unwrap();
    let again = sink_at(&world.base_url, ApiVersion::V4);
    let error = again.connect(&world.cx).await.unwrap_err();
    assert_eq!(error, ConnectorError::Structure("missing RelationID".to_owned()));
    assert!(again.deliver(&world.cx, &person(5, "Jan")).await.is_err());
    // The sink that connected earlier finds out when it looks.
    let error = world.deliver(&uncertain(person(5, "Kees"))).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Structure(_)), "{error}");
    assert!(
        world
            .account
            .find_profiles(DATABASE, "FirstName", "Kees")
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_read_back_agrees_with_what_was_delivered() {
    let world = World::usual().await;
    let work = person(5, "Jan");
    let id = world.id_of(&work).await;
    let child = order(42, "new", id);
    world.deliver(&child).await.unwrap();
    for work in [work, child] {
        let states = world.sink.look_up(&world.cx, work.kind, &work.key).await.unwrap();
        assert_eq!(states.len(), 1);
        let held: BTreeMap<&str, &str> = states[0]
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        for (field, (name, value)) in table(work.kind).fields.iter().zip(&work.fields) {
            assert!(
                agrees(field, value, held[&**name]),
                "{name}: {value:?} is {:?}",
                held[&**name]
            );
        }
        let email = if work.kind == ObjectKind::Relation {
            "Email"
        } else {
            "OrderNumber"
        };
        assert_eq!(held[email], text(&work, email));
    }
}

#[tokio::test]
async fn check_says_who_answers_what_is_there_and_what_cannot_be_tested() {
    let world = World::empty(Options::default(), ApiVersion::V4).await;
    let report = world.sink.check(&world.cx).await.unwrap();
    assert_eq!(report.identity, "sandbox (account 1)");
    assert!(report.is_good());
    let line = |subject: &str| report.lines.iter().find(|line| line.subject == subject).unwrap();
    assert!(line("databases: read").is_granted);
    assert_eq!(line("database webshop").note, "not there yet: setup creates it");
    assert!(
        line("uniqueness restriction")
            .note
            .contains("`block double values` on RelationID")
    );
    assert!(!line("profiles: write").is_tested && line("token").is_tested);
    world.account.set_access_tokens(&[]);
    world.account.expire_bearer_tokens();
    let error = world.sink.check(&world.cx).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unauthorised(_)), "{error}");
}

#[tokio::test]
async fn many_deliveries_at_once_make_one_object_each() {
    let world = Arc::new(World::usual().await);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=60 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let parent = world.id_of(&person(number, "Jan")).await;
            world.deliver(&order(number, "new", parent)).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let counts = world.account.counts();
    assert_eq!((counts.profiles, counts.subprofiles["Orders"]), (60, 60));
    assert_eq!(counts.calls_by_kind["PUT database/profiles"], 60);
}
