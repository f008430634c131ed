//! Failures as the operator sees them: message, cause, hint and a code with a page in docs/errors.

use std::error::Error;
use std::fmt;

use schakel_core::connector::ConnectorError;
use schakel_core::health::Ailment;
use schakel_core::limits;
use schakel_core::time::wait_in_words;
use schakel_store::{BadFile, StoreError};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Good = 0,
    /// It did not work.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// It worked, and found something that needs a person.
    Findings = 3,
    /// It was begun and goes on by itself; the command waited for it no longer.
    Unended = 4,
}

/// A failure that an operator can do something about.
#[derive(Debug)]
pub(crate) struct Failure {
    code: &'static str,
    message: String,
    details: Vec<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
    hint: String,
    exit: Exit,
}

impl Failure {
    /// Makes a failure of something that was tried.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            cause: None,
            hint: String::new(),
            exit: Exit::Failed,
        }
    }

    /// Makes a failure of the command line or the configuration.
    pub(crate) fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::new(code, message)
        }
    }

    /// Tells whether the database could not be reached or used.
    pub(crate) fn is_of_database(&self) -> bool {
        self.code == "SCH-0205"
    }

    /// Adds why it happened.
    pub(crate) fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds single findings, such as the faults of a file.
    pub(crate) fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Gives what is wrong, without why.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Gives what is wrong and why, in one line.
    pub(crate) fn text(&self) -> String {
        let mut parts = vec![self.message.clone()];
        parts.extend(self.causes());
        parts.join(": ")
    }

    /// Gives what to do next; empty when nobody knows.
    pub(crate) fn advice(&self) -> &str {
        &self.hint
    }

    /// Gives how the process ends with it.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Gives the lines that are printed, without the word `error`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.message.clone()];
        lines.extend(self.details.iter().map(|detail| format!("  {detail}")));
        lines.extend(self.causes().iter().map(|cause| format!("  cause: {cause}")));
        if !self.hint.is_empty() {
            lines.push(format!("  hint: {}", self.hint));
        }
        lines.push(format!("  code: {} (docs/errors/{}.md)", self.code, self.code));
        lines
    }

    /// Gives the failure as one JSON object.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "error": {
            "code": self.code,
            "message": self.message,
            "details": self.details,
            "causes": self.causes(),
            "hint": self.hint,
        }})
    }

    fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next: Option<&(dyn Error + 'static)> = self.cause.as_deref().map(|cause| cause as _);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// What is said of a damaged file.
const DAMAGED: (&str, &str, &str) = (
    "SCH-0211",
    "the file of the database is damaged",
    "stop Schakel, keep the file as it is, and put the newest copy of it in its place",
);

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (code, message, hint) = match &error {
            StoreError::Locked { .. } => (
                "SCH-0201",
                "the database is in use",
                "stop the other process, or give this one a folder of its own with `hub.data` (`--data DIR` of `demo` and `sandbox`)",
            ),
            StoreError::NewerSchema { .. } => (
                "SCH-0202",
                "the database was made by a newer version of Schakel",
                "start the newer version; an older one must not write into it",
            ),
            StoreError::OlderSchema { .. } => (
                "SCH-0203",
                "the database was made by an older version of Schakel",
                "start `schakel serve` once, it brings the database up to date",
            ),
            StoreError::OtherSchema { .. } => (
                "SCH-0212",
                "the database was made by a build of Schakel that was never released, or by another program",
                "start the build that made it; docs/errors/SCH-0212.md says how to begin a new one",
            ),
            StoreError::BadUrl(_) => (
                "SCH-0204",
                "the address of the database is not usable",
                "write postgres://user:password@host/name, or leave it empty for SQLite",
            ),
            StoreError::Connect { .. } => (
                "SCH-0205",
                "the database cannot be reached",
                "check that PostgreSQL runs, and address, user, password and name of the database in `hub.database`",
            ),
            StoreError::BadFile { what, .. } => match what {
                BadFile::Empty => (
                    "SCH-0211",
                    "the file of the database is empty",
                    "put the newest copy of it in its place; where there never was any data, `schakel serve` begins it anew",
                ),
                BadFile::Foreign => (
                    "SCH-0211",
                    "the file is no database of Schakel",
                    "give Schakel a folder of its own with `hub.data`; nothing was written into the file",
                ),
                BadFile::Damaged => DAMAGED,
            },
            error if error.is_damaged() => DAMAGED,
            StoreError::Driver { .. } => (
                "SCH-0205",
                "the database cannot be used",
                "check that it runs, that the address is right, and that the disk has room",
            ),
            StoreError::File { .. } => (
                "SCH-0206",
                "a file of the database cannot be used",
                "check that this user may write the file and its folder, and that the disk has room",
            ),
            StoreError::WrongRows { .. } => (
                "SCH-0208",
                "another process changed the same rows first",
                "run the command again; nothing of it was stored",
            ),
            StoreError::Contradiction { .. } => (
                "SCH-0207",
                "the database contradicts itself",
                "stop Schakel, keep a copy of the database, and report this",
            ),
        };
        Self::new(code, message).caused_by(error).hint(hint)
    }
}

impl Failure {
    /// Gives what to do about a connection that ails so.
    pub(crate) const fn hint_of(ailment: Ailment) -> &'static str {
        match ailment {
            Ailment::Unreachable => {
                "the cause says what failed; where nothing answered, check `base_url` in the configuration and this machine's way to the internet, or the other side is down"
            }
            Ailment::Language => {
                "switch the language on in the back office of the shop, or give an active one as `language` of the connection"
            }
            Ailment::Credentials => {
                "compare them with those in the back office; a new key or token takes effect after a restart"
            }
            Ailment::Busy => {
                "try again then; `schakel budget` shows who spends the calls of a shop, and another program may use the same key"
            }
            Ailment::Structure | Ailment::Places => {
                "run `schakel setup`, it creates what is missing and says what differs"
            }
            Ailment::NotOurs => {
                "a shop: compare `shop_id` and the key in the configuration; an account: its profiles come from another database, and `schakel check` names the ways out (docs/errors/SCH-0506.md)"
            }
            Ailment::Moved => {
                "configure the account and `database` of before again, or let everything be delivered anew into this one: stop the hub, run `schakel setup --move CONNECTION` and start it (docs/errors/SCH-0507.md)"
            }
            Ailment::Webhooks => {
                "let the key read and write the settings of the shop, where webhooks are kept, or set `webhooks = false` to have it asked every five minutes instead"
            }
            Ailment::Look => {
                "the cause says what failed; when it lasts, `schakel reconcile --profiles` looks once more, and `schakel check` tests the token"
            }
            Ailment::Unusable => "check that `base_url` leads to the right system; else report this",
        }
    }

    /// Makes the failure of a call to the outside system of the connection `name`.
    ///
    /// `side` picks the range of the code: 04 for shops, 05 for mailing tools.
    pub(crate) fn of_call(name: &str, side: Side, error: ConnectorError) -> Self {
        let ailment = Ailment::of(&error);
        let message = match (ailment, &error) {
            (Ailment::Unreachable, _) => format!("\"{name}\" cannot be reached"),
            (Ailment::Language, _) => {
                format!("\"{name}\" finds nothing, because the configured language is switched off there")
            }
            (Ailment::Credentials, _) => format!("\"{name}\" refuses the credentials"),
            (Ailment::Busy, ConnectorError::RateLimited { retry_after_ms }) => busy(name, *retry_after_ms),
            (Ailment::Busy, _) => busy(name, None),
            (Ailment::Structure | Ailment::Places, _) => {
                format!("the structure of \"{name}\" is not the one that is needed")
            }
            (Ailment::NotOurs, _) => format!("\"{name}\" is not the one that it should be"),
            (Ailment::Moved, _) => {
                format!("\"{name}\" is another account or database than the one that was filled")
            }
            (Ailment::Unusable | Ailment::Webhooks | Ailment::Look, _) => {
                format!("\"{name}\" gave an answer that cannot be used")
            }
        };
        let (source, sink) = ailment.codes();
        let code = match side {
            Side::Source => source,
            Side::Sink => sink,
        };
        let hint = match (ailment, side) {
            (Ailment::NotOurs, Side::Source) => {
                "compare `shop_id` and the key in the configuration: one of them is of another shop"
            }
            _ => Self::hint_of(ailment),
        };
        Self::new(code, message).caused_by(error).hint(hint)
    }
}

/// Says when a connection that takes no more calls has room again.
fn busy(name: &str, retry_after_ms: Option<i64>) -> String {
    match retry_after_ms {
        Some(limits::RETRY_AFTER_MS..) => {
            format!(
                "\"{name}\" has no room for such a call within a day; with these limits and reserves perhaps never"
            )
        }
        Some(wait_ms) => format!(
            "\"{name}\" takes no more calls now; there is room again in {}",
            wait_in_words(wait_ms.saturating_mul(1_000))
        ),
        None => format!("\"{name}\" takes no more calls at the moment"),
    }
}

/// Which way data goes at a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It gives data.
    Source,
    /// It takes data.
    Sink,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let cause = ConnectorError::Unavailable("no connection".to_owned());
        let failure = Failure::of_call("mail", Side::Sink, cause);
        let lines = failure.lines().join("\n");
        for part in [
            "\"mail\" cannot be reached",
            "cause: not reachable: no connection",
            "hint: the cause says what failed; where nothing answered, check `base_url`",
            "SCH-0501",
        ] {
            assert!(lines.contains(part), "{lines}");
        }
        assert_eq!(failure.exit(), Exit::Failed);
        assert_eq!(failure.json()["error"]["code"], "SCH-0501");
    }

    #[test]
    fn a_wait_is_never_told_too_short_and_one_without_end_is_none() {
        let said = |retry_after_ms| {
            let error = ConnectorError::RateLimited { retry_after_ms };
            Failure::of_call("shop", Side::Source, error).lines().join("\n")
        };
        assert!(said(Some(7_199_001)).contains("room again in 2 h\n"));
        assert!(said(Some(5_400_001)).contains("room again in 1 h 31 min"));
        let never = said(Some(limits::RETRY_AFTER_MS));
        assert!(
            never.contains("perhaps never") && !never.contains("room again"),
            "{never}"
        );
        assert!(said(None).contains("at the moment"));
    }

    #[test]
    fn refused_keys_a_locked_and_a_newer_database_have_codes_of_their_own() {
        let refused = ConnectorError::Unauthorised("401".to_owned());
        assert!(
            Failure::of_call("shop", Side::Source, refused)
                .lines()
                .join("\n")
                .contains("SCH-0402")
        );
        let off = ConnectorError::SwitchedOff("the language `fr` is not active".to_owned());
        let off = Failure::of_call("shop", Side::Source, off).lines().join("\n");
        assert!(off.contains("SCH-0408") && off.contains("`fr`"), "{off}");
        let locked = StoreError::Locked {
            path: "hub.db.lock".into(),
            pid: "42".to_owned(),
        };
        let lines = Failure::from(locked).lines().join("\n");
        assert!(
            lines.contains("SCH-0201") && lines.contains("process 42"),
            "{lines}"
        );
        let newer = StoreError::NewerSchema { found: 9, known: 1 };
        assert!(Failure::from(newer).lines().join("\n").contains("SCH-0202"));
    }
}
