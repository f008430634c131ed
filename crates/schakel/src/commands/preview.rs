//! `schakel preview`: what a delivery would do now; nothing is sent.

use schakel_engine::report::{self, Change, Preview, Waiting};
use schakel_store::{OpenOptions, Store};
use serde::Serialize;

use super::open;
use crate::cli::PreviewArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::hook_paths::prepared;
use crate::output::Output;
use crate::wiring::{TENANT, fields_of_sinks};

/// A route of the configuration.
#[derive(Debug, Serialize)]
struct Route {
    from: String,
    to: String,
    /// Its connections for which `schakel setup` did not run to its end yet; the route is live when there are none.
    not_prepared: Vec<String>,
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    preview: &'a Preview,
    routes: &'a [Route],
}

/// Counts what is not in the sinks as it shall be, and shows samples.
pub(crate) async fn run(config: &Config, args: &PreviewArgs, output: Output) -> anyhow::Result<Exit> {
    let store = open(config, OpenOptions { is_read_only: true }).await?;
    let presets = fields_of_sinks(config, &store).await.map_err(Failure::from)?;
    let preview = report::preview(&store, TENANT, &presets, args.samples)
        .await
        .map_err(Failure::from)?;
    let routes = routes(config, &store).await?;
    store.close().await;
    output.value(&Shown {
        preview: &preview,
        routes: &routes,
    });
    let total: u64 = preview.changes.iter().map(|change| change.count).sum();
    output.line(format!(
        "{total} objects would be touched, {} are in the sinks as they shall be, {} were given up",
        preview.unchanged, preview.given_up
    ));
    if let Some(said) = incomplete(preview.waiting) {
        output.line(said);
    }
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
    say_rejected(&preview, output);
    let waiting = routes.iter().filter(|route| !route.not_prepared.is_empty());
    for route in waiting.clone() {
        output.line(format!(
            "not live: the route from \"{}\" to \"{}\"; `schakel setup` did not end well yet for {}",
            route.from,
            route.to,
            route.not_prepared.join(", ")
        ));
    }
    let is_good = preview.given_up == 0 && waiting.count() == 0;
    Ok(if is_good { Exit::Good } else { Exit::Findings })
}

/// Says what may still change the answer; `None` when nothing does.
fn incomplete(Waiting { events, fetches }: Waiting) -> Option<String> {
    (events + fetches > 0).then(|| {
        format!(
            "not counted: what follows from {events} events that wait to be applied and {fetches} things that wait to be fetched"
        )
    })
}

fn say_rejected(preview: &Preview, output: Output) {
    if preview.given_up == 0 {
        return;
    }
    output.line(format!(
        "\n{} would be rejected again as they are, and {} below them can't be made before:",
        preview.given_up, preview.held_back
    ));
    let rows = preview.rejected.iter().map(|line| {
        let samples: Vec<&str> = line.samples.iter().map(|sample| sample.key.as_str()).collect();
        vec![
            line.connection.clone(),
            line.kind.to_owned(),
            line.count.to_string(),
            line.error.clone(),
            samples.join("; "),
        ]
    });
    output.table(
        &["sink", "kind", "count", "what the sink said", "samples"],
        &rows.collect::<Vec<_>>(),
    );
    output.line("`schakel dead list` shows them one by one");
}

/// Tells of every route which of its connections were not prepared.
async fn routes(config: &Config, store: &Store) -> Result<Vec<Route>, Failure> {
    let mut routes = Vec::new();
    for route in &config.routes {
        let mut not_prepared = Vec::new();
        for name in [&route.from, &route.to] {
            if store.setting(&prepared(name)).await?.is_none() {
                not_prepared.push(name.clone());
            }
        }
        routes.push(Route {
            from: route.from.clone(),
            to: route.to.clone(),
            not_prepared,
        });
    }
    Ok(routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_makes_the_answer_incomplete() {
        let said = |events, fetches| incomplete(Waiting { events, fetches });
        assert_eq!(said(0, 0), None);
        assert!(said(3, 0).is_some_and(|said| said.contains("3 events that wait")));
        assert!(said(0, 2).is_some_and(|said| said.contains("2 things that wait")));
    }
}
