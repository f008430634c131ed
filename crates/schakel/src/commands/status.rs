//! `schakel status`: the hub in numbers, from the store; works beside a running hub.

use schakel_core::problem::Language;
use schakel_core::time::Clock;
use schakel_engine::budget::is_served;
use schakel_engine::clock::SystemClock;
use schakel_engine::report::{self, Probe, Status};
use schakel_store::{OpenOptions, Store};
use serde_json::json;

use super::open;
use super::walks::stopped_in_words;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// Prints the numbers; findings when something waits for a person or the sum is wrong.
pub(crate) async fn run(config: &Config, output: Output) -> anyhow::Result<Exit> {
    let store = open(config, OpenOptions { is_read_only: true }).await?;
    let now = SystemClock::new().now();
    let probe = Probe {
        configured: Some(config.names()),
        ..Probe::default()
    };
    let status = report::status(&store, TENANT, &probe, now)
        .await
        .map_err(Failure::from)?;
    let is_running = is_running(config, &store).await?;
    let mut value = serde_json::to_value(&status)?;
    value["is_hub_running"] = json!(is_running);
    output.value(&value);
    if !is_running {
        output.line("no hub runs with this database, so nothing moves until `schakel serve` runs");
    }
    say(&status, output);
    store.close().await;
    let is_stopped = !status.health.is_empty() || status.stopped_walks().next().is_some();
    let is_left = !status.left_waiting.is_empty() || !status.newer_waiting.is_empty();
    let needs_person =
        is_stopped || is_left || !status.adds_up || status.dead > 0 || status.inbox.quarantined > 0;
    Ok(if needs_person { Exit::Findings } else { Exit::Good })
}

/// Tells whether a hub runs that reads any of the shops.
async fn is_running(config: &Config, store: &Store) -> Result<bool, Failure> {
    let sources = config.sources();
    for row in store.connections(TENANT).await? {
        if sources.contains(&row.name) && is_served(store, row.id).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn say(status: &Status, output: Output) {
    let open: i64 = status.sinks.iter().map(|sink| sink.open).sum();
    output.line(format!(
        "{} events wait, {open} deliveries are open, {} set aside, {} given up",
        status.inbox.waiting, status.inbox.quarantined, status.dead
    ));
    say_ailing(status, output);
    if !status.adds_up {
        output.warning("the numbers of the inbox do not add up; run `schakel doctor`");
    }
    let head = [
        "connection",
        "received",
        "applied",
        "duplicate",
        "superseded",
        "quarantined",
        "waiting",
        "erased",
        "rejected",
    ];
    let rows = status.connections.iter().map(|line| {
        let c = &line.counts;
        let numbers = [
            c.received,
            c.applied,
            c.duplicate,
            c.superseded,
            c.quarantined,
            c.waiting,
            c.erased,
            c.rejected,
        ];
        std::iter::once(line.connection.clone())
            .chain(numbers.map(|n| n.to_string()))
            .collect()
    });
    output.table(&head, &rows.collect::<Vec<_>>());
    let rows = status.sinks.iter().flat_map(|sink| {
        sink.objects.iter().flat_map(|(kind, states)| {
            states.iter().map(|(state, count)| {
                vec![
                    sink.connection.clone(),
                    (*kind).to_owned(),
                    (*state).to_owned(),
                    count.to_string(),
                ]
            })
        })
    });
    output.table(&["sink", "kind", "state", "count"], &rows.collect::<Vec<_>>());
    output.line(format!(
        "{} persons, {} merged numbers, {} merges that wait for confirmation, {} things to fetch",
        status.people.living, status.people.aliases, status.people.unconfirmed, status.fetches_waiting
    ));
    say_carts(status, output);
    say_walks(status, output);
    say_watch(status, output);
    say_waiting(status, output);
}

/// Says through which connections nothing goes, why, and what to do.
fn say_ailing(status: &Status, output: Output) {
    for line in &status.health {
        output.line(format!(
            "ailing: \"{}\" {}, since {}, tried again at {}: {}",
            line.connection, line.text, line.since, line.next_at, line.detail
        ));
        output.line(format!("  {}", Failure::hint_of(line.reason)));
    }
}

/// Says how many carts nobody is known for.
fn say_carts(status: &Status, output: Output) {
    for line in &status.carts {
        let expired = line.expired_until.as_ref().map(|until| {
            let expired = line.expired;
            format!(", {expired} are expired (not changed since {until}; kept, and told as Expired when a person is known)")
        });
        output.line(format!(
            "{} carts of \"{}\" wait for a person of \"{}\"{}",
            line.waiting,
            line.connection,
            line.sink,
            expired.unwrap_or_default()
        ));
    }
}

/// Says how far the lists of each source were read.
fn say_walks(status: &Status, output: Output) {
    let at = |at: &Option<String>, part: Option<&str>| {
        let list = part.map_or_else(String::new, |part| format!(" ({part})"));
        at.as_deref().unwrap_or("never").to_owned() + &list
    };
    let rows = status.walks.iter().map(|line| {
        vec![
            line.connection.clone(),
            line.history_seen
                .map_or_else(|| "never begun".to_owned(), |seen| seen.to_string()),
            match line.history_uncounted {
                0 => line.history_expected.to_string(),
                lists => format!("{} and {lists} lists not counted yet", line.history_expected),
            },
            at(&line.swept_at, line.swept_part),
            at(&line.reconciled_at, line.reconciled_part),
            line.unexplained.to_string(),
        ]
    });
    let head = [
        "source",
        "history read",
        "of",
        "list swept longest ago",
        "list compared longest ago",
        "missed by webhooks",
    ];
    output.table(&head, &rows.collect::<Vec<_>>());
    for (connection, walk) in status.stopped_walks() {
        output.line(format!("stopped: {}", stopped_in_words(connection, walk)));
    }
}

/// Says whether webhooks come, and what the watch over them did.
fn say_watch(status: &Status, output: Output) {
    let at = |at: &Option<String>| at.clone().unwrap_or_else(|| "never".to_owned());
    let rows = status.watch.iter().map(|line| {
        vec![
            line.connection.clone(),
            at(&line.heard_at),
            at(&line.registered_at),
            line.mended.to_string(),
            line.silences.to_string(),
        ]
    });
    let head = [
        "webhooks of",
        "last webhook",
        "registrations in order",
        "mended after the first time",
        "suspicious silences",
    ];
    output.table(&head, &rows.collect::<Vec<_>>());
    for line in status.watch.iter().filter(|line| line.is_silent) {
        output.line(format!(
            "silence: no webhook of \"{}\" came for much longer than usual; what changed is read from the lists",
            line.connection
        ));
    }
}

/// Says what waits for a person, and which command shows it.
fn say_waiting(status: &Status, output: Output) {
    for left in &status.left_waiting {
        output.line(format!(
            "left waiting: {} x \"{}\" is not configured here; configure it again, or run a hub that knows it",
            left.events, left.connection
        ));
    }
    for newer in &status.newer_waiting {
        output.line(format!(
            "left waiting: {} x \"{}\" was written by a newer version; start that version",
            newer.events, newer.connection
        ));
    }
    for line in &status.quarantine {
        output.line(format!(
            "set aside: {} x {} ({})",
            line.count,
            line.text(Language::En),
            line.reason
        ));
    }
    if !status.quarantine.is_empty() {
        output.line("`schakel quarantine list` shows them, `schakel quarantine release` applies them again");
    }
    if status.dead > 0 {
        output.line("`schakel dead list` shows what was given up, `schakel dead redrive` sends it again");
    }
}
