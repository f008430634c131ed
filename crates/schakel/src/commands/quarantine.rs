//! `schakel quarantine`: events that were set aside. Shows what is wrong with them; what they say only when asked.

use schakel_core::id::EventId;
use schakel_engine::report::{self, Aside};
use schakel_store::rows::QuarantineFilter;
use schakel_store::{OpenOptions, Store};
use serde_json::json;

use super::{connection_id, open};
use crate::cli::{QuarantineArgs, QuarantineCommand};
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// Does what was asked; a list with something in it, and a release of nothing, are findings.
pub(crate) async fn run(config: &Config, command: QuarantineCommand, output: Output) -> anyhow::Result<Exit> {
    let is_read_only = !matches!(command, QuarantineCommand::Release { .. });
    let store = open(config, OpenOptions { is_read_only }).await?;
    let exit = match command {
        QuarantineCommand::List {
            filter,
            limit,
            offset,
        } => {
            let filter = meant(&store, filter, None).await?;
            list(&store, &filter, (limit, offset), output).await?
        }
        QuarantineCommand::Show { event, content } => show(&store, EventId(event), content, output).await?,
        QuarantineCommand::Release { events, filter, .. } => {
            let events: Vec<EventId> = events.into_iter().map(EventId).collect();
            let events = (!events.is_empty()).then_some(events);
            let filter = meant(&store, filter, events).await?;
            release(&store, &filter, output).await?
        }
    };
    store.close().await;
    Ok(exit)
}

async fn meant(
    store: &Store,
    args: QuarantineArgs,
    events: Option<Vec<EventId>>,
) -> Result<QuarantineFilter, Failure> {
    let connection = match &args.connection {
        Some(name) => Some(connection_id(store, name).await?),
        None => None,
    };
    Ok(QuarantineFilter {
        events,
        reason: args.reason,
        connection,
    })
}

async fn list(
    store: &Store,
    filter: &QuarantineFilter,
    (limit, offset): (usize, usize),
    output: Output,
) -> Result<Exit, Failure> {
    let found = report::quarantine(store, TENANT, filter, limit, offset).await?;
    output.value(&json!({ "events": found }));
    if found.is_empty() {
        let all = *filter == QuarantineFilter::default() && offset == 0;
        output.line(if all {
            "nothing was set aside"
        } else {
            "nothing that was set aside fits"
        });
        return Ok(Exit::Good);
    }
    let rows = found.iter().map(|aside| {
        vec![
            aside.event.clone(),
            aside.connection.clone(),
            about(aside),
            aside.received_at.clone(),
            aside.reason.clone(),
            aside.text.clone(),
        ]
    });
    output.table(
        &["event", "connection", "about", "received", "reason", "meaning"],
        &rows.collect::<Vec<_>>(),
    );
    if found.len() == limit {
        let next = offset + limit;
        output.line(format!(
            "there may be more: `--offset {next}` shows the next ones"
        ));
    }
    output.line("`schakel quarantine show EVENT` shows one, `schakel quarantine release` applies them again");
    Ok(Exit::Findings)
}

fn about(aside: &Aside) -> String {
    if aside.remote_id == 0 {
        aside.about.clone()
    } else {
        format!("{} {}", aside.about, aside.remote_id)
    }
}

async fn show(store: &Store, event: EventId, content: bool, output: Output) -> Result<Exit, Failure> {
    let filter = QuarantineFilter {
        events: Some(vec![event]),
        ..QuarantineFilter::default()
    };
    let Some(aside) = report::quarantine(store, TENANT, &filter, 1, 0).await?.pop() else {
        let text = format!("no event {event} is set aside");
        return Err(Failure::usage("SCH-0106", text).hint("`schakel quarantine list` shows those that are"));
    };
    let body = if content {
        let row = store.read_event(TENANT, event).await?;
        row.map(|row| String::from_utf8_lossy(&row.event.body).into_owned())
    } else {
        None
    };
    let mut value = json!(aside);
    if let Some(body) = &body {
        value["content"] = json!(body);
    }
    output.value(&value);
    output.line(format!(
        "{} came from \"{}\" as {} at {}, about {}, {} bytes",
        aside.event,
        aside.connection,
        aside.origin,
        aside.received_at,
        about(&aside),
        aside.body_bytes
    ));
    output.line(format!("set aside: {} ({})", aside.text, aside.reason));
    let rows = aside
        .problems
        .iter()
        .map(|wrong| vec![wrong.field.clone(), wrong.code.clone(), wrong.text.clone()]);
    output.table(&["where", "code", "meaning"], &rows.collect::<Vec<_>>());
    match body {
        Some(body) => output.line(body),
        None => output.line("`--content` prints what it says"),
    }
    Ok(Exit::Findings)
}

async fn release(store: &Store, filter: &QuarantineFilter, output: Output) -> Result<Exit, Failure> {
    let released = store.release(TENANT, filter).await?;
    output.value(&json!({ "released": released }));
    output.line(match released {
        0 => "nothing that was set aside fits, so nothing was released".to_owned(),
        1 => "1 event was released and is applied by the running hub, or at its next start".to_owned(),
        many => {
            format!("{many} events were released and are applied by the running hub, or at its next start")
        }
    });
    Ok(if released == 0 { Exit::Findings } else { Exit::Good })
}
