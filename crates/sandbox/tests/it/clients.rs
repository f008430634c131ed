//! Runs programs that we did not write: clients and testers from package registries.
//!
//! Which there are and what they showed is told in `docs/reference/outside-clients.md`.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use schakel_testkit::outside;

/// Returns the path of a file that belongs to such a program.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

/// Runs a program to its end, which must be a good one, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Lets the generic tester schemathesis call everything in `description` below `http://{at}{path}`.
///
/// It makes valid, border and invalid calls from the description, some of them in chains (create, read, delete, read),
/// and compares each answer with the description. The calls are the same in every run.
pub fn test_generically(description: &str, at: SocketAddr, path: &str, (option, secret): (&str, &str)) {
    let Some(schemathesis) = outside::python("schemathesis") else {
        return;
    };
    let checks = [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "ignored_auth",
    ];
    // These take 404 for the one way to say that something is gone; Copernica says 400, and keeps what was removed.
    let of_404 = [
        "use_after_free",
        "ensure_resource_availability",
        "positive_data_acceptance",
    ];
    let is_copernica = option == "--header";
    let checks: Vec<&str> = checks
        .into_iter()
        .chain(of_404.into_iter().filter(|_| !is_copernica))
        .collect();
    // It leaves notes where it is started.
    let folder = schakel_testkit::tempdir();
    let mut command = Command::new(schemathesis);
    command
        .args(["--config-file"])
        .arg(file("schemathesis.toml"))
        .args(["--no-color", "run"])
        .arg(file(description))
        .args(["--url", &format!("http://{at}{path}"), option, secret])
        .args(["--checks", &checks.join(",")])
        .args([
            "--generation-deterministic",
            "--max-examples=10",
            "--continue-on-failure",
        ])
        .current_dir(folder.path());
    let said = run(&mut command);
    // A description that was read as empty would be a test of nothing.
    assert!(
        said.contains("Operations:       17 selected / 17 total"),
        "{said}"
    );
}
