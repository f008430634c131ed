//! `schakel sandbox`: simulators of the outside systems, on their own, until stopped.
//!
//! Each simulator has two ports, its API and its control port, and may have a file that keeps its state between runs.
//! The manual is docs/sandbox.md.

use std::fs::File;
use std::future::pending;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schakel_sandbox::door::{MachineClock, Seed, Served, serve, serve_until};
use schakel_sandbox::keep::DataFile;
use schakel_sandbox::lightspeed::traffic::Mix;
use schakel_sandbox::{copernica, lightspeed};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::serve::signal;
use crate::cli::{SandboxArgs, SandboxSystem};
use crate::error::{Exit, Failure};
use crate::output::Output;

/// How often a state that changed is saved.
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// How far behind the first API the first control port is, when the command line names none: by default clear of both
/// ports of a hub.
const CONTROL_OFFSET: u16 = 5;
/// What a shop allows unless told otherwise: more than any plan, so that nobody waits by accident.
const LIMITS: [u32; 3] = [1_000_000, 10_000_000, 100_000_000];
const PER_SECOND: u32 = 100_000;
/// Key and secret of the app that `--app-url` puts into the App Store.
const APP_KEY: &str = "7c1e5a90b3d24f6881a2c3e4f5061728";
const APP_SECRET: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f";

/// Runs the simulators and prints where they are and what lets one in.
pub(crate) async fn run(args: &SandboxArgs, output: Output) -> anyhow::Result<Exit> {
    without_shop(args)?;
    let mut doors = Doors::of(args)?;
    if let (SandboxSystem::All, Some(folder)) = (args.system, &args.data) {
        std::fs::create_dir_all(folder).map_err(|error| cannot_save(folder, error))?;
    }
    let (mut shop, mut account) = (None, None);
    if args.system != SandboxSystem::Copernica {
        shop = Some(start_shop(args, &mut doors).await?);
    }
    if args.system != SandboxSystem::Lightspeed {
        account = Some(start_account(args, &mut doors).await?);
    }
    for world in [&shop, &account].into_iter().flatten() {
        world.say(output);
    }
    output.line("\nCtrl-C stops them.");
    let end = tokio::select! {
        end = signal() => end,
        failure = keep(shop.as_ref()) => Err(failure.into()),
        failure = keep(account.as_ref()) => Err(failure.into()),
        () = deliver(account.as_ref()) => Ok(()),
    };
    let mut saved = Ok(());
    for world in [shop, account].into_iter().flatten() {
        saved = saved.and(world.stop().await);
    }
    end?;
    saved?;
    Ok(Exit::Good)
}

/// Refuses options of the shop where none runs: they would change nothing.
fn without_shop(args: &SandboxArgs) -> Result<(), Failure> {
    let options = [
        ("--traffic", args.traffic.is_some()),
        ("--limits", args.limits.is_some()),
        ("--app-url", args.app_url.is_some()),
    ];
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) if args.system == SandboxSystem::Copernica => {
            let text = format!("`{option}` is about the shop, and `sandbox copernica` runs none");
            Err(Failure::usage("SCH-0106", text)
                .hint("leave it out, or run `schakel sandbox all` for both systems"))
        }
        _ => Ok(()),
    }
}

/// One of the two simulated systems.
enum Simulated {
    Shop(lightspeed::Simulator),
    Account(copernica::Simulator),
}

impl Simulated {
    fn revision(&self) -> u64 {
        match self {
            Self::Shop(shop) => shop.revision(),
            Self::Account(account) => account.revision(),
        }
    }

    fn save(&self, into: &mut dyn Write) -> std::io::Result<()> {
        match self {
            Self::Shop(shop) => shop.save(into),
            Self::Account(account) => account.save(into),
        }
    }
}

/// A simulator with its ports and its file.
struct World {
    simulated: Simulated,
    api: Served,
    control: Served,
    file: Option<Held>,
    /// What is printed, in this order.
    facts: Vec<(&'static str, Value)>,
}

impl World {
    /// Prints one line of JSON, or a block of lines.
    fn say(&self, output: Output) {
        let object: serde_json::Map<String, Value> = self
            .facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        output.value(&object);
        for (name, value) in &self.facts {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if *name == "simulator" {
                output.line(value);
            } else {
                output.line(format!("  {name:<14}{value}"));
            }
        }
    }

    /// Lets calls under way end, then saves for the last time.
    async fn stop(self) -> Result<(), Failure> {
        if let Simulated::Shop(shop) = &self.simulated {
            shop.stop_traffic();
        }
        self.control.stop().await;
        self.api.stop().await;
        let Some(file) = self.file else { return Ok(()) };
        file.data
            .replace(|into| self.simulated.save(into))
            .map_err(|error| cannot_save(file.data.path(), error))
    }
}

/// The file of a simulator, with the lock that keeps other processes out.
struct Held {
    data: DataFile,
    _lock: File,
}

/// Saves whenever something changed; ends only with a failure.
async fn keep(world: Option<&World>) -> Failure {
    let Some((world, file)) = world.and_then(|world| Some((world, world.file.as_ref()?))) else {
        return pending().await;
    };
    let revision = || world.simulated.revision();
    let save = |into: &mut dyn Write| world.simulated.save(into);
    let error = file.data.keep(SAVE_EVERY, revision, save).await;
    cannot_save(file.data.path(), error)
}

/// Delivers the webhooks of the account; those of the shop start by themselves.
async fn deliver(world: Option<&World>) {
    match world.map(|world| &world.simulated) {
        Some(Simulated::Account(account)) => account.run_webhooks().await,
        _ => pending().await,
    }
}

async fn start_shop(args: &SandboxArgs, doors: &mut Doors) -> anyhow::Result<World> {
    let app = args.app_url.as_ref().map(|url| lightspeed::App {
        key: APP_KEY.to_owned(),
        secret: APP_SECRET.to_owned(),
        success_url: url.clone(),
        permissions: lightspeed::Permissions::default(),
    });
    let options = lightspeed::Options {
        limits: args.limits.unwrap_or(LIMITS),
        per_second: args
            .limits
            .map_or(PER_SECOND, |_| lightspeed::Options::default().per_second),
        apps: app.into_iter().collect(),
        ..lightspeed::Options::default()
    };
    let file = data_file(args, "lightspeed")?;
    let (clock, seed) = (Arc::new(MachineClock), Seed::new(args.seed));
    let kept = Held::load(file.as_ref(), |from| {
        lightspeed::Simulator::load(options.clone(), clock.clone(), seed.clone(), from)
    })?;
    let simulator = kept.unwrap_or_else(|| lightspeed::Simulator::new(options, clock, seed));
    let (api, control) = doors.next().await?;
    let api = serve_until(api, simulator.router(), &simulator.outage())?;
    let control = serve(control, simulator.control())?;
    if let Some(rate) = args.traffic {
        simulator.start_traffic(rate, args.seed, Mix::lively());
    }
    let options = simulator.options();
    let mut facts = vec![
        ("simulator", json!("lightspeed")),
        ("base_url", json!(format!("http://{}", api.addr))),
        ("control_url", json!(control_url(control.addr))),
        ("cluster", json!(options.cluster.id())),
        ("shop_id", json!(options.shop_id)),
        ("api_key", json!(options.api_key)),
        ("api_secret", json!(options.api_secret)),
    ];
    for app in &options.apps {
        facts.extend([("app_key", json!(app.key)), ("app_secret", json!(app.secret))]);
    }
    facts.extend(file.as_ref().map(Held::said));
    Ok(World {
        simulated: Simulated::Shop(simulator),
        api,
        control,
        file,
        facts,
    })
}

async fn start_account(args: &SandboxArgs, doors: &mut Doors) -> anyhow::Result<World> {
    let (api, control) = doors.next().await?;
    let base_url = format!("http://{}", api.local_addr()?);
    let options = copernica::Options {
        base_url: base_url.clone(),
        ..copernica::Options::default()
    };
    let token = options.access_tokens.join(" ");
    let application = options.application.clone();
    let file = data_file(args, "copernica")?;
    let clock = Arc::new(MachineClock);
    let kept = Held::load(file.as_ref(), |from| {
        copernica::Simulator::load(options.clone(), clock.clone(), args.seed, from)
    })?;
    let simulator = kept.unwrap_or_else(|| copernica::Simulator::new(options, clock, args.seed));
    let api = serve_until(api, simulator.router(), &simulator.outage())?;
    let control = serve(control, simulator.control())?;
    let mut facts = vec![
        ("simulator", json!("copernica")),
        ("base_url", json!(base_url)),
        ("auth_url", json!(format!("{base_url}/authenticate"))),
        ("control_url", json!(control_url(control.addr))),
        ("access_token", json!(token)),
        ("client_id", json!(application.key)),
        ("client_secret", json!(application.secret)),
    ];
    facts.extend(file.as_ref().map(Held::said));
    Ok(World {
        simulated: Simulated::Account(simulator),
        api,
        control,
        file,
        facts,
    })
}

/// The addresses of the next simulator.
struct Doors {
    api: SocketAddr,
    control: SocketAddr,
}

impl Doors {
    /// Takes the first ones from the command line; unless it says otherwise, control ports are on this machine only.
    ///
    /// # Errors
    /// When the ports that are needed do not all exist.
    fn of(args: &SandboxArgs) -> Result<Self, Failure> {
        let api = room(args, args.listen, "--listen")?;
        let control = match (args.control, api.port()) {
            (Some(control), _) => control,
            (None, 0) => SocketAddr::from(([127, 0, 0, 1], 0)),
            (None, port) => {
                let behind = port.checked_add(CONTROL_OFFSET);
                SocketAddr::from(([127, 0, 0, 1], behind.ok_or_else(|| no_room(api, "--listen"))?))
            }
        };
        let named = if args.control.is_some() {
            "--control"
        } else {
            "--listen"
        };
        Ok(Self {
            api,
            control: room(args, control, named)?,
        })
    }

    /// Opens both ports of a simulator.
    async fn next(&mut self) -> anyhow::Result<(TcpListener, TcpListener)> {
        Ok((
            bind(&mut self.api, "--listen").await?,
            bind(&mut self.control, "--control").await?,
        ))
    }
}

/// Gives `first` when every simulator finds a port at it or behind it; port 0 always has room.
fn room(args: &SandboxArgs, first: SocketAddr, argument: &str) -> Result<SocketAddr, Failure> {
    let more = u16::from(args.system == SandboxSystem::All);
    if first.port() == 0 || first.port().checked_add(more).is_some() {
        return Ok(first);
    }
    Err(no_room(first, argument))
}

fn no_room(first: SocketAddr, argument: &str) -> Failure {
    let text = format!(
        "behind {first} there are not enough ports, the last one is {}",
        u16::MAX
    );
    Failure::usage("SCH-0106", text).hint(format!(
        "`all` takes two ports that follow each other, and control ports are {CONTROL_OFFSET} behind unless `--control \
         ADDR` says where; choose a lower port with `{argument} ADDR`"
    ))
}

/// Opens a socket at `next`, and moves `next` to the port behind it; port 0 stays 0.
async fn bind(next: &mut SocketAddr, argument: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(*next).await.map_err(|error| {
        Failure::new("SCH-0105", format!("cannot listen on {next}"))
            .caused_by(error)
            .hint(format!(
                "another program may have that port; choose another with `{argument} ADDR`"
            ))
    })?;
    if next.port() != 0 {
        // What is behind the last port is never opened: there is room for all.
        next.set_port(next.port().saturating_add(1));
    }
    Ok(listener)
}

fn control_url(address: SocketAddr) -> String {
    format!("http://{address}/control/")
}

/// Takes the file of a simulator: the one that was asked for, or one in the folder that was.
fn data_file(args: &SandboxArgs, name: &str) -> Result<Option<Held>, Failure> {
    let Some(path) = &args.data else { return Ok(None) };
    let data = DataFile::at(if path.is_dir() {
        path.join(format!("{name}.state"))
    } else {
        path.clone()
    });
    let lock = data.lock().map_err(|error| cannot_save(data.path(), error))?;
    let lock = lock.ok_or_else(|| {
        let used = std::io::Error::other("another process keeps its state there");
        cannot_load(data.path(), used)
    })?;
    Ok(Some(Held { data, _lock: lock }))
}

impl Held {
    /// Reads what was kept with `load`; `None` when there is nothing yet.
    fn load<T, E>(
        file: Option<&Self>,
        load: impl FnOnce(&mut dyn Read) -> Result<T, E>,
    ) -> Result<Option<T>, Failure>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let Some(Self { data, .. }) = file else {
            return Ok(None);
        };
        let from = data.open().map_err(|error| cannot_load(data.path(), error))?;
        from.map(|mut from| load(&mut from))
            .transpose()
            .map_err(|error| cannot_load(data.path(), error))
    }

    /// Gives what is printed of it.
    fn said(&self) -> (&'static str, Value) {
        ("data", json!(self.data.path().display().to_string()))
    }
}

fn cannot_load(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(
        "SCH-0108",
        format!("the state in {} cannot be used", path.display()),
    )
    .caused_by(error)
    .hint("the file was not touched; name another with `--data`, or move it away to begin anew")
}

fn cannot_save(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(
        "SCH-0109",
        format!("the state cannot be kept in {}", path.display()),
    )
    .caused_by(error)
    .hint("check the rights of the folder, and that the disk has room")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::config::DEFAULT_FILE;

    fn args(line: &str) -> SandboxArgs {
        let line = ["schakel", "sandbox"].into_iter().chain(line.split(' '));
        match Cli::try_parse_from(line).unwrap().command {
            Command::Sandbox(args) => args,
            other => panic!("no sandbox: {other:?}"),
        }
    }

    #[test]
    fn options_of_the_shop_are_refused_where_none_runs() {
        for option in ["--traffic 5", "--limits 1,2,3", "--app-url http://127.0.0.1:1/"] {
            let refused = without_shop(&args(&format!("copernica {option}"))).unwrap_err();
            let name = option.split(' ').next().unwrap();
            assert!(refused.text().contains(name), "{}", refused.text());
            assert!(without_shop(&args(&format!("all {option}"))).is_ok());
        }
        assert!(without_shop(&args("copernica --seed 2")).is_ok());
    }

    #[test]
    fn a_sandbox_and_a_hub_share_no_port_by_default() {
        let doors = Doors::of(&args("all")).unwrap();
        let first = [doors.api.port(), doors.control.port()];
        for port in first.into_iter().flat_map(|port| [port, port + 1]) {
            assert!(!DEFAULT_FILE.contains(&format!(":{port}\"")), "{port}");
        }
        assert!(first[0].abs_diff(first[1]) > 1, "{first:?}");
    }
}
