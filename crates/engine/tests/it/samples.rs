//! Every sample webhook with its own headers and signature, through entrance, apply and delivery: what the account then
//! shows, as snapshots (the samples' origin: `crates/connectors/fixtures/lightspeed/ORIGIN.md`).

use std::collections::BTreeMap;
use std::sync::Arc;

use schakel_connectors::lightspeed::Lightspeed;
use schakel_core::preset::Preset;
use serde_json::{Value, json};

use crate::world::{DATABASE, SOURCE, World, lightspeed_settings};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../connectors/fixtures/lightspeed");

/// The secret that signed the samples.
const SECRET: &str = "fedcba9876543210fedcba9876543210";

/// The names of the sample webhooks, in order.
fn samples() -> Vec<String> {
    let entries = std::fs::read_dir(FOLDER).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| {
            Some(
                name.strip_prefix("webhook-delivery-")?
                    .strip_suffix(".json")?
                    .to_owned(),
            )
        })
        .collect();
    names.sort();
    names
}

/// A hub whose shop signs as the samples are signed, a day after them.
async fn world() -> World {
    let world = World::with(|hub| {
        let mut settings = serde_json::to_value(json!({
            "base_url": "https://shop.test/", "api_key": "0123456789abcdef0123456789abcdef", "api_secret": SECRET,
            "language": "nl",
        }))
        .unwrap();
        settings["shop_id"] = lightspeed_settings().shop_id.into();
        let source = hub.sources.get_mut(&SOURCE).unwrap();
        source.source = Arc::new(Lightspeed::new(serde_json::from_value(settings).unwrap()));
    })
    .await;
    world.clock.advance_ms(2 * 86_400_000);
    world
}

/// Sends the sample called `name` as it stands.
async fn send(world: &World, name: &str) {
    let text = std::fs::read_to_string(format!("{FOLDER}/webhook-delivery-{name}.json")).unwrap();
    let sample: Value = serde_json::from_str(&text).unwrap();
    let headers = sample["request"]["headers"].as_object().unwrap();
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(header, value)| (header.to_lowercase(), value.as_str().unwrap().to_owned()))
        .collect();
    let body = sample["request"]["body_raw"].as_str().unwrap().to_owned();
    let taken = world.verbatim(&headers, body.into_bytes()).await;
    taken.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
}

/// What the account shows: every field that holds something, by table; and what the inbox made of it.
async fn shown(world: &World) -> Value {
    let mut tables: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    for table in &Preset::bookerz().tables {
        let fields = table.fields.iter().map(|field| &*field.name);
        let mut rows: Vec<BTreeMap<String, String>> = Vec::new();
        let mut take = |get: &dyn Fn(&str) -> Option<String>| {
            let held = fields
                .clone()
                .filter_map(|name| Some((name.to_owned(), get(name)?)));
            rows.push(held.filter(|(_, value)| !value.is_empty()).collect());
        };
        if table.collection.is_empty() {
            world.copernica.for_each_profile(DATABASE, |view| {
                take(&|name| view.get(name).map(std::borrow::Cow::into_owned));
            });
        } else {
            world.copernica.for_each_subprofile(&table.collection, |view| {
                take(&|name| view.get(name).map(std::borrow::Cow::into_owned));
            });
        }
        rows.sort();
        let name = if table.collection.is_empty() {
            "profiles"
        } else {
            &table.collection
        };
        tables.insert(name.to_owned(), rows);
    }
    let inbox = world.inbox().await;
    json!({
        "account": tables,
        "inbox": { "applied": inbox.applied, "superseded": inbox.superseded, "quarantined": inbox.quarantined },
        "asked": world.asked(),
    })
}

#[tokio::test]
async fn every_sample_webhook_becomes_its_snapshot_in_the_account() {
    let names = samples();
    assert_eq!(names.len(), 16);
    for name in names {
        let mut world = world().await;
        send(&world, &name).await;
        world.run().await;
        insta::assert_json_snapshot!(name, shown(&world).await);
    }
}

#[tokio::test]
async fn all_sample_webhooks_together_are_one_story() {
    let mut world = world().await;
    for name in samples() {
        send(&world, &name).await;
        // Each a second time: a repeat changes nothing.
        send(&world, &name).await;
    }
    world.run_until_idle().await;
    world.assert_nothing_double();
    assert_eq!(world.inbox().await.waiting, 0);
    insta::assert_json_snapshot!("together", shown(&world).await["account"]);
}
