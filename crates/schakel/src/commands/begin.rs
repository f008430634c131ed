//! What `sync` and `reconcile` share: something begins at each shop, the hub does it, and whoever waits is told how far it
//! is, and that nothing happens while no hub runs.

use schakel_core::connector::Part;
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;
use schakel_core::walk::Job;
use schakel_engine::budget::is_served;
use schakel_engine::clock::SystemClock;
use schakel_store::{OpenOptions, Store};
use serde_json::{Value, json};

use super::open;
use super::wait::lists::Lists;
use super::wait::{End, How, Waited, wait};
use super::walks::{Ended, Shop, gravest, shops, word};
use crate::cli::{WaitArgs, WhichArgs};
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;

/// What is to begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    /// At which shops and of which parts.
    pub which: &'a WhichArgs,
    /// The job whose walks are waited for.
    pub job: Job,
    /// Whether the command waits for their end, and how long.
    pub wait: WaitArgs,
    /// The name of the list in JSON.
    pub list: &'a str,
}

/// What began at one shop.
pub(super) struct Begun {
    /// What a person is told.
    pub said: String,
    /// What a program is told, beside the name of the shop.
    pub value: Value,
    /// The walks that are to come to their end.
    pub parts: Vec<Part>,
    /// When they began: earlier findings are not theirs.
    pub since: Timestamp,
    /// How the command ends when nobody waits.
    pub exit: Exit,
}

/// What began at one shop, and whether a hub runs that goes on with it.
struct At<'s> {
    shop: &'s Shop<'s>,
    connection: ConnectionId,
    begun: Begun,
    is_running: bool,
}

/// Begins `task` at each shop that is meant, then waits for all of them with `--wait`, and shows what they found.
pub(super) async fn at_each_shop(
    config: &Config,
    task: Task<'_>,
    begin: impl AsyncFn(&Shop<'_>, ConnectionId, &Store) -> Result<Begun, Failure>,
    output: Output,
) -> anyhow::Result<Exit> {
    let shops = shops(config, task.which)?;
    let store = open(config, OpenOptions::default()).await?;
    let mut begun_at = Vec::new();
    for shop in &shops.all {
        let connection = shop.id_or_new(&store).await?;
        let begun = begin(shop, connection, &store).await?;
        output.line(format!("{}: {}", shop.name(), begun.said));
        begun_at.push(At {
            shop,
            connection,
            begun,
            is_running: is_served(&store, connection).await?,
        });
    }
    let at_shops: Vec<Hub<'_>> = begun_at.iter().map(|at| at.hub(task.wait.wait)).collect();
    if let Some(said) = no_hub(&at_shops) {
        output.warning(&said);
    }
    let waited_at = begun_at.iter().filter(|at| at.hub(task.wait.wait).is_waited);
    let waited = |at: &At<'_>| {
        let meant = (task.job, at.begun.parts.clone());
        Waited::new(Lists::new(at.shop, at.connection, meant))
    };
    let mut waiting: Vec<Waited<Lists>> = waited_at.map(waited).collect();
    let how = How {
        clock: &SystemClock::new(),
        timeout: task.wait.timeout,
        word: word(task.job),
        output,
    };
    wait(&store, &mut waiting, how, tokio::time::sleep).await?;
    if waiting.iter().any(|one| one.end == Some(End::NoHub)) {
        output.warning("no hub came; what was begun waits in the database for the next `schakel serve`");
    }
    let mut exit = Exit::Good;
    let mut all = Vec::new();
    for at in begun_at {
        let own = waiting
            .iter()
            .position(|one| one.what.connection == at.connection);
        let own = own.map(|own| waiting.swap_remove(own));
        let (connection, is_running) = (at.shop.name().to_owned(), at.is_running);
        let (mut value, end) = match own {
            Some(own) => ended(&store, at, own, output).await?,
            None => (at.begun.value, at.begun.exit),
        };
        exit = gravest(exit, end);
        value["connection"] = json!(connection);
        value["is_hub_running"] = json!(is_running);
        all.push(value);
    }
    output.value(&json!({ task.list: all }));
    store.close().await;
    Ok(exit)
}

impl At<'_> {
    fn hub(&self, is_waited: bool) -> Hub<'_> {
        Hub {
            shop: self.shop.name(),
            is_running: self.is_running,
            is_waited: is_waited && !self.begun.parts.is_empty(),
        }
    }
}

/// Whether a hub goes on with what began at a shop, and whether somebody waits for that.
pub(super) struct Hub<'s> {
    /// The name of the shop.
    pub shop: &'s str,
    /// Whether a hub reads it.
    pub is_running: bool,
    /// Whether the command waits for it.
    pub is_waited: bool,
}

/// What is said when no hub runs that would go on with what began, at all or at some of the shops.
pub(super) fn no_hub(shops: &[Hub<'_>]) -> Option<String> {
    let without: Vec<&Hub<'_>> = shops.iter().filter(|hub| !hub.is_running).collect();
    if without.is_empty() {
        return None;
    }
    let mut said = if without.len() == shops.len() {
        "no hub runs with this database, so nothing is read until `schakel serve` runs".to_owned()
    } else {
        let names: Vec<&str> = without.iter().map(|hub| hub.shop).collect();
        let names = names.join(", ");
        format!("no hub that runs with this database reads {names}, so nothing is read there until one does")
    };
    if without.iter().any(|hub| hub.is_waited) {
        said += "; waiting a minute for it (Ctrl-C ends the waiting, what was begun stays)";
    }
    Some(said)
}

/// Says how waiting for what began at one shop ended.
async fn ended(
    store: &Store,
    at: At<'_>,
    waited: Waited<Lists>,
    output: Output,
) -> Result<(Value, Exit), Failure> {
    waited.say_end(output);
    let early = waited.end.as_ref().and_then(End::exit);
    let (mut value, exit) = match early {
        Some(exit) => (json!({ "walks": waited.what.walks }), exit),
        None => {
            let ended = Ended {
                shop: at.shop,
                connection: at.connection,
                walks: waited.what.walks.clone(),
                since: at.begun.since,
            };
            ended.say(store, output).await?
        }
    };
    waited.put_end(&mut value);
    Ok((value, exit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_no_hub_runs_is_said_once_for_all_shops() {
        let hub = |shop, is_running, is_waited| Hub {
            shop,
            is_running,
            is_waited,
        };
        let said = |hubs: &[Hub<'_>]| no_hub(hubs).unwrap_or_default();
        assert_eq!(said(&[]), "");
        assert_eq!(said(&[hub("one", true, true), hub("two", true, true)]), "");
        let none = said(&[hub("one", false, false), hub("two", false, false)]);
        assert!(none.starts_with("no hub runs with this database"), "{none}");
        assert!(!none.contains("waiting a minute"));
        assert!(said(&[hub("one", false, false), hub("two", false, true)]).contains("waiting a minute"));
        let some = said(&[hub("one", true, true), hub("two", false, false)]);
        assert!(
            some.contains("reads two,") && !some.contains("waiting a minute"),
            "{some}"
        );
    }
}
