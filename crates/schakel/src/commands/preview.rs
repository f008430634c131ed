//! `schakel preview`: what a delivery would do now; nothing is sent.

use schakel_core::preset::Preset;
use schakel_engine::report::{self, Change};
use schakel_store::OpenOptions;

use super::open;
use crate::cli::PreviewArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// Counts what is not in the sinks as it shall be, and shows samples.
pub(crate) async fn run(config: &Config, args: &PreviewArgs, output: Output) -> anyhow::Result<Exit> {
    let store = open(config, OpenOptions { is_read_only: true }).await?;
    let preset = Preset::bookerz();
    let preview = report::preview(&store, TENANT, &preset, args.samples)
        .await
        .map_err(Failure::from)?;
    store.close().await;
    output.value(&preview);
    let total: u64 = preview.changes.iter().map(|change| change.count).sum();
    output.line(format!(
        "{total} objects would be touched, {} are in the sinks as they shall be, {} were given up",
        preview.unchanged, preview.given_up
    ));
    let rows = preview.changes.iter().map(|change| {
        let word = match change.change {
            Change::Create => "create",
            Change::Update => "update",
            Change::Delete => "delete",
        };
        let samples: Vec<&str> = change.samples.iter().map(|sample| sample.key.as_str()).collect();
        let count = change.count.to_string();
        vec![
            change.connection.clone(),
            change.kind.to_owned(),
            word.to_owned(),
            count,
            samples.join("; "),
        ]
    });
    output.table(
        &["sink", "kind", "change", "count", "samples"],
        &rows.collect::<Vec<_>>(),
    );
    Ok(Exit::Good)
}
