//! Tests the credentials, and says what cannot be tested without changing something.

use schakel_core::connector::{CheckLine, CheckReport, ConnectorError, Cx, Method};
use schakel_core::delivery::ObjectKind;
use serde::de::IgnoredAny;

use super::Copernica;
use super::call::Call;
use super::outcome;
use super::structure::lacking;
use super::wire::{Identity, List};

impl Copernica {
    /// Asks who the token belongs to and whether the structure may be read.
    ///
    /// # Errors
    /// When the account can't be reached or refuses the token.
    pub(crate) async fn report(&self, cx: &Cx) -> Result<CheckReport, ConnectorError> {
        let identity = self.identity(cx).await?;
        let mut lines = vec![line("token", true, true, "")];
        lines.push(self.check_databases(cx).await?);
        let (database, lacking) = self.check_database(cx).await?;
        lines.push(database);
        // Each of these rights can be given or taken per token, and shows only when it is used.
        for subject in [
            "databases and fields: create",
            "profiles: write",
            "subprofiles: write",
        ] {
            lines.push(untested(
                subject,
                "it would change the account; setup and the first delivery show it",
            ));
        }
        lines.push(self.restriction_line());
        Ok(CheckReport {
            identity: format!("{} (account {})", identity.name, identity.id),
            lines,
            lacking,
        })
    }

    async fn identity(&self, cx: &Cx) -> Result<Identity, ConnectorError> {
        let call = Call::new(Method::Get, "identity", "GET identity");
        outcome::document(&self.send(cx, &call).await?)
    }

    /// Gives the number of the account that the token belongs to; asks once.
    ///
    /// # Errors
    /// Any [`ConnectorError`].
    pub(super) async fn account(&self, cx: &Cx) -> Result<i64, ConnectorError> {
        match self.account.get() {
            Some(account) => Ok(*account),
            None => {
                let account = self.identity(cx).await?.id;
                Ok(*self.account.get_or_init(|| account))
            }
        }
    }

    async fn check_databases(&self, cx: &Cx) -> Result<CheckLine, ConnectorError> {
        let call = Call::new(Method::Get, "databases", "GET databases").query("limit", "1");
        match outcome::document::<List<IgnoredAny>>(&self.send(cx, &call).await?) {
            Ok(_) => Ok(line("databases: read", true, true, "")),
            Err(ConnectorError::Rejected(text)) => Ok(line("databases: read", true, false, &text)),
            Err(error) => Err(error),
        }
    }

    /// Looks for the database, and names what it lacks: setup was made for less than is configured now.
    async fn check_database(&self, cx: &Cx) -> Result<(CheckLine, Vec<CheckLine>), ConnectorError> {
        let subject = format!("database {}", self.settings.database);
        let database = match self.read_database(cx).await {
            Ok(Some(database)) => database,
            Ok(None) => {
                let note = "not there yet: setup creates it";
                return Ok((line(&subject, false, false, note), Vec::new()));
            }
            Err(ConnectorError::Rejected(text)) => {
                return Ok((line(&subject, true, false, &text), Vec::new()));
            }
            Err(error) => return Err(error),
        };
        let mut lines = Vec::new();
        for lack in lacking(&self.preset, &database) {
            let waits = match lack.kind {
                ObjectKind::Relation => "nothing is delivered".to_owned(),
                kind => format!("the {}s wait", kind.as_str()),
            };
            let note = format!("missing, {waits} until `schakel setup` makes it (SCH-0504)");
            lines.extend(
                lack.missing
                    .iter()
                    .map(|missing| line(missing, true, false, &note)),
            );
        }
        Ok((line(&subject, false, true, ""), lines))
    }

    /// A restriction can neither be set nor read by the API (copernica.md §4.7, mission A13).
    fn restriction_line(&self) -> CheckLine {
        let table = self.preset.table(ObjectKind::Relation);
        let key = table.map_or("the key", |table| &*table.fields[table.key[0]].name);
        let note = format!(
            "Copernica does not tell. Advice: in Copernica, Configuration > Database restrictions, add `block double values` on {key}"
        );
        untested("uniqueness restriction", &note)
    }
}

fn line(subject: &str, is_required: bool, is_granted: bool, note: &str) -> CheckLine {
    CheckLine {
        subject: subject.to_owned(),
        is_required,
        is_tested: true,
        is_granted,
        note: note.to_owned(),
    }
}

fn untested(subject: &str, note: &str) -> CheckLine {
    CheckLine {
        is_tested: false,
        ..line(subject, false, false, note)
    }
}
