//! Simulator of the Copernica REST API, written from copernica.md and nothing else.
//!
//! [`Simulator`] holds one account. Serve its [`router`](Simulator::router) on a socket with
//! [`door::serve`](crate::door::serve), or call the router in process. The versions are told apart by the
//! path: `/v2`, `/v3`, `/v4`, and no prefix, which behaves as v2. The authentication host, another host at a
//! real account, is the path `/authenticate`: POST the form `access_token=T` and the body of the answer is
//! the bearer token for v4. A call whose `Host` begins with `rest.` reaches the host that streams long lists.
//!
//! Behind the calls: [`Simulator::control`] is the control port, [`Simulator::set_faults`] makes calls go wrong,
//! the `inspect` functions count and read what is stored without a call, the `hand` functions do what a person
//! does in the user interface, [`Simulator::run_webhooks`] delivers, [`Simulator::save`] and
//! [`Simulator::load`] keep the account between runs.
//!
//! Simulated where the reference does not know: a refused definition answers 400 `Failed to create …`, a
//! text is cut to its field's length, a page of more than 1000 is echoed as 1000. Mailings, files and coupons
//! are not simulated: their lists are empty.
//!
//! Reading order: `routes` (what a path means), `profiles`, `subprofiles`, `structure`, then `table` and
//! `cell` (how rows are kept), `field` and `dates` (how values are converted), `filter`, `listing`; then what
//! happens behind a call: `imports`, `hooks`, `deliver`.

mod account;
mod auth;
mod body;
mod call;
mod cell;
mod control;
mod copy;
mod dates;
mod deliver;
mod faults;
mod field;
mod filter;
mod hand;
mod hooks;
mod imports;
mod inspect;
mod interests;
mod listing;
mod oauth;
mod out;
mod outbox;
mod profiles;
mod requests;
mod routes;
mod rules;
mod sheet;
mod sign;
mod snapshot;
mod state;
mod structure;
mod subprofiles;
mod table;
mod unsubscribe;
mod view_calls;
mod views;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};

pub use deliver::{WebhookCounts, WebhookFaults};
pub use faults::{ConnectionLost, FaultKind, Faults};
pub use hand::{At, HandError};
pub use inspect::{Counts, RowView};
pub use oauth::Application;
pub use rules::{Removal, Restriction};
pub use sign::WebhookKey;
pub use snapshot::LoadError;

use account::Account;
use auth::Gate;
use body::Body;
use call::{Call, Refusal, Version};
use deliver::Post;
use faults::Dice;
use sign::Signer;

use crate::control::CallLog;
use crate::door::{Outage, Receiver, SimClock};

/// The largest body that is read; larger ones are answered with 413.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How the account behaves where the reference leaves a choice, and who may call it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The number in `identity`.
    pub account_id: u64,
    /// The name in `identity`.
    pub account_name: String,
    /// The API access tokens that are accepted.
    pub access_tokens: Vec<String>,
    /// The application that may ask for a token by OAuth.
    pub application: Application,
    /// How long a bearer token is good, in seconds.
    pub jwt_lifetime_s: i64,
    /// Whether v4 answers 400 instead of 401 to a missing or old bearer token (copernica.md §11 no. 3).
    pub v4_auth_400: bool,
    /// Whether a path without a version is a call of v2; else it is an invalid method.
    pub allow_unversioned: bool,
    /// The address in `X-location` and `Location`, without a version.
    pub base_url: String,
    /// Whether integers have 64 bits; else they are cut to 32 (copernica.md §14 no. 18).
    pub keep_integers_64: bool,
    /// Whether a text longer than its field is refused; else it is cut.
    pub refuse_long_text: bool,
    /// Whether the star that marks the default comes back in the definition of a select.
    pub star_in_definitions: bool,
    /// Whether unknown names in the filter of a write-to-many are passed over, so that only unknown names
    /// mean every profile, as observed before 2021 (copernica.md §2.3).
    pub legacy_put_many: bool,
    /// Whether a subprofile made by PUT is not named in `X-Created` (copernica.md §6.3).
    pub hide_subprofile_id: bool,
    /// How much later a write with `async=1` is done, in milliseconds of the simulator's clock.
    pub async_delay_ms: i64,
    /// Whether `X-Copernica-ID` says `account_1` instead of `account-1` (copernica.md §8.4).
    pub account_underscore: bool,
    /// How much later an import is done, in milliseconds of the simulator's clock.
    pub import_delay_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            account_id: 1,
            account_name: "sandbox".to_owned(),
            access_tokens: vec!["sandbox-token".to_owned()],
            application: Application {
                key: "sandbox-client".to_owned(),
                secret: "sandbox-secret".to_owned(),
            },
            jwt_lifetime_s: 24 * 60 * 60,
            v4_auth_400: false,
            allow_unversioned: true,
            base_url: "https://api.copernica.com".to_owned(),
            keep_integers_64: true,
            refuse_long_text: false,
            star_in_definitions: true,
            legacy_put_many: false,
            hide_subprofile_id: false,
            async_delay_ms: 1000,
            account_underscore: false,
            import_delay_ms: 1000,
        }
    }
}

/// A simulated Copernica account; clones share it.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    account: Mutex<Account>,
    gate: Mutex<Gate>,
    dice: Mutex<Dice>,
    application: Application,
    codes: Mutex<Vec<oauth::Code>>,
    post: Mutex<Post>,
    /// Takes webhooks in place of the addresses.
    receiver: OnceLock<Receiver>,
    signer: OnceLock<Signer>,
    log: CallLog,
    outage: Outage,
    /// The tokens of the options, which a saved account does not forget.
    access_tokens: Vec<String>,
    clock: Arc<dyn SimClock>,
    base_url: String,
    allow_unversioned: bool,
}

impl Inner {
    /// Gives the signer of webhooks; its key is read when it is first needed.
    fn signer(&self) -> &Signer {
        self.signer.get_or_init(Signer::new)
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        into.debug_struct("Simulator")
            .field("counts", &self.counts())
            .finish()
    }
}

/// Locks; a panic of another holder leaves the state usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulator {
    /// Makes an empty account; `seed` decides secrets, random orders and faults.
    #[must_use]
    pub fn new(options: Options, clock: Arc<dyn SimClock>, seed: u64) -> Self {
        let refusal = if options.v4_auth_400 {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::UNAUTHORIZED
        };
        let gate = Gate::new(&options.access_tokens, seed, options.jwt_lifetime_s, refusal);
        Self(Arc::new(Inner {
            gate: Mutex::new(gate),
            dice: Mutex::new(Dice::new(seed ^ 0xFA17)),
            application: options.application.clone(),
            codes: Mutex::new(Vec::new()),
            post: Mutex::new(Post::new(seed ^ 0x9057)),
            receiver: OnceLock::new(),
            signer: OnceLock::new(),
            log: CallLog::default(),
            outage: Outage::default(),
            access_tokens: options.access_tokens.clone(),
            clock,
            base_url: options.base_url.clone(),
            allow_unversioned: options.allow_unversioned,
            account: Mutex::new(Account::new(options, seed)),
        }))
    }

    /// Gives the router that answers all calls of all versions.
    pub fn router(&self) -> Router {
        Router::new().fallback(handle).with_state(self.clone())
    }

    /// Gives the switch that takes this account off the network, for
    /// [`door::serve_until`](crate::door::serve_until).
    #[must_use]
    pub fn outage(&self) -> Outage {
        self.0.outage.clone()
    }

    /// Makes calls go wrong from now on.
    ///
    /// # Panics
    /// When the shares are more than 100 together: calls could not get what was asked for.
    pub fn set_faults(&self, faults: Faults) {
        assert!(crate::shares::is_whole(&faults.percent), "shares over 100");
        lock(&self.0.dice).faults = faults;
    }

    /// Makes exactly the next `times` calls go wrong in this way; calls of this kind queue up.
    pub fn fail_next(&self, kind: FaultKind, times: usize) {
        lock(&self.0.dice).fail_next(kind, times);
    }

    /// Replaces the API access tokens; bearer tokens of the others are refused from now on.
    pub fn set_access_tokens(&self, tokens: &[String]) {
        lock(&self.0.gate).set_tokens(tokens);
    }

    /// Makes every bearer token issued so far invalid.
    pub fn expire_bearer_tokens(&self) {
        lock(&self.0.gate).expire_all();
    }

    /// Gives the account for a change by hand.
    fn account_to_change(&self) -> MutexGuard<'_, Account> {
        let mut account = self.account();
        account.revision += 1;
        account
    }

    /// Gives the account at the present time, with everything done that was due.
    fn account(&self) -> MutexGuard<'_, Account> {
        let mut account = lock(&self.0.account);
        account.advance(self.0.clock.now_us());
        account
    }

    async fn answer(&self, parts: Parts, body: Bytes) -> Response<Body> {
        let is_authentication = parts.uri.path() == "/authenticate";
        let (fault, faults) = lock(&self.0.dice).throw_all(is_authentication);
        let at_us = self.0.clock.now_us();
        let name = fault.map(FaultKind::name);
        let call = (&parts.method, &parts.uri);
        if fault == Some(FaultKind::DelayedSilent) {
            self.0.log.note(at_us, call, None, name);
        }
        if faults.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(faults.latency_ms)).await;
        }
        let mut response = match fault {
            None => self.execute(&parts, body),
            Some(fault) => self.go_wrong(&parts, body, fault, &faults).await,
        };
        let is_too_long = |most: usize| response.body().length() > most;
        if faults.answer_bytes_max.is_some_and(is_too_long) {
            response = faults::lost();
        }
        let is_lost = response.extensions().get::<ConnectionLost>().is_some();
        let status = Some(response.status()).filter(|_| !is_lost);
        self.0.log.note(at_us, call, status, name);
        response
    }

    async fn go_wrong(
        &self,
        parts: &Parts,
        body: Bytes,
        fault: FaultKind,
        faults: &Faults,
    ) -> Response<Body> {
        if let Some(response) = faults::answer(fault, faults) {
            return response;
        }
        match fault {
            FaultKind::ErrorAfter => {
                self.execute(parts, body);
                faults::error_page()
            }
            FaultKind::AnswerLost => {
                self.execute(parts, body);
                faults::lost()
            }
            FaultKind::SlowDrip => {
                let response = self.execute(parts, body);
                faults::drip(response, Duration::from_millis(faults.drip_pause_ms)).await
            }
            _ => self.execute_later(parts, body, fault, faults.delay_ms).await,
        }
    }

    /// Does the call and gives its true answer.
    fn execute(&self, parts: &Parts, body: Bytes) -> Response<Body> {
        if parts.uri.path() == "/authenticate" {
            return self.authenticate(parts, &body);
        }
        if let Some(response) = self.consent(parts).or_else(|| self.exchange(parts)) {
            return response;
        }
        let call = Call::new(parts, body);
        let reply = {
            let mut account = self.account();
            account.count(&call);
            self.admit(&call, &account).and_then(|()| account.dispatch(&call))
        };
        call::answer(&call, &self.0.base_url, reply)
    }

    /// Puts the call off and answers with a 504 page, or not at all.
    async fn execute_later(
        &self,
        parts: &Parts,
        body: Bytes,
        fault: FaultKind,
        delay_ms: i64,
    ) -> Response<Body> {
        let call = Call::new(parts, body);
        let admitted = {
            let mut account = self.account();
            account.count(&call);
            let admitted = self.admit(&call, &account);
            if admitted.is_ok() {
                let due_us = account.now_us.saturating_add(delay_ms.saturating_mul(1000));
                account.put_off(due_us, call.clone());
            }
            admitted
        };
        if let Err(refusal) = admitted {
            return call::refuse(call.version, &refusal);
        }
        if fault == FaultKind::DelayedSilent {
            std::future::pending::<()>().await;
        }
        faults::overload(StatusCode::GATEWAY_TIMEOUT)
    }

    fn admit(&self, call: &Call, account: &Account) -> Result<(), Refusal> {
        if !call.is_versioned && !self.0.allow_unversioned {
            return Err(Refusal::invalid_method());
        }
        lock(&self.0.gate).check(call, account.clock.now)
    }

    /// Answers the authentication host; what it says to a wrong token is not known (copernica.md §1.3).
    fn authenticate(&self, parts: &Parts, body: &[u8]) -> Response<Body> {
        let form = wire::pairs(&String::from_utf8_lossy(body));
        let token = form
            .iter()
            .find(|(name, _)| name == "access_token")
            .map_or("", |(_, token)| token.as_str());
        let now = self.0.clock.now_us().div_euclid(1_000_000);
        let issued = if parts.method == Method::POST {
            lock(&self.0.gate).issue(token, now)
        } else {
            None
        };
        match issued {
            Some(bearer) => Response::new(Body::whole(bearer.into_bytes())),
            None => call::refuse(Version::V4, &Refusal::new("Invalid access token")),
        }
    }
}

async fn handle(State(simulator): State<Simulator>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => simulator.answer(parts, body).await,
        Err(_) => call::plain(StatusCode::PAYLOAD_TOO_LARGE),
    }
}
