//! `schakel setup`: prepares the outside. Permission report, structure in the sinks, webhooks in the shops.
//!
//! Every step can be repeated: what is there and right is kept.

use schakel_core::connector::{CheckReport, Cx, Registration, SetupStep, Sink, Source, StepState};
use schakel_store::{OpenOptions, Store};
use serde::Serialize;

use super::check::say_report;
use super::open;
use crate::config::Config;
use crate::error::{Exit, Failure, Side};
use crate::output::Output;
use crate::wiring::{self, Outside, Parts};

/// What was done at one connection.
#[derive(Debug, Default, Serialize)]
struct Done {
    connection: String,
    report: Option<CheckReport>,
    steps: Vec<SetupStep>,
    webhooks: Option<Registration>,
    failure: Option<serde_json::Value>,
}

/// Prepares every connection; a failure at one does not keep the others from being prepared.
pub(crate) async fn run(config: &Config, output: Output) -> anyhow::Result<Exit> {
    let store = open(config, OpenOptions::default()).await?;
    let Outside { sources, sinks, cx } = wiring::outside(Parts::of_config(config));
    let mut exit = Exit::Good;
    let mut all = Vec::new();
    for (name, sink) in &sinks {
        let mut done = Done {
            connection: name.clone(),
            ..Done::default()
        };
        let end = prepare_sink(name, sink, &cx, &mut done, output).await;
        all.push(ended(done, end, &mut exit, output));
    }
    for (name, source) in &sources {
        let mut done = Done {
            connection: name.clone(),
            ..Done::default()
        };
        let address = address(config, &store, name).await?;
        let end = prepare_source((name, source), &cx, address.as_deref(), &mut done, output).await;
        all.push(ended(done, end, &mut exit, output));
    }
    output.value(&serde_json::json!({ "connections": all }));
    store.close().await;
    Ok(exit)
}

/// Gives the address under which the shop shall call; `None` when nobody said where this machine is reached.
async fn address(config: &Config, store: &Store, name: &str) -> anyhow::Result<Option<String>> {
    let public = config.hub.hooks_address.trim_end_matches('/');
    if public.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!("{public}{}", wiring::hook_path(store, name).await?)))
}

async fn prepare_sink(
    name: &str,
    sink: &impl Sink,
    cx: &Cx,
    done: &mut Done,
    output: Output,
) -> Result<Exit, Failure> {
    let failed = |error| Failure::of_call(name, Side::Sink, error);
    let report = sink.check(cx).await.map_err(failed)?;
    say_report(name, &report, output);
    let is_good = report.is_good();
    done.report = Some(report);
    if !is_good {
        output.line("  the structure was not touched: the permissions above are needed first");
        return Ok(Exit::Findings);
    }
    done.steps = sink.setup(cx).await.map_err(failed)?;
    let count = |state| done.steps.iter().filter(|step| step.state == state).count();
    let (kept, created) = (count(StepState::Kept), count(StepState::Created));
    output.line(format!(
        "  structure: {created} created, {kept} were there and right"
    ));
    for step in done
        .steps
        .iter()
        .filter(|step| step.state == StepState::Differs || !step.note.is_empty())
    {
        let word = if step.state == StepState::Differs {
            "DIFFERS"
        } else {
            "note"
        };
        output.line(format!("  {word:<8} {}: {}", step.subject, step.note));
    }
    Ok(if count(StepState::Differs) > 0 {
        Exit::Findings
    } else {
        Exit::Good
    })
}

async fn prepare_source(
    (name, source): (&str, &impl Source),
    cx: &Cx,
    address: Option<&str>,
    done: &mut Done,
    output: Output,
) -> Result<Exit, Failure> {
    let failed = |error| Failure::of_call(name, Side::Source, error);
    let report = source.check(cx).await.map_err(failed)?;
    say_report(name, &report, output);
    let is_good = report.is_good();
    done.report = Some(report);
    let Some(address) = address else {
        output.line("  webhooks: not registered, since `hub.hooks_address` does not say where the shop reaches this hub");
        return Ok(Exit::Findings);
    };
    let webhooks = source.register(cx, address).await.map_err(failed)?;
    let Registration {
        kept,
        created,
        removed,
        foreign,
    } = webhooks;
    output.line(format!(
        "  webhooks: {created} created, {kept} were there and right, {removed} duplicates removed, {foreign} of other programs left alone"
    ));
    done.webhooks = Some(webhooks);
    Ok(if is_good { Exit::Good } else { Exit::Findings })
}

fn ended(mut done: Done, end: Result<Exit, Failure>, exit: &mut Exit, output: Output) -> Done {
    match end {
        Ok(Exit::Findings) if *exit == Exit::Good => *exit = Exit::Findings,
        Ok(_) => {}
        Err(failure) => {
            if !output.is_json() {
                output.failure(&failure);
            }
            *exit = Exit::Failed;
            done.failure = Some(failure.json());
        }
    }
    done
}
