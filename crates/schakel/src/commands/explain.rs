//! `schakel explain`: one person, with the reasons. Shows personal data of that person only.

use schakel_core::delivery::Wish;
use schakel_engine::report::{self, Because, Explained, Reader, SinkView};
use schakel_store::OpenOptions;

use super::open;
use crate::cli::ExplainArgs;
use crate::config::{Config, Newsletter};
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::{TENANT, fields_of_sinks};

/// Explains whom the argument names; nobody is a finding.
pub(crate) async fn run(config: &Config, args: &ExplainArgs, output: Output) -> anyhow::Result<Exit> {
    let store = open(config, OpenOptions { is_read_only: true }).await?;
    let presets = fields_of_sinks(config, &store).await.map_err(Failure::from)?;
    let is_unconfirmed_enough = config
        .routes
        .iter()
        .any(|route| route.newsletter == Newsletter::Subscribed);
    let reader = Reader {
        store: &store,
        tenant: TENANT,
        presets: &presets,
        is_unconfirmed_enough,
    };
    let found = report::explain(reader, &args.who, args.events)
        .await
        .map_err(Failure::from)?;
    output.value(&found);
    if found.is_empty() {
        output.line("the hub knows nobody by that address or number");
    }
    for person in &found {
        say(person, output);
    }
    store.close().await;
    Ok(if found.is_empty() {
        Exit::Findings
    } else {
        Exit::Good
    })
}

fn say(person: &Explained, output: Output) {
    output.line(sentence(person));
    if person.is_unconfirmed {
        output.line("Two accounts of one shop met here; no sink hears of it until the shop confirmed both.");
    }
    output.line(consent(person));
    for sink in &person.sinks {
        output.line(of_sink(sink));
    }
    let rows = person.members.iter().map(|member| {
        let state = if member.is_deleted { "gone" } else { "living" };
        let number = member.remote_id.to_string();
        vec![
            member.connection.clone(),
            member.class.to_owned(),
            number,
            member.keys.join(" "),
            state.to_owned(),
        ]
    });
    output.line("\nRecords:");
    output.table(
        &["connection", "record", "id", "keys", "state"],
        &rows.collect::<Vec<_>>(),
    );
    say_carts(person, output);
    if !person.merges.is_empty() {
        output.line("\nMerges and splits:");
    }
    for merge in &person.merges {
        let how = if merge.key.is_empty() {
            String::new()
        } else {
            format!(" by {}", merge.key)
        };
        let verb = if merge.kind == "merge" {
            "took in"
        } else {
            "parted from"
        };
        output.line(format!(
            "{} relation {} {verb} relation {}{how}: {} in {}",
            merge.at, merge.relation, merge.other, merge.record, merge.event
        ));
    }
    let rows = person.events.iter().map(|event| {
        vec![
            event.at.clone(),
            event.origin.to_owned(),
            event.about.clone(),
            event.remote_id.to_string(),
            event.state.to_owned(),
            event.problems.join(", "),
            event.event.clone(),
        ]
    });
    output.line("\nEvents, newest first:");
    output.table(
        &["received", "came as", "about", "id", "state", "problems", "event"],
        &rows.collect::<Vec<_>>(),
    );
    if !person.unreadable.is_empty() {
        output.warning(&format!(
            "these events can't be read, they are damaged or of a newer version: {}",
            person.unreadable.join(", ")
        ));
    }
}

/// Says which carts there are, and since when those are too old that are.
fn say_carts(person: &Explained, output: Output) {
    if person.carts.is_empty() {
        return;
    }
    let rows = person.carts.iter().map(|cart| {
        let expired = cart.expired_at.iter();
        let expired: Vec<String> = expired.map(|(sink, at)| format!("{sink}: {at}")).collect();
        vec![
            cart.connection.clone(),
            cart.remote_id.to_string(),
            cart.changed_at.clone().unwrap_or_default(),
            expired.join(", "),
        ]
    });
    output.line("\nCarts, newest first (one that an order closed is Ordered, however old):");
    let head = ["connection", "cart", "last changed", "expired since"];
    output.table(&head, &rows.collect::<Vec<_>>());
}

/// Says who it is and why it is one person.
fn sentence(person: &Explained) -> String {
    let name = if person.name.is_empty() {
        "without a name".to_owned()
    } else {
        person.name.clone()
    };
    let email = if person.email.is_empty() {
        "no e-mail address"
    } else {
        &person.email
    };
    let led = person
        .asked_number
        .map(|number| format!(" (relation {number} was merged into it)"))
        .unwrap_or_default();
    let mut keys: Vec<&str> = person
        .members
        .iter()
        .flat_map(|member| &member.keys)
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    let shared: Vec<&str> = keys
        .chunk_by(|a, b| a == b)
        .filter(|same| same.len() > 1)
        .map(|same| same[0])
        .collect();
    let why = match (person.members.len(), shared.is_empty()) {
        (1, _) => "one record speaks of this person".to_owned(),
        (records, false) => format!("{records} records share {}", shared.join(" and ")),
        (records, true) => format!("{records} records belong to it"),
    };
    let things: Vec<String> = person
        .things
        .iter()
        .map(|(kind, count)| counted(*count, kind))
        .collect();
    let things = if things.is_empty() {
        "nothing".to_owned()
    } else {
        things.join(", ")
    };
    format!(
        "Relation {}{led} is {name}, {email}: {why}. It has {things}.",
        person.relation
    )
}

/// Writes `1 order`, `2 order rows`.
fn counted(count: usize, kind: &str) -> String {
    let word = kind.replace('_', " ");
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {word}{ending}")
}

fn consent(person: &Explained) -> String {
    let verdict = if person.newsletter { "Yes" } else { "No" };
    let why = match &person.newsletter_because {
        Because::NoSubscription => "there is no subscription".to_owned(),
        Because::Subscribed {
            subscription,
            is_confirmed: true,
        } => format!("subscription {subscription} is confirmed"),
        Because::Subscribed {
            subscription,
            is_confirmed: false,
        } => {
            format!("subscription {subscription} counts without confirmation (newsletter = \"subscribed\")")
        }
        Because::Unconfirmed { subscription } => format!("subscription {subscription} was never confirmed"),
        Because::Ended { subscription, at } => {
            format!("subscription {subscription} ended at {at}, and no confirmed one is younger")
        }
    };
    format!("Newsletter: {verdict}, since {why}.")
}

fn of_sink(sink: &SinkView) -> String {
    let profile = sink
        .remote_id
        .map_or_else(|| "no profile yet".to_owned(), |id| format!("profile {id}"));
    let shall = match (sink.wish, sink.is_confirmed) {
        (Wish::Present, true) => "holds what it shall".to_owned(),
        (Wish::Present, false) => format!("is to be brought up to date ({})", sink.state),
        (Wish::Absent, true) => "is gone, as it shall".to_owned(),
        (Wish::Absent, false) => format!("is to be removed ({})", sink.state),
    };
    let below: Vec<String> = sink
        .below
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let below = if below.is_empty() {
        String::new()
    } else {
        format!("; below it: {}", below.join(", "))
    };
    let last = sink.attempts.first().map(|attempt| {
        format!(
            "; last attempt {}: {} {}",
            attempt.at, attempt.outcome, attempt.error
        )
    });
    format!(
        "{}: {profile} {shall}{below}{}.",
        sink.connection,
        last.unwrap_or_default().trim_end()
    )
}
