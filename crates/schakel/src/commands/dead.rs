//! `schakel dead`: deliveries that were given up. Names objects by their numbers, never by what is in them.

use schakel_core::id::{ConnectionId, DeliveryId};
use schakel_core::time::Clock;
use schakel_engine::clock::SystemClock;
use schakel_engine::report::{self, Presets};
use schakel_store::rows::DeadFilter;
use schakel_store::{OpenOptions, Store};
use serde_json::json;

use super::{connection_id, open};
use crate::cli::{DeadArgs, DeadCommand};
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::{TENANT, fields_of_sinks};

/// Attempts of one delivery that are shown.
const ATTEMPTS: usize = 20;

/// Does what was asked; a list with something in it, and a redrive of nothing, are findings.
pub(crate) async fn run(config: &Config, command: DeadCommand, output: Output) -> anyhow::Result<Exit> {
    let is_read_only = !matches!(command, DeadCommand::Redrive { .. });
    let store = open(config, OpenOptions { is_read_only }).await?;
    let exit = match command {
        DeadCommand::List { filter, limit } => {
            let meant = meant(&store, &filter, None).await?;
            let fields = fields_of_sinks(config, &store).await.map_err(Failure::from)?;
            list(&store, &fields, &meant, limit, output).await?
        }
        DeadCommand::Show { delivery } => {
            let fields = fields_of_sinks(config, &store).await.map_err(Failure::from)?;
            show(&store, &fields, DeliveryId(delivery), output).await?
        }
        DeadCommand::Redrive {
            deliveries, filter, ..
        } => {
            let ids: Vec<DeliveryId> = deliveries.into_iter().map(DeliveryId).collect();
            let meant = meant(&store, &filter, (!ids.is_empty()).then_some(ids)).await?;
            redrive(&store, &meant, output).await?
        }
    };
    store.close().await;
    Ok(exit)
}

/// A sink, or all, and what is meant of it.
type Meant = (Option<ConnectionId>, DeadFilter);

async fn meant(
    store: &Store,
    args: &DeadArgs,
    deliveries: Option<Vec<DeliveryId>>,
) -> Result<Meant, Failure> {
    let sink = match &args.sink {
        Some(name) => Some(connection_id(store, name).await?),
        None => None,
    };
    let filter = DeadFilter {
        deliveries,
        kind: args.kind,
        due_at: SystemClock::new().now(),
    };
    Ok((sink, filter))
}

async fn list(
    store: &Store,
    fields: &Presets,
    (sink, filter): &Meant,
    limit: usize,
    output: Output,
) -> Result<Exit, Failure> {
    let found = report::dead(store, TENANT, fields, (*sink, filter), limit).await?;
    output.value(&json!({ "deliveries": found }));
    if found.is_empty() {
        let all = sink.is_none() && filter.kind.is_none();
        output.line(if all {
            "nothing was given up"
        } else {
            "nothing that was given up fits"
        });
        return Ok(Exit::Good);
    }
    let rows = found.iter().map(|dead| {
        vec![
            dead.delivery.clone(),
            dead.sink.clone(),
            dead.kind.to_owned(),
            dead.key.clone(),
            dead.at.clone(),
            dead.error.clone(),
        ]
    });
    output.table(
        &[
            "delivery",
            "sink",
            "kind",
            "object",
            "given up",
            "what the sink said",
        ],
        &rows.collect::<Vec<_>>(),
    );
    if found.len() == limit {
        output.line("there may be more: `--limit` shows more of them");
    }
    output.line("`schakel dead show DELIVERY` shows one, `schakel dead redrive` delivers them again");
    Ok(Exit::Findings)
}

async fn show(
    store: &Store,
    fields: &Presets,
    delivery: DeliveryId,
    output: Output,
) -> Result<Exit, Failure> {
    let found = report::dead_one(store, TENANT, fields, delivery, ATTEMPTS).await?;
    let Some(dead) = found else {
        let text = format!("no delivery {delivery} was given up");
        return Err(Failure::usage("SCH-0106", text).hint("`schakel dead list` shows those that were"));
    };
    output.value(&dead);
    output.line(format!(
        "{}: {} {} in \"{}\" was given up at {}",
        dead.delivery, dead.kind, dead.key, dead.sink, dead.at
    ));
    if !dead.error.is_empty() {
        output.line(format!("the sink said: {}", dead.error));
    }
    let rows = dead.attempts.iter().map(|attempt| {
        vec![
            attempt.started_at.clone(),
            attempt.ended_at.clone().unwrap_or_default(),
            attempt.outcome.clone(),
            attempt.calls.to_string(),
            attempt.error.clone(),
        ]
    });
    output.table(
        &["began", "ended", "outcome", "calls", "what the sink said"],
        &rows.collect::<Vec<_>>(),
    );
    Ok(Exit::Findings)
}

async fn redrive(store: &Store, (sink, filter): &Meant, output: Output) -> Result<Exit, Failure> {
    let mut redriven = 0;
    for row in store.connections(TENANT).await? {
        if sink.is_none_or(|sink| sink == row.id) {
            redriven += store.redrive(TENANT, row.id, filter).await?;
        }
    }
    output.value(&json!({ "redriven": redriven }));
    output.line(match redriven {
        0 => "nothing that was given up fits, so nothing was redriven".to_owned(),
        1 => "1 delivery was redriven and is sent by the running hub, or at its next start".to_owned(),
        many => {
            format!("{many} deliveries were redriven and are sent by the running hub, or at its next start")
        }
    });
    Ok(if redriven == 0 { Exit::Findings } else { Exit::Good })
}
