//! Extra fields and collections beside the preset, in the account.

use std::collections::BTreeSet;

use schakel_connectors::copernica::ApiVersion;
use schakel_core::connector::{ConnectorError, Sink, StepState};
use schakel_core::preset::Preset;
use schakel_sandbox::copernica::Options;

use super::simulator::fields_of;
use super::sink_with;
use super::world::World;

/// The preset with all extras and the rows of carts.
fn everything() -> Preset {
    let all: Vec<String> = Preset::extras().map(str::to_owned).collect();
    let preset = Preset::bookerz().with_extras(&all).unwrap();
    preset.with_quote_rows().unwrap()
}

/// The fields that `everything` has and the preset has not: collection and name.
fn extra_fields() -> BTreeSet<(String, String)> {
    let names = |preset: &Preset| -> BTreeSet<(String, String)> {
        let tables = preset.tables.iter();
        let named = tables.flat_map(|table| {
            let collection = &table.collection;
            let fields = table.fields.iter();
            fields.map(move |field| (collection.clone(), field.name.to_string()))
        });
        named.collect()
    };
    &names(&everything()) - &names(&Preset::bookerz())
}

#[tokio::test]
async fn extras_are_made_locked_and_asked_for_only_where_they_are_on() {
    let world = World::usual().await;
    let extended = sink_with(&world.base_url, ApiVersion::V4, everything());
    let missing = extended.connect(&world.cx).await.unwrap_err();
    let ConnectorError::Structure(missing) = missing else {
        panic!("{missing}");
    };
    for name in ["BookerzHistory", "Orders.BookerzHistory", "Quotes.QuoteStatus"] {
        assert!(missing.contains(name), "{missing}");
    }
    world.sink.connect(&world.cx).await.unwrap();

    let steps = extended.setup(&world.cx).await.unwrap();
    let made = steps.iter().filter(|step| step.state == StepState::Created);
    let extra = extra_fields();
    // The collection of cart rows beside the fields.
    assert_eq!(made.count(), extra.len() + 1, "{steps:?}");
    let fields = fields_of(&world).await;
    for (collection, name) in &extra {
        let field = fields
            .iter()
            .find(|field| (&field[0], &field[1]) == (collection, name));
        assert_eq!(field.unwrap()[5], "true", "the lock of {collection}.{name}");
    }
    extended.connect(&world.cx).await.unwrap();
    let again = extended.setup(&world.cx).await.unwrap();
    assert!(
        again
            .iter()
            .all(|step| step.state == StepState::Kept && step.note.is_empty()),
        "{again:?}"
    );
}

#[tokio::test]
async fn extras_that_are_switched_off_again_stay_and_disturb_nobody() {
    let world = World::empty(Options::default(), ApiVersion::V4).await;
    let extended = sink_with(&world.base_url, ApiVersion::V4, everything());
    extended.setup(&world.cx).await.unwrap();
    let before = fields_of(&world).await;
    world.sink.connect(&world.cx).await.unwrap();
    let steps = world.sink.setup(&world.cx).await.unwrap();
    assert!(
        steps
            .iter()
            .all(|step| step.state == StepState::Kept && step.note.is_empty()),
        "{steps:?}"
    );
    assert_eq!(fields_of(&world).await, before);
    let checked = extended.check(&world.cx).await.unwrap();
    assert!(checked.is_good());
}
