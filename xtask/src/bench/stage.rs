//! Simulators and a hub as processes, for a load from outside.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schakel_testkit::{TempDir, tempdir, wait_until};
use serde_json::Value;

use super::http::Connection;
use crate::process;

/// When a hub that does not come up is given up.
const END: Duration = Duration::from_secs(60);

/// A process that ends when this goes out of scope.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What differs between stages.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Further lines of the shop's configuration.
    pub(crate) shop: &'static str,
    /// What the shop holds from the start, as its control port takes it.
    pub(crate) fill: Option<Value>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            shop: "history = \"manual\"\nsweep_interval = \"0\"\nreconcile_interval = \"0\"\n",
            fill: None,
        }
    }
}

/// What the simulated shop says of itself.
#[derive(Debug)]
pub(crate) struct Shop {
    /// Address with port.
    address: String,
    /// The cluster's name in webhooks.
    pub(crate) cluster: String,
    /// The shop's number.
    pub(crate) shop_id: i64,
    api_key: String,
    /// The secret that signs webhooks.
    pub(crate) api_secret: String,
}

/// Both simulators as a process; it ends when this goes out of scope.
pub(crate) struct Simulators {
    process: Running,
    /// What the simulated shop says of itself.
    pub(crate) shop: Value,
    /// What the simulated account says of itself.
    pub(crate) account: Value,
}

impl Simulators {
    /// Starts them on free ports and waits until they listen.
    ///
    /// # Errors
    ///
    /// The process cannot be started, or says nothing that can be read.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        let mut command = process::command(&binary.to_string_lossy(), &["sandbox", "all", "--json"]);
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut process = Running(command.spawn().context("cannot start the simulators")?);
        let lines = process.0.stdout.take().context("the simulators have no output")?;
        let mut lines = BufReader::new(lines).lines();
        let mut said = || -> Result<Value> {
            let line = lines
                .next()
                .context("the simulators ended before they said where they are")??;
            serde_json::from_str(&line).context("the simulators speak no JSON")
        };
        let (shop, account) = (said()?, said()?);
        Ok(Self {
            process,
            shop,
            account,
        })
    }

    /// Returns the number of the process.
    pub(crate) fn process(&self) -> u32 {
        self.process.0.id()
    }
}

/// Simulators, and a hub between them that has been set up and listens.
pub(crate) struct Stage {
    binary: PathBuf,
    /// The simulated shop.
    pub(crate) shop: Shop,
    token: String,
    hooks: String,
    hub: Option<Running>,
    _simulators: Simulators,
    // The last field: the folder goes when nobody uses it any more.
    folder: TempDir,
}

impl Stage {
    /// Starts everything, with an empty shop and a hub that does nothing by itself.
    ///
    /// # Errors
    ///
    /// A process cannot be started or ends with a failure.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        Self::start_with(binary, &Setting::default())
    }

    /// Starts everything as `setting` says.
    ///
    /// # Errors
    ///
    /// A process cannot be started or ends with a failure, or the shop cannot be filled.
    pub(crate) fn start_with(binary: &Path, setting: &Setting) -> Result<Self> {
        let folder = tempdir();
        let simulators = Simulators::start(binary)?;
        if let Some(past) = &setting.fill {
            fill(&simulators.shop, past)?;
        }
        let (shop, account) = (&simulators.shop, &simulators.account);
        let hooks = free_address()?;
        std::fs::write(
            folder.path().join("schakel.toml"),
            config(shop, account, &hooks, folder.path(), setting.shop),
        )?;
        let mut stage = Self {
            binary: binary.to_owned(),
            shop: Shop {
                address: text(shop, "base_url").trim_start_matches("http://").to_owned(),
                cluster: text(shop, "cluster").to_owned(),
                shop_id: shop["shop_id"].as_i64().context("the shop has no number")?,
                api_key: text(shop, "api_key").to_owned(),
                api_secret: text(shop, "api_secret").to_owned(),
            },
            token: text(account, "access_token").to_owned(),
            hooks,
            hub: None,
            _simulators: simulators,
            folder,
        };
        process::output(&mut stage.schakel(&["--json", "setup"]))?;
        stage.start_hub()?;
        Ok(stage)
    }

    /// Asks the shop where it sends its webhooks; returns the address with port, and the path.
    ///
    /// # Errors
    ///
    /// The shop does not answer, or knows no webhook.
    pub(crate) fn entrance(&self) -> Result<(String, String)> {
        let credentials = STANDARD.encode(format!("{}:{}", self.shop.api_key, self.shop.api_secret));
        let request = format!(
            "GET /nl/webhooks.json HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {credentials}\r\n\r\n",
            self.shop.address
        );
        let (_, body) = Connection::open(&self.shop.address)?.ask(request.as_bytes())?;
        let list: Value = serde_json::from_slice(&body).context("the shop's list of webhooks is no JSON")?;
        let registered = text(&list["webhooks"][0], "address");
        let path = registered
            .strip_prefix(&format!("http://{}", self.hooks))
            .with_context(|| format!("`setup` registered another address: {registered}"))?;
        Ok((self.hooks.clone(), path.to_owned()))
    }

    /// Ends the hub as a power cut would.
    pub(crate) fn kill_hub(&mut self) {
        self.hub = None;
    }

    /// Counts the webhooks in the database of a hub that has ended.
    ///
    /// # Errors
    ///
    /// `schakel status` fails.
    pub(crate) fn received(&self) -> Result<u64> {
        self.status()?["inbox"]["received"]
            .as_u64()
            .context("`schakel status` does not say how much was received")
    }

    /// Runs a command beside the hub.
    ///
    /// # Errors
    ///
    /// It fails.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<()> {
        process::output(&mut self.schakel(arguments)).map(drop)
    }

    /// Runs a command beside the hub, and reads what it prints as JSON; findings are no failure.
    ///
    /// # Errors
    ///
    /// It prints no JSON.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = self.schakel(&["--json"]);
        let output = command
            .args(arguments)
            .output()
            .context("a command cannot be started")?;
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(text.trim())
            .with_context(|| format!("`{}` printed no JSON", arguments.join(" ")))
    }

    /// Reads the hub's numbers from its database.
    ///
    /// # Errors
    ///
    /// `schakel status` fails.
    pub(crate) fn status(&self) -> Result<Value> {
        let output = process::output(&mut self.schakel(&["--json", "status"]))?;
        serde_json::from_str(output.trim()).context("`schakel status` printed no JSON")
    }

    /// Returns the number of the hub's process, while it runs.
    pub(crate) fn hub_process(&self) -> Option<u32> {
        self.hub.as_ref().map(|hub| hub.0.id())
    }

    fn schakel(&self, arguments: &[&str]) -> Command {
        let mut command = process::command(&self.binary.to_string_lossy(), &["--config"]);
        command
            .arg(self.folder.path().join("schakel.toml"))
            .args(arguments)
            // Secrets in a file are warned about, rightly.
            .env("SCHAKEL_CONNECTION__SHOP__API_SECRET", &self.shop.api_secret)
            .env("SCHAKEL_CONNECTION__MAIL__ACCESS_TOKEN", &self.token);
        command
    }

    fn start_hub(&mut self) -> Result<()> {
        let ready = self.folder.path().join("ready");
        let mut command = self.schakel(&["serve", "--ready-file"]);
        command.arg(&ready).stdout(Stdio::null());
        let mut hub = Running(command.spawn().context("cannot start the hub")?);
        let has_ended = |hub: &mut Running| !matches!(hub.0.try_wait(), Ok(None));
        if !wait_until(END, || ready.exists() || has_ended(&mut hub)) || has_ended(&mut hub) {
            bail!("the hub did not start");
        }
        self.hub = Some(hub);
        Ok(())
    }
}

/// Has the shop hold a past, through its control port.
fn fill(shop: &Value, past: &Value) -> Result<()> {
    let address = text(shop, "control_url")
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let (host, path) = address.split_once('/').unwrap_or((&address, "control"));
    let body = past.to_string();
    let request = format!(
        "POST /{path}/api/fill HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, answer) = Connection::open(host)?.ask(request.as_bytes())?;
    if status >= 300 {
        bail!(
            "the shop cannot be filled: {status} {}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr()?.to_string())
}

fn config(shop: &Value, account: &Value, hooks: &str, folder: &Path, more: &str) -> String {
    format!(
        r#"[hub]
data = "{folder}/data"
hooks_listen = "{hooks}"
hooks_address = "http://{hooks}"
pages_listen = "127.0.0.1:0"
log = "error"

[[connection]]
name = "shop"
connector = "lightspeed"
base_url = "{shop_url}/"
shop_id = {shop_id}
api_key = "{api_key}"
{more}
[[connection]]
name = "mail"
connector = "copernica"
base_url = "{account_url}"
auth_url = "{auth_url}"
database = "Schakel"

[[route]]
from = "shop"
to = "mail"
"#,
        folder = folder.display(),
        shop_url = text(shop, "base_url"),
        shop_id = shop["shop_id"],
        api_key = text(shop, "api_key"),
        account_url = text(account, "base_url"),
        auth_url = text(account, "auth_url"),
    )
}
