//! `schakel reconcile --profiles`: looks in the accounts now for profiles that somebody removed and imported again by hand.
//! The command looks itself, beside a hub or without one; a hub delivers what is to be delivered again.

use std::time::Duration;

use schakel_connectors::copernica::Copernica;
use schakel_core::connector::{Cx, Sink};
use schakel_core::delivery::DeliveryState;
use schakel_core::id::ConnectionId;
use schakel_engine::apply;
use schakel_engine::clock::SystemClock;
use schakel_engine::deliver::newcomers::{self, Account};
use schakel_engine::report::Presets;
use schakel_store::{OpenOptions, Store};
use serde::Serialize;

use super::explain::counted;
use super::numbers::{of_look, place};
use super::open;
use super::wait::hold::{Ailing, HoldUp};
use super::wait::{Awaited, End, How, Waited, wait};
use super::walks::gravest;
use crate::cli::ReconcileArgs;
use crate::config::{Config, guess};
use crate::error::{Exit, Failure, Side};
use crate::output::Output;
use crate::wiring::{self, Outside, Parts, TENANT, fields_of_sinks};

/// Most numbers of persons that are said one by one; JSON has all of them.
const NAMED: usize = 20;

/// How it ended at an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It was looked, and nobody waited for what follows.
    Looked,
    /// It was waited until nothing of it goes on by itself any more.
    Over,
    /// It was waited for a minute, and no hub runs that would deliver.
    NoHub,
    /// Something keeps the hub from delivering for longer than anybody waits.
    HeldUp,
    /// It took longer than the command was to wait.
    TimedOut,
    /// It could not be looked.
    Failed,
}

/// What was found in one account, and what became of it.
#[derive(Debug, Serialize)]
struct Found {
    connection: String,
    outcome: Outcome,
    /// The look before, in RFC 3339; `null` when there was none.
    looked_before: Option<String>,
    /// The numbers of those who were found under another id.
    relations: Vec<i64>,
    /// Deliveries of them and of what stands under them.
    deliveries: Under,
    /// What keeps the hub from delivering.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_up: Option<HoldUp>,
    failure: Option<serde_json::Value>,
    #[serde(skip)]
    id: Option<ConnectionId>,
}

/// How many deliveries stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Under {
    all: i64,
    delivered: i64,
    given_up: i64,
    /// Those that go on by themselves; what is in neither waits behind what was given up, or for a place.
    open: i64,
}

impl Under {
    fn of(states: &[(DeliveryState, i64)]) -> Self {
        let mut under = Self::default();
        for (state, count) in states {
            under.all += count;
            match state {
                DeliveryState::Clean => under.delivered += count,
                DeliveryState::Dead => under.given_up += count,
                DeliveryState::Ready | DeliveryState::Claimed | DeliveryState::Held => under.open += count,
                DeliveryState::Parent | DeliveryState::Unplaced => {}
            }
        }
        under
    }
}

/// Looks in each account that is meant; with `--wait` shows what was delivered again.
pub(super) async fn run(config: &Config, args: &ReconcileArgs, output: Output) -> anyhow::Result<Exit> {
    let Outside { sinks, cx, .. } = wiring::outside(Parts::of_config(config));
    let sinks = meant(sinks, args.which.connection.as_deref())?;
    let store = open(config, OpenOptions::default()).await?;
    let fields = fields_of_sinks(config, &store).await.map_err(Failure::from)?;
    let mut all = Vec::new();
    for (name, sink) in &sinks {
        let found = look(&store, &fields, (name, sink), &cx).await;
        let found = found.unwrap_or_else(|failure| {
            if !output.is_json() {
                output.failure(&failure);
            }
            Found::failed(name, &failure)
        });
        if found.outcome != Outcome::Failed {
            output.line(said(&found));
        }
        all.push(found);
    }
    let is_any = all.iter().any(|found| found.deliveries.open > 0);
    let is_hub_running = apply::is_served(&store, TENANT).await.map_err(Failure::from)?;
    if is_any && !is_hub_running {
        output.warning(&no_hub(args.wait.wait));
    }
    if args.wait.wait {
        all = follow(&store, all, args.wait.timeout, output).await?;
    }
    let exit = all.iter().map(exit_of).fold(Exit::Good, gravest);
    output.value(&serde_json::json!({ "profiles": all, "is_hub_running": is_hub_running }));
    store.close().await;
    Ok(exit)
}

/// Gives the accounts that are meant; all of them when none is named.
fn meant(
    mut sinks: Vec<(String, Copernica)>,
    name: Option<&str>,
) -> Result<Vec<(String, Copernica)>, Failure> {
    let Some(wanted) = name else { return Ok(sinks) };
    let known: Vec<String> = sinks.iter().map(|(name, _)| name.clone()).collect();
    sinks.retain(|(name, _)| name == wanted);
    if sinks.is_empty() {
        let words: Vec<&str> = known.iter().map(String::as_str).collect();
        let text = format!(
            "the configuration knows no account \"{wanted}\"{}",
            guess(wanted, &words)
        );
        return Err(Failure::usage("SCH-0106", text).hint(format!("it knows {}", known.join(", "))));
    }
    Ok(sinks)
}

/// Looks in one account.
async fn look(
    store: &Store,
    fields: &Presets,
    (name, sink): (&str, &Copernica),
    cx: &Cx,
) -> Result<Found, Failure> {
    let place = place(store, name).await?;
    let looked_before = newcomers::last_look(store, name).await?;
    let connected = sink.connect(cx).await;
    connected.map_err(|error| Failure::of_call(name, Side::Sink, error))?;
    let account = Account {
        place,
        sink,
        cx,
        preset: place.id.map(|id| fields.of(id)),
    };
    let looked = newcomers::look_now(&account).await;
    let relations = looked.map_err(|error| of_look(name, error))?;
    let mut found = Found {
        connection: name.to_owned(),
        outcome: Outcome::Looked,
        looked_before: looked_before.map(|at| at.to_string()),
        relations,
        deliveries: Under::default(),
        hold_up: None,
        failure: None,
        id: place.id,
    };
    found.count(store).await?;
    Ok(found)
}

impl Found {
    fn failed(name: &str, failure: &Failure) -> Self {
        Self {
            connection: name.to_owned(),
            outcome: Outcome::Failed,
            looked_before: None,
            relations: Vec::new(),
            deliveries: Under::default(),
            hold_up: None,
            failure: Some(failure.json()),
            id: None,
        }
    }

    /// Takes in how many of its deliveries stand where.
    async fn count(&mut self, store: &Store) -> Result<(), Failure> {
        if let Some(id) = self.id {
            let states = store.states_under(TENANT, id, &self.relations).await?;
            self.deliveries = Under::of(&states);
        }
        Ok(())
    }
}

/// Says what was found in an account.
fn said(found: &Found) -> String {
    let name = &found.connection;
    let before = match &found.looked_before {
        Some(at) => format!("since the look before, at {at}"),
        None => "so far".to_owned(),
    };
    if found.relations.is_empty() {
        return format!("{name}: no profile was imported again under another id {before}");
    }
    let numbers: Vec<String> = found
        .relations
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    let more = if found.relations.len() > NAMED {
        ", and more"
    } else {
        ""
    };
    let verb = if found.relations.len() == 1 { "was" } else { "were" };
    format!(
        "{name}: {} {verb} removed and imported again by hand {before} (RelationID {}{more}); with what belongs under them, {} \
         to be made again",
        counted(found.relations.len(), "profile"),
        numbers.join(", "),
        deliveries(found.deliveries.all),
    )
}

/// Writes `1 delivery`, `2 deliveries`.
fn deliveries(count: i64) -> String {
    match count {
        1 => "1 delivery".to_owned(),
        many => format!("{many} deliveries"),
    }
}

fn no_hub(is_waited: bool) -> String {
    let said = "no hub runs with this database, so nothing is delivered until `schakel serve` runs";
    if is_waited {
        format!("{said}; waiting a minute for it (Ctrl-C ends the waiting, what was found stays)")
    } else {
        said.to_owned()
    }
}

/// Says what became of what was found.
fn ended(found: &Found) -> String {
    let Under {
        all,
        delivered,
        given_up,
        ..
    } = found.deliveries;
    let mut said = format!(
        "{}: {delivered} of {} made again",
        found.connection,
        deliveries(all)
    );
    if given_up > 0 {
        said += &format!(", {given_up} given up (`schakel dead list` shows why)");
    }
    let left = all - delivered - given_up;
    match (found.outcome, left) {
        (_, ..=0) => {}
        (Outcome::NoHub, _) => said += &format!(", {left} wait for the next `schakel serve`"),
        (Outcome::HeldUp | Outcome::TimedOut, _) => {}
        _ => said += &format!(", {left} wait behind others or for a place (`schakel doctor` shows why)"),
    }
    said
}

fn exit_of(found: &Found) -> Exit {
    let Under { all, delivered, .. } = found.deliveries;
    match found.outcome {
        Outcome::Failed => Exit::Failed,
        Outcome::HeldUp | Outcome::TimedOut => Exit::Unended,
        Outcome::Over | Outcome::NoHub if delivered < all => Exit::Findings,
        _ => Exit::Good,
    }
}

/// Waits for the deliveries of what was found in each account, and says what became of them.
async fn follow(
    store: &Store,
    all: Vec<Found>,
    timeout: Option<Duration>,
    output: Output,
) -> Result<Vec<Found>, Failure> {
    let mut waited: Vec<Waited<Found>> = all.into_iter().map(Waited::new).collect();
    let how = How {
        clock: &SystemClock::new(),
        timeout,
        word: "delivered again",
        output,
    };
    wait(store, &mut waited, how, tokio::time::sleep).await?;
    let mut all = Vec::new();
    for mut one in waited {
        match &one.end {
            _ if one.what.outcome == Outcome::Failed => {}
            None | Some(End::Over) => one.what.outcome = Outcome::Over,
            Some(End::NoHub) => one.what.outcome = Outcome::NoHub,
            Some(End::TimedOut) => one.what.outcome = Outcome::TimedOut,
            Some(End::HeldUp(hold)) => {
                one.what.outcome = Outcome::HeldUp;
                one.what.hold_up = Some(hold.clone());
            }
        }
        if !one.what.relations.is_empty() {
            output.line(ended(&one.what));
        }
        one.say_end(output);
        all.push(one.what);
    }
    Ok(all)
}

impl Awaited for Found {
    type Mark = Under;

    fn name(&self) -> &str {
        &self.connection
    }

    async fn look(&mut self, store: &Store) -> Result<(), Failure> {
        self.count(store).await
    }

    async fn is_served(&self, store: &Store) -> Result<bool, Failure> {
        Ok(apply::is_served(store, TENANT).await?)
    }

    fn is_over(&self) -> bool {
        self.deliveries.open == 0
    }

    fn mark(&self) -> Under {
        self.deliveries
    }

    fn is_begun(&self) -> bool {
        true
    }

    async fn held_up(&self, _store: &Store, ailing: &Ailing) -> Result<Option<HoldUp>, Failure> {
        Ok(ailing.of(&self.connection).map(|(_, hold)| hold))
    }

    fn done(&self) -> (u64, u64) {
        let Under { all, delivered, .. } = self.deliveries;
        (delivered.unsigned_abs(), all.unsigned_abs())
    }

    fn place(&self) -> String {
        let Under { all, delivered, .. } = self.deliveries;
        format!("{delivered} of {} made again", deliveries(all))
    }

    fn left(&self) -> String {
        "the rest".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(relations: Vec<i64>, states: &[(DeliveryState, i64)]) -> Found {
        Found {
            connection: "mail".to_owned(),
            outcome: Outcome::Over,
            looked_before: None,
            relations,
            deliveries: Under::of(states),
            hold_up: None,
            failure: None,
            id: None,
        }
    }

    #[test]
    fn what_was_found_and_what_became_of_it_is_said() {
        use DeliveryState::{Clean, Dead, Parent};
        assert!(said(&found(Vec::new(), &[])).contains("no profile was imported again"));
        let good = found(vec![3], &[(Clean, 4)]);
        assert!(said(&good).contains("1 profile was") && said(&good).contains("RelationID 3)"));
        assert_eq!(ended(&good), "mail: 4 of 4 deliveries made again");
        assert_eq!(exit_of(&good), Exit::Good);
        let stuck = found((1..=30).collect(), &[(Clean, 1), (Dead, 1), (Parent, 2)]);
        assert!(said(&stuck).contains("20, and more") && said(&stuck).contains("4 deliveries"));
        assert!(ended(&stuck).contains("1 given up") && ended(&stuck).contains("2 wait behind"));
        assert_eq!(exit_of(&stuck), Exit::Findings);
    }
}
