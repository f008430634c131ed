//! Copernica as a sink: profiles and subprofiles of one database.
//!
//! Reading order: `config` (what a person enters), `auth` and `call` (how a call gets out), `outcome` (what an
//! answer means), `wire` and `mapping` (their JSON, our words), `structure`, `setup` and `check` (what there is and
//! shall be), `sink` (deliveries). DESIGN.md holds the facts about the API and how each is known.

mod config;

mod auth;
mod call;
mod outcome;

mod mapping;
mod wire;

mod check;
mod setup;
mod structure;

mod alive;
mod highest;
mod newcomers;
mod sink;

pub use config::{ApiVersion, Settings};

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use schakel_core::connector::{
    BoxFuture, CheckReport, ConnectorError, Cx, Lack, Newcomers, Receipt, RemoteState, SetupStep, Sink, Work,
};
use schakel_core::delivery::ObjectKind;
use schakel_core::preset::Preset;

use alive::Alive;
use auth::Auth;
use structure::Known;

/// One connection to Copernica: one account, one database.
#[derive(Debug)]
pub struct Copernica {
    settings: Settings,
    preset: Arc<Preset>,
    auth: Auth,
    known: Mutex<Option<Arc<Known>>>,
    alive: Alive,
    /// The number of the account, once it was asked for.
    account: OnceLock<i64>,
}

impl Copernica {
    /// Makes the connection; nothing is called yet.
    #[must_use]
    pub fn new(settings: Settings, preset: Arc<Preset>) -> Self {
        Self {
            settings,
            preset,
            auth: Auth::default(),
            known: Mutex::new(None),
            alive: Alive::default(),
            account: OnceLock::new(),
        }
    }

    /// Gives the structure that `connect` read.
    fn known(&self) -> Result<Arc<Known>, ConnectorError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.ok_or_else(|| ConnectorError::Structure("not read yet: connect first".to_owned()))
    }
}

impl Sink for Copernica {
    fn check<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<CheckReport, ConnectorError>> {
        Box::pin(self.report(cx))
    }

    fn setup<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<SetupStep>, ConnectorError>> {
        Box::pin(self.set_up(cx))
    }

    fn connect<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<(), ConnectorError>> {
        Box::pin(async move {
            let known = Arc::new(self.read_known(cx).await?);
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
            Ok(())
        })
    }

    fn lacking(&self) -> Vec<Lack> {
        self.known()
            .map_or_else(|_| Vec::new(), |known| known.lacking.clone())
    }

    fn takes(&self, kind: ObjectKind) -> bool {
        self.preset.table(kind).is_some()
    }

    fn location<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<String, ConnectorError>> {
        Box::pin(async move {
            let database = self.known()?.database;
            let account = self.account(cx).await?;
            Ok(format!("account {account}, database {database}"))
        })
    }

    fn deliver<'a>(&'a self, cx: &'a Cx, work: &'a Work) -> BoxFuture<'a, Result<Receipt, ConnectorError>> {
        Box::pin(self.bring(cx, work))
    }

    fn highest<'a>(&'a self, cx: &'a Cx, above: i64) -> BoxFuture<'a, Result<Option<i64>, ConnectorError>> {
        Box::pin(self.highest_number(cx, above))
    }

    fn newcomers<'a>(
        &'a self,
        cx: &'a Cx,
        above: Option<i64>,
    ) -> BoxFuture<'a, Result<Newcomers, ConnectorError>> {
        Box::pin(self.list_newcomers(cx, above))
    }

    fn look_up<'a>(
        &'a self,
        cx: &'a Cx,
        kind: ObjectKind,
        key: &'a [(Arc<str>, i64)],
    ) -> BoxFuture<'a, Result<Vec<RemoteState>, ConnectorError>> {
        Box::pin(self.states(cx, kind, key))
    }
}
