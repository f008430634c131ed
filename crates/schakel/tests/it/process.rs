//! A hub as a process of its own, between simulators that the test can look into.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use schakel_sandbox::door::{self, MachineClock, Seed, Served};
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_sandbox::{copernica, lightspeed};
use schakel_testkit::{TempDir, tempdir, wait_until};
use tokio::net::TcpListener;
use tokio::task::block_in_place;

/// The database in the simulated account.
pub const DATABASE: &str = "Schakel";
/// A generous end for anything that is waited for.
pub const END: Duration = Duration::from_secs(180);

/// The program under test.
pub fn schakel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_schakel"));
    command.stdin(Stdio::null());
    command
}

/// Simulators on sockets, and the configuration of a hub between them.
pub struct Outside {
    /// The simulated shop.
    pub shop: lightspeed::Simulator,
    /// The simulated account.
    pub account: copernica::Simulator,
    /// The folder with configuration and database.
    pub folder: TempDir,
    served: (Served, Served),
    hooks_at: SocketAddr,
}

impl Outside {
    /// Starts the simulators and writes the configuration; `database` is an address, or empty for SQLite.
    pub async fn start(seed: u64, database: &str) -> Self {
        let options = lightspeed::Options {
            limits: [1_000_000, 10_000_000, 100_000_000],
            per_second: 100_000,
            // A shop gives up after ten attempts; here a hub is killed over and over, and what counts is what it
            // acknowledged.
            webhooks: lightspeed::WebhookOptions {
                attempts_max: 250,
                retry_wait_ms: 50,
                retry_wait_ms_max: 500,
                ..lightspeed::WebhookOptions::default()
            },
            ..lightspeed::Options::default()
        };
        let shop = lightspeed::Simulator::new(options, Arc::new(MachineClock), Seed::new(seed));
        let account = copernica::Simulator::new(copernica::Options::default(), Arc::new(MachineClock), seed);
        let shop_at = door::serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), shop.router()).unwrap();
        let account_at =
            door::serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), account.router()).unwrap();
        let folder = tempdir();
        let hooks_at = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let text = config(
            &shop,
            shop_at.addr.port(),
            account_at.addr.port(),
            folder.path(),
            (hooks_at, database),
        );
        std::fs::write(folder.path().join("schakel.toml"), text).unwrap();
        Self {
            shop,
            account,
            folder,
            served: (shop_at, account_at),
            hooks_at,
        }
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("schakel.toml")
    }

    /// Runs a command of the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = schakel()
            .arg("--config")
            .arg(self.config())
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    /// Runs a command of the program to its end, however it ends, and gives its one JSON value and its exit code.
    pub fn ask(&self, arguments: &[&str]) -> (serde_json::Value, i32) {
        let output = schakel()
            .arg("--config")
            .arg(self.config())
            .arg("--json")
            .args(arguments)
            .output()
            .unwrap();
        let said = if output.stdout.is_empty() {
            output.stderr
        } else {
            output.stdout
        };
        let said = String::from_utf8(said).unwrap();
        // Before a failure there may be warnings.
        let last = said.lines().last().unwrap_or_default();
        let value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{arguments:?}: {said}"));
        (value, output.status.code().unwrap())
    }

    /// Where a hub with this configuration receives webhooks.
    pub fn hooks_at(&self) -> SocketAddr {
        self.hooks_at
    }

    /// The simulated shop's socket.
    pub fn shop_at(&self) -> SocketAddr {
        self.served.0.addr
    }

    /// The simulated account's socket.
    pub fn account_at(&self) -> SocketAddr {
        self.served.1.addr
    }

    /// Starts the hub and waits until it listens.
    pub fn serve(&self) -> Hub {
        self.serve_with("ready", &[])
    }

    /// Sets everything up, starts a hub, and has the shop tell it of five orders.
    pub async fn serve_with_orders(&self) -> Hub {
        block_in_place(|| self.run(&["setup"]));
        let hub = block_in_place(|| self.serve());
        let mut generator = Generator::new(&self.shop, Seed::new(5), Mix::default());
        generator.run(5).await;
        self.shop.webhooks_idle().await;
        hub
    }

    /// Starts a hub with further arguments, which says in the file `ready` that it listens.
    pub fn serve_with(&self, ready: &str, arguments: &[&str]) -> Hub {
        self.serve_telling(ready, arguments, Stdio::inherit())
    }

    /// Starts a hub whose log, from `info` on, goes into a file, and gives the file.
    pub fn serve_logged(&self) -> (Hub, PathBuf) {
        let path = self.folder.path().join("hub.log");
        let file = std::fs::File::create(&path).unwrap();
        let hub = self.serve_telling("ready", &["--set", "hub.log=info"], file.into());
        (hub, path)
    }

    /// Waits until the hub that was started with the file `ready` says where its pages are.
    pub fn pages_at(&self, ready: &str) -> SocketAddr {
        let ready = self.folder.path().join(ready);
        let mut pages = None;
        let is_told = wait_until(END, || {
            let text = std::fs::read_to_string(&ready).unwrap();
            let mut told = text.trim().split("pages=http://").skip(1);
            pages = told.next().and_then(|at| at.parse().ok());
            pages.is_some()
        });
        assert!(is_told, "the hub does not say where its pages are");
        pages.unwrap()
    }

    fn serve_telling(&self, ready: &str, arguments: &[&str], log: Stdio) -> Hub {
        let ready = self.folder.path().join(ready);
        let _ = std::fs::remove_file(&ready);
        let child = schakel()
            .arg("--config")
            .arg(self.config())
            .arg("serve")
            .arg("--ready-file")
            .arg(&ready)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut hub = Hub { child };
        let is_up = wait_until(END, || ready.exists() || hub.has_ended());
        assert!(is_up && !hub.has_ended(), "the hub did not start");
        hub
    }
}

/// A running hub; killed when it goes out of scope.
pub struct Hub {
    child: Child,
}

impl Hub {
    /// Ends the process as a power cut would: no signal handler, no farewell.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free at the moment.
pub fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn config(
    shop: &lightspeed::Simulator,
    shop_port: u16,
    account_port: u16,
    folder: &Path,
    (hooks, database): (SocketAddr, &str),
) -> String {
    let options = shop.options();
    format!(
        r#"
[hub]
data = "{folder}"
database = "{database}"
hooks_listen = "{hooks}"
hooks_address = "http://{hooks}"
pages_listen = "127.0.0.1:0"
log = "error"

[[connection]]
name = "shop"
connector = "lightspeed"
base_url = "http://127.0.0.1:{shop_port}/"
shop_id = {shop_id}
api_key = "{key}"
api_secret = "{secret}"
# What no webhook tells is read only where a test asks for it.
history = "manual"
limits = "none"
sweep_interval = "0"
reconcile_interval = "0"
checkout_interval = "0"

[[connection]]
name = "mail"
connector = "copernica"
base_url = "http://127.0.0.1:{account_port}"
auth_url = "http://127.0.0.1:{account_port}/authenticate"
access_token = "sandbox-token"
database = "{DATABASE}"
timeout_ms = 3000
attempt_ms = 10000
settle_ms = 1000

[[route]]
from = "shop"
to = "mail"
"#,
        folder = folder.display(),
        shop_id = options.shop_id,
        key = options.api_key,
        secret = options.api_secret,
    )
}
