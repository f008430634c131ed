//! `schakel setup`: prepares the outside. Permission report, structure in the sinks, webhooks in the shops.
//!
//! Every step can be repeated: what is there and right is kept.

use std::collections::BTreeSet;

use schakel_connectors::copernica::Copernica;
use schakel_connectors::lightspeed::Lightspeed;
use schakel_core::connector::{
    CheckReport, ConnectorError, Cx, Registration, SetupStep, Sink, Source, StepState,
};
use schakel_server::hooks;
use schakel_store::{OpenOptions, Store};
use serde::Serialize;

use super::check::{say_line, say_tests};
use super::{numbers, open, renamed, walks};
use crate::cli::SetupArgs;
use crate::config::{Config, ConnectionConfig};
use crate::error::{Exit, Failure, Side};
use crate::hook_paths::{self, GRACE_MS, Generations, prepared};
use crate::keys::HubKey;
use crate::output::Output;
use crate::wiring::{self, Outside, Parts, WayIn};

/// What was done at one connection.
#[derive(Debug, Default, Serialize)]
struct Done {
    connection: String,
    report: Option<CheckReport>,
    steps: Vec<SetupStep>,
    /// What was decided about RelationIDs that stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    adopted: Option<String>,
    /// What was decided about another place that was filled before.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_anew: Option<String>,
    webhooks: Option<Registration>,
    /// Webhooks to a path that was replaced, which were removed.
    moved: usize,
    /// Webhooks to paths of this hub that its key does not open, or to a path of its key at another address.
    left_over: usize,
    /// Those other addresses: a `hub.hooks_address` before.
    left_over_at: BTreeSet<String>,
    /// Of these, those that were removed.
    left_over_removed: usize,
    failure: Option<serde_json::Value>,
}

/// Prepares every connection; a failure at one does not keep the others from being prepared.
pub(crate) async fn run(config: &Config, args: &SetupArgs, output: Output) -> anyhow::Result<Exit> {
    if let Some(name) = &args.rotate_hook {
        is_rotatable(config, name)?;
    }
    if let Some(name) = &args.remove_old_hooks {
        is_shop(config, name, "--remove-old-hooks")?;
    }
    if let Some(name) = &args.adopt {
        is_account(config, name, "--adopt")?;
    }
    if let Some(name) = &args.move_to {
        is_account(config, name, "--move")?;
    }
    let store = open(config, OpenOptions::default()).await?;
    renamed::refuse(config, &store).await?;
    let key = HubKey::open(&store, &config.hub.key, &config.hub.data).await?;
    if let Some(name) = &args.rotate_hook {
        let mut generations = Generations::read(&store, name).await?;
        generations.rotate();
        generations.write(&store, name).await?;
    }
    let Outside { sources, sinks, cx } = wiring::outside(Parts::of_config(config));
    let mut exit = Exit::Good;
    let mut all = Vec::new();
    for (name, sink) in &sinks {
        let mut done = Done {
            connection: name.clone(),
            ..Done::default()
        };
        let account = Account {
            name,
            sink,
            store: &store,
            is_adopted: args.adopt.as_deref() == Some(name),
            is_moved: args.move_to.as_deref() == Some(name),
        };
        let end = prepare_sink(&account, &cx, &mut done, output).await;
        note(&store, &cx, name, &end).await?;
        all.push(ended(done, end, &mut exit, output));
    }
    let names = sources.iter().map(|(name, _)| name.as_str());
    let ways = Ways::read(config, &store, &key, names).await?;
    for (name, source) in &sources {
        let mut done = Done {
            connection: name.clone(),
            ..Done::default()
        };
        let shop = Shop {
            name,
            source,
            public: public(config),
            is_polled: is_polled(config, name),
            key: &key,
            store: &store,
            ways: &ways,
            is_tidied: args.remove_old_hooks.as_deref() == Some(name),
        };
        // So that the calls stand in the budget of the hub that starts next.
        walks::id_or_new(&store, name).await?;
        let way = WayIn::to(config, name, Some(&store), &cx).await?;
        let end = prepare_source(&shop, &way.cx, &mut done, output).await?;
        note(&store, &cx, name, &end).await?;
        all.push(ended(done, end, &mut exit, output));
    }
    output.value(&serde_json::json!({ "connections": all }));
    store.close().await;
    Ok(exit)
}

/// Gives the address under which shops reach this hub, without a slash at its end.
fn public(config: &Config) -> &str {
    config.hub.hooks_address.trim_end_matches('/')
}

/// The ways into this hub, and what is known by its secrets.
#[derive(Default)]
struct Ways {
    /// Every address that leads into it.
    open: BTreeSet<String>,
    /// Every path that its key ever opened or will open next.
    secrets: BTreeSet<String>,
}

impl Ways {
    async fn read(
        config: &Config,
        store: &Store,
        key: &HubKey,
        sources: impl Iterator<Item = &str>,
    ) -> anyhow::Result<Self> {
        let mut ways = Self::default();
        for name in sources {
            let generations = Generations::read(store, name).await?;
            let open = generations.open_paths(key, name);
            ways.open
                .extend(open.map(|path| format!("{}{path}", public(config))));
            let ever = 0..=generations.current + 1;
            ways.secrets
                .extend(ever.map(|generation| hook_paths::path(key, name, generation)));
        }
        Ok(ways)
    }

    /// Gives what stands before a path of our key in `address`; `None` when it has none, and so is not ours.
    fn host_of<'a>(&self, address: &'a str) -> Option<&'a str> {
        let mut hosts = self.secrets.iter().filter_map(|path| address.split_once(path));
        hosts.next().map(|(host, _)| host)
    }
}

/// Tells whether the shop `name` is asked instead of telling.
fn is_polled(config: &Config, name: &str) -> bool {
    matches!(config.connection(name), Some(ConnectionConfig::Lightspeed(shop)) if !shop.webhooks)
}

/// Refuses to replace a path that nobody could be told.
fn is_rotatable(config: &Config, name: &str) -> Result<(), Failure> {
    is_shop(config, name, "--rotate-hook")?;
    if config.hub.hooks_address.is_empty() {
        let text = "the path of webhooks can't be replaced without `hub.hooks_address`";
        return Err(Failure::usage("SCH-0106", text).hint(
            "write there under which address the shop reaches this hub, so that its webhooks can be moved",
        ));
    }
    Ok(())
}

/// Refuses an `option` about webhooks for a connection that has none.
fn is_shop(config: &Config, name: &str, option: &str) -> Result<(), Failure> {
    if matches!(config.connection(name), Some(ConnectionConfig::Lightspeed(_))) {
        return Ok(());
    }
    let text = format!("`{option} {name}` names no connection that gives data");
    Err(Failure::usage("SCH-0106", text).hint("`schakel config show` lists the connections with their names"))
}

/// Refuses an `option` about what stands in an account for a connection that has none.
fn is_account(config: &Config, name: &str, option: &str) -> Result<(), Failure> {
    if matches!(config.connection(name), Some(ConnectionConfig::Copernica(_))) {
        return Ok(());
    }
    let text = format!("`{option} {name}` names no connection that takes data");
    Err(Failure::usage("SCH-0106", text).hint("`schakel config show` lists the connections with their names"))
}

/// Notes that a connection was prepared, so that `preview` can tell which routes are live.
async fn note(store: &Store, cx: &Cx, name: &str, end: &Result<Exit, Failure>) -> anyhow::Result<()> {
    if matches!(end, Ok(Exit::Good)) {
        let at = cx.clock.now().to_string();
        store.put_setting(&prepared(name), at.as_bytes()).await?;
    }
    Ok(())
}

/// A shop whose webhooks are registered.
struct Shop<'a> {
    name: &'a str,
    source: &'a Lightspeed,
    /// The address under which the shop reaches this hub; empty when nobody said so.
    public: &'a str,
    /// It is asked instead of telling.
    is_polled: bool,
    key: &'a HubKey,
    store: &'a Store,
    ways: &'a Ways,
    /// What was left over from a hub key or an address before is removed.
    is_tidied: bool,
}

impl Shop<'_> {
    fn address(&self, generation: u32) -> String {
        format!(
            "{}{}",
            self.public,
            hook_paths::path(self.key, self.name, generation)
        )
    }

    /// Whether `address` is one of this hub's that does not lead into it any more: its path was cut from another key, or its
    /// path is ours, which nobody else knows, at an address that we had before.
    fn is_left_over(&self, address: &str) -> bool {
        let rest = address.strip_prefix(self.public);
        let is_below = rest.is_some_and(|path| path.starts_with(hooks::PATH));
        (is_below || self.ways.host_of(address).is_some()) && !self.ways.open.contains(address)
    }

    /// Gives the address that we had before to which `address` goes, if it does.
    fn former<'b>(&self, address: &'b str) -> Option<&'b str> {
        let host = self.ways.host_of(address)?;
        (host != self.public).then_some(host)
    }
}

/// An account whose structure is made.
struct Account<'a> {
    name: &'a str,
    sink: &'a Copernica,
    store: &'a Store,
    /// The RelationIDs that stand there are adopted.
    is_adopted: bool,
    /// All is delivered anew there.
    is_moved: bool,
}

async fn prepare_sink(
    account: &Account<'_>,
    cx: &Cx,
    done: &mut Done,
    output: Output,
) -> Result<Exit, Failure> {
    let (name, sink) = (account.name, account.sink);
    let failed = |error| Failure::of_call(name, Side::Sink, error);
    let report = sink.check(cx).await.map_err(failed)?;
    say_tests(name, &report, output);
    let is_permitted = report.is_permitted();
    done.report = Some(report);
    if !is_permitted {
        output.line("  the structure was not touched: the permissions above are needed first");
        return Ok(Exit::Findings);
    }
    done.steps = sink.setup(cx).await.map_err(failed)?;
    let count = |state| done.steps.iter().filter(|step| step.state == state).count();
    let (kept, created) = (count(StepState::Kept), count(StepState::Created));
    let has_differences = count(StepState::Differs) > 0;
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
    let is_ours = compare_numbers(account, cx, done, output).await?;
    Ok(if is_ours && !has_differences {
        Exit::Good
    } else {
        Exit::Findings
    })
}

/// Says whether RelationIDs stand there that this database did not give, or adopts them; returns whether all is well.
async fn compare_numbers(
    account: &Account<'_>,
    cx: &Cx,
    done: &mut Done,
    output: Output,
) -> Result<bool, Failure> {
    let Account {
        name, sink, store, ..
    } = *account;
    if account.is_moved {
        let said = numbers::start_anew(store, name, sink, cx).await?;
        output.line(format!("  {said}"));
        done.started_anew = Some(said);
    }
    if account.is_adopted {
        let said = numbers::adopt(store, name, sink, cx).await?;
        output.line(format!("  {said}"));
        done.adopted = Some(said);
    }
    let Some(line) = numbers::line(store, name, sink, cx).await? else {
        return Ok(true);
    };
    say_line(&line, output);
    let is_ours = line.is_granted;
    if let Some(report) = &mut done.report {
        report.lines.push(line);
    }
    Ok(is_ours)
}

/// The outer failure is the store's, the inner one the shop's.
async fn prepare_source(
    shop: &Shop<'_>,
    cx: &Cx,
    done: &mut Done,
    output: Output,
) -> anyhow::Result<Result<Exit, Failure>> {
    let failed = |error| Failure::of_call(shop.name, Side::Source, error);
    let report = match shop.source.check(cx).await {
        Ok(report) => report,
        Err(error) => return Ok(Err(failed(error))),
    };
    say_tests(shop.name, &report, output);
    let is_good = report.is_good();
    done.report = Some(report);
    if shop.is_polled {
        output.line("  webhooks: none, the shop is asked instead (`webhooks = false`)");
        return Ok(Ok(if is_good { Exit::Good } else { Exit::Findings }));
    }
    if shop.public.is_empty() {
        output.line("  webhooks: not registered, since `hub.hooks_address` does not say where the shop reaches this hub");
        return Ok(Ok(Exit::Findings));
    }
    if let Err(error) = shop.source.connect(cx).await {
        return Ok(Err(failed(error)));
    }
    let mut generations = Generations::read(shop.store, shop.name).await?;
    // The new ones first: between the two a webhook comes twice, which costs nothing.
    let webhooks = match move_webhooks(shop, cx, &generations, done).await {
        Ok(webhooks) => webhooks,
        Err(error) => return Ok(Err(failed(error))),
    };
    if generations.settle(cx.clock.now()) {
        generations.write(shop.store, shop.name).await?;
    }
    say_webhooks(shop, &webhooks, done, output);
    done.webhooks = Some(webhooks);
    Ok(Ok(if is_good { Exit::Good } else { Exit::Findings }))
}

fn say_webhooks(shop: &Shop<'_>, webhooks: &Registration, done: &Done, output: Output) {
    let Registration {
        kept,
        created,
        removed,
        foreign,
        ..
    } = webhooks;
    output.line(format!(
        "  webhooks: {created} created, {kept} were there and right, {removed} duplicates removed, {foreign} of other programs left alone"
    ));
    if done.moved > 0 {
        output.line(format!(
            "  secret path: replaced, {} webhooks to the old one removed; what is under way there is taken for {} hours",
            done.moved,
            GRACE_MS / 3_600_000
        ));
    }
    if done.left_over_removed > 0 {
        output.line(format!(
            "  left over: {} webhooks to addresses that do not lead into this hub any more were removed",
            done.left_over_removed
        ));
    } else if done.left_over > 0 {
        let remove = format!(
            "`schakel setup --remove-old-hooks {}` removes what is left over",
            shop.name
        );
        let elsewhere = Vec::from_iter(done.left_over_at.iter().map(String::as_str)).join(", ");
        output.line(if elsewhere.is_empty() {
            format!(
                "  left over: {} webhooks go to paths below {}{} that this hub does not open, so each is refused. They are of a hub key before, or of another hub behind that address; {remove}",
                done.left_over, shop.public, hooks::PATH
            )
        } else {
            format!(
                "  left over: {} webhooks do not lead into this hub any more. Some go to a secret path of this hub at {elsewhere}, an address that it had before: whoever is there now is told of every order; {remove}",
                done.left_over
            )
        });
    }
}

/// Registers the webhooks to the current path and removes those to paths that were replaced; what is left over
/// is counted, and removed where that was asked for.
async fn move_webhooks(
    shop: &Shop<'_>,
    cx: &Cx,
    generations: &Generations,
    done: &mut Done,
) -> Result<Registration, ConnectorError> {
    let mut webhooks = shop
        .source
        .register(cx, &shop.address(generations.current))
        .await?;
    for old in generations.in_use() {
        let moved = shop.source.unregister(cx, &shop.address(old)).await?;
        webhooks.foreign = webhooks.foreign.saturating_sub(moved);
        done.moved += moved;
    }
    let left_over: Vec<String> = webhooks
        .others
        .iter()
        .filter(|other| shop.is_left_over(other))
        .cloned()
        .collect();
    done.left_over = left_over.len();
    let former = left_over.iter().filter_map(|address| shop.former(address));
    done.left_over_at = former.map(str::to_owned).collect();
    webhooks.foreign = webhooks.foreign.saturating_sub(left_over.len());
    if shop.is_tidied {
        for address in left_over.into_iter().collect::<BTreeSet<_>>() {
            done.left_over_removed += shop.source.unregister(cx, &address).await?;
        }
    }
    Ok(webhooks)
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
