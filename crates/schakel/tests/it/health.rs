//! What ails a hub is told by the commands, in words that say what to do.

use serde_json::Value;
use tokio::task::block_in_place;

use crate::process::{Outside, free_port};

/// Gives the finding of the doctor about `subject`.
fn finding<'f>(findings: &'f Value, subject: &str) -> &'f Value {
    let mut all = findings.as_array().unwrap().iter();
    all.find(|finding| finding["subject"] == subject)
        .unwrap_or_else(|| panic!("nothing about {subject}: {findings}"))
}

/// The address is told, the password is not, and nobody is sent to start what runs already.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_is_told_with_its_address_and_advice() {
    let port = free_port();
    let database = format!("postgres://hub:s3cret@127.0.0.1:{port}/schakel");
    let outside = Outside::start(61, &database).await;
    block_in_place(|| {
        let (findings, exit) = outside.ask(&["doctor"]);
        assert_eq!(exit, 3, "{findings}");
        let about = finding(&findings, "database");
        let (text, advice) = (about["text"].as_str().unwrap(), about["advice"].as_str().unwrap());
        assert!(
            text.contains(&format!("127.0.0.1:{port}, database schakel")),
            "{text}"
        );
        assert!(
            advice.contains("PostgreSQL runs") && !advice.contains("serve"),
            "{advice}"
        );
        for command in ["status", "doctor", "check"] {
            let (said, exit) = outside.ask(&[command]);
            let said = said.to_string();
            assert!(exit != 0 && said.contains(&port.to_string()), "{command}: {said}");
            assert!(!said.contains("s3cret"), "{command}: {said}");
        }
    });
}
