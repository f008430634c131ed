//! `schakel sandbox` as a process: its ports, its state between runs, its webhooks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use schakel_testkit::{tempdir, wait_until};
use serde_json::{Value, json};

use crate::process::{END, schakel};

/// Running simulators; ended when they go out of scope.
pub struct Sandbox {
    child: Child,
    /// What they print.
    pub stdout: BufReader<ChildStdout>,
}

impl Sandbox {
    /// Starts simulators on free ports.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = schakel()
            .args(["sandbox", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Reads what the next simulator says of itself; they were started with `--json`.
    fn said(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no simulator: {line}"))
    }

    /// Asks the simulators to end, and waits for it.
    fn stop(mut self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(asked.success());
        let end = self.child.wait().unwrap();
        assert!(end.success(), "{end}");
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // They may have been ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a call with curl and reads the JSON of the answer; null when there is none.
fn call(url: &str, body: Option<&Value>) -> Value {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-g", url]);
    if let Some(body) = body {
        curl.args(["--json", &body.to_string()]);
    }
    let output = curl.output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_else(|| panic!("no {name} in {of}"))
}

/// The address of a call of the control port.
fn control(of: &Value, what: &str) -> String {
    format!("{}api/{what}", text(of, "control_url"))
}

fn start_both(folder: &Path) -> (Sandbox, Value, Value) {
    let folder = folder.display().to_string();
    let mut sandbox = Sandbox::start(&["all", "--json", "--data", &folder]);
    let (shop, account) = (sandbox.said(), sandbox.said());
    (sandbox, shop, account)
}

fn make_database(account: &Value, name: &str) {
    let url = format!(
        "{}/v3/databases?access_token={}",
        text(account, "base_url"),
        text(account, "access_token")
    );
    call(&url, Some(&json!({ "name": name })));
}

#[test]
fn both_states_outlive_the_process() {
    let folder = tempdir();
    let data = folder.path().join("state");
    let (sandbox, shop, account) = start_both(&data);
    let person = json!({"email": "jan@example.org", "firstname": "Jan", "lastname": "Voorbeeld"});
    let made = call(&control(&shop, "acts/register"), Some(&person));
    assert!(made["id"].is_u64(), "{made}");
    make_database(&account, "Proef");
    sandbox.stop();

    let (_again, shop, account) = start_both(&data);
    let found = call(
        &control(&shop, "records/customers?email=jan@example.org&fields=id"),
        None,
    );
    assert_eq!(found["customers"][0]["id"], made["id"]);
    let found = call(&control(&account, "databases"), None);
    assert_eq!(found["databases"][0]["name"], "Proef");
}

#[test]
fn one_seed_is_one_shop() {
    let story = |seed: &str| {
        let mut sandbox = Sandbox::start(&["lightspeed", "--json", "--seed", seed]);
        let shop = sandbox.said();
        for _ in 0..3 {
            call(&control(&shop, "acts/register"), Some(&json!({})));
        }
        call(
            &control(&shop, "records/customers?fields=id,email,addressBillingStreet"),
            None,
        )
    };
    let first = story("5");
    assert!(first["customers"][2].is_object(), "{first}");
    assert_eq!(first, story("5"));
    assert_ne!(first, story("6"));
}

#[test]
fn a_damaged_state_is_refused_and_left_alone() {
    let folder = tempdir();
    for system in ["lightspeed", "copernica"] {
        let path = folder.path().join(system);
        std::fs::write(&path, "schakel sandbox, but not quite").unwrap();
        let output = schakel()
            .args(["--json", "sandbox", system, "--listen", "127.0.0.1:0", "--data"])
            .arg(&path)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(said["error"]["code"], "SCH-0108", "{said}");
        let held = std::fs::read_to_string(&path).unwrap();
        assert_eq!(held, "schakel sandbox, but not quite");
    }
}

#[test]
fn a_state_has_one_process_at_a_time() {
    let folder = tempdir();
    let data = folder.path().display().to_string();
    let (_sandbox, ..) = start_both(folder.path());
    let output = schakel()
        .args([
            "--json",
            "sandbox",
            "copernica",
            "--listen",
            "127.0.0.1:0",
            "--data",
            &data,
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(said["error"]["code"], "SCH-0108", "{said}");
}

#[test]
fn a_state_that_cannot_be_kept_ends_the_simulator() {
    let folder = tempdir();
    let path = folder.path().join("nowhere").join("shop.state");
    let output = schakel()
        .args([
            "--json",
            "sandbox",
            "lightspeed",
            "--listen",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(said["error"]["code"], "SCH-0109", "{said}");
}

#[test]
fn an_outage_closes_the_port_and_not_the_control_port() {
    let mut sandbox = Sandbox::start(&["copernica", "--json"]);
    let account = sandbox.said();
    let url = format!(
        "{}/v3/identity?access_token=sandbox-token",
        text(&account, "base_url")
    );
    assert_eq!(call(&url, None)["name"], "sandbox");
    call(&control(&account, "outage"), Some(&json!({"on": true})));
    assert!(wait_until(END, || call(&url, None).is_null()));
    call(&control(&account, "outage"), Some(&json!({"on": false})));
    assert!(wait_until(END, || call(&url, None)["name"] == "sandbox"));
}

#[test]
fn the_limits_of_the_shop_are_those_asked_for() {
    let mut sandbox = Sandbox::start(&["lightspeed", "--json", "--limits", "2,100,1000"]);
    let shop = sandbox.said();
    let url = format!("{}/nl/languages/count.json", text(&shop, "base_url")).replace(
        "http://",
        &format!("http://{}:{}@", text(&shop, "api_key"), text(&shop, "api_secret")),
    );
    let answers = [(); 3].map(|()| call(&url, None));
    assert_eq!(answers[1]["count"], 3, "{answers:?}");
    assert_eq!(answers[2]["error"]["code"], 429, "{answers:?}");
}

#[test]
fn the_app_of_the_command_line_can_be_installed() {
    let page = "https://app.example.org/installed";
    let mut sandbox = Sandbox::start(&["lightspeed", "--json", "--app-url", page]);
    let shop = sandbox.said();
    let url = format!(
        "{}/nl/apps/install?api_key={}&shop_id={}",
        text(&shop, "base_url"),
        text(&shop, "app_key"),
        shop["shop_id"]
    );
    let output = Command::new("curl").args(["-s", "-i", &url]).output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.contains(&format!("{page}?language=nl&")), "{answer}");
}

#[test]
fn ports_behind_the_last_one_are_refused() {
    for arguments in [
        &["all", "--listen", "127.0.0.1:65535"][..],
        &["lightspeed", "--listen", "127.0.0.1:65531"],
        &["all", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:65535"],
    ] {
        let output = schakel()
            .args(["--json", "sandbox"])
            .args(arguments)
            .output()
            .unwrap();
        let said: Value = serde_json::from_slice(&output.stderr).unwrap();
        let error = &said["error"];
        assert_eq!(
            (output.status.code(), &error["code"]),
            (Some(2), &json!("SCH-0106")),
            "{said}"
        );
        let first = arguments[arguments.len() - 1];
        assert!(text(error, "message").contains(first), "{said}");
        assert!(
            text(error, "hint").contains(arguments[arguments.len() - 2]),
            "{said}"
        );
    }
}

/// Answers the first request of a connection with 200 and gives what it said.
fn received(listener: &TcpListener) -> String {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    assert!(wait_until(END, || {
        accepted = listener.accept().ok();
        accepted.is_some()
    }));
    let (mut stream, _) = accepted.unwrap();
    stream.set_nonblocking(false).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .unwrap();
    head + &String::from_utf8_lossy(&body)
}

#[test]
fn webhooks_of_both_arrive() {
    let folder = tempdir();
    let (_sandbox, shop, account) = start_both(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());

    let with_key = format!("http://{}:{}@", text(&shop, "api_key"), text(&shop, "api_secret"));
    let webhooks = format!("{}/nl/webhooks.json", text(&shop, "base_url")).replace("http://", &with_key);
    let webhook = json!({"webhook": {"isActive": true, "itemGroup": "customers", "itemAction": "created",
                                     "language": "nl", "format": "json", "address": address}});
    assert!(call(&webhooks, Some(&webhook))["webhook"]["id"].is_u64());
    call(
        &control(&shop, "acts/register"),
        Some(&json!({"email": "jan@example.org"})),
    );
    let hook = received(&listener);
    assert!(
        hook.contains("x-event: customers/created") && hook.contains("jan@example.org"),
        "{hook}"
    );

    make_database(&account, "Proef");
    let base = text(&account, "base_url");
    let to = |path: &str| format!("{base}/v3/{path}?access_token=sandbox-token");
    call(
        &to("database/1/fields"),
        Some(&json!({"name": "Email", "type": "email", "length": 160})),
    );
    let trigger = json!({"handler": address, "trigger": "create"});
    call(&to("webhooks"), Some(&trigger));
    call(
        &to("database/1/profiles"),
        Some(&json!({"fields": {"Email": "an@example.org"}})),
    );
    let hook = received(&listener);
    assert!(hook.contains("an%40example.org"), "{hook}");
}
