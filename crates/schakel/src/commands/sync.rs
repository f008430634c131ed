//! `schakel sync`: begins a sweep now, or fetches one checkout. The running hub does it.

use schakel_core::connector::Class;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Walk, sweep_span};
use schakel_engine::clock::SystemClock;
use schakel_store::rows::FetchRow;
use schakel_store::{OpenOptions, Store};
use serde_json::json;

use super::open;
use super::walks::{Ended, Shop, gravest, names, shops, wait};
use crate::cli::SyncArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// Begins a sweep of each shop; with `--wait` shows what it found.
pub(crate) async fn run(config: &Config, args: &SyncArgs, output: Output) -> anyhow::Result<Exit> {
    let shops = shops(config, &args.which)?;
    let store = open(config, OpenOptions::default()).await?;
    let now = SystemClock::new().now();
    let mut exit = Exit::Good;
    let mut begun = Vec::new();
    for shop in &shops.all {
        let connection = shop.id_or_new(&store).await?;
        if let Some(number) = args.checkout {
            let key = RecordKey::new(connection, RecordKind::Checkout, number);
            want(&store, key, now).await?;
            output.line(format!(
                "{}: checkout {number} is fetched by the running hub",
                shop.name()
            ));
            begun.push(json!({ "connection": shop.name(), "checkout": number }));
            continue;
        }
        let parts = shop.parts(Job::Sweep, &args.which)?;
        let known = store
            .walks(TENANT, Some(connection))
            .await
            .map_err(Failure::from)?;
        let walks = parts.iter().map(|part| {
            let last = known
                .iter()
                .find(|walk| walk.job == Job::Sweep && walk.part == *part);
            let mut span = sweep_span(last, now);
            // A later begin would leave a gap behind the sweep before.
            span.updated_from = span.updated_from.min(args.since.or(span.updated_from));
            Walk::new(connection, Job::Sweep, *part, span, now)
        });
        let walks: Vec<Walk> = walks.collect();
        store.begin_walks(TENANT, &walks).await.map_err(Failure::from)?;
        say_begun(shop, &walks, output);
        if args.wait {
            let ended = Ended {
                shop,
                connection,
                walks: wait(&store, connection, (Job::Sweep, &parts)).await?,
                since: now,
            };
            let (value, end) = ended.say(&store, output).await?;
            exit = gravest(exit, end);
            begun.push(value);
        } else {
            begun.push(json!({ "connection": shop.name(), "walks": walks }));
        }
    }
    output.value(&json!({ "sweeps": begun }));
    store.close().await;
    Ok(exit)
}

fn say_begun(shop: &Shop<'_>, walks: &[Walk], output: Output) {
    let parts: Vec<_> = walks.iter().map(|walk| walk.part).collect();
    let from = walks.iter().filter_map(|walk| walk.span.updated_from).min();
    let from = from.map_or_else(String::new, |from| format!(" since {from}"));
    output.line(format!(
        "{}: the running hub asks what changed{from}: {}",
        shop.name(),
        names(&parts)
    ));
}

async fn want(store: &Store, key: RecordKey, now: Timestamp) -> Result<(), Failure> {
    let wish = FetchRow {
        key,
        reason: "hint".to_owned(),
        due_at: now,
        attempts: 0,
        wanted: 0,
        class: Class::Live,
    };
    let mut tx = store.write().await?;
    tx.want_fetches(TENANT, &[wish]).await?;
    tx.commit().await?;
    Ok(())
}
