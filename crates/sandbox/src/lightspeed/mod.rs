//! Simulator of the Lightspeed eCom (C-Series) REST API and of a shop behind it.
//!
//! Written from the reference `lightspeed-ecom.md` alone. A [`Simulator`] is one shop: a REST API
//! ([`Simulator::router`]), webhooks that are really sent, and acts (methods such as
//! [`Simulator::place_order`]) that change the shop the way shoppers and the merchant do. [`traffic`]
//! performs such acts by the thousand.
//!
//! State is compact (`records`) and JSON is made when it is asked for (`write`).

mod acts;
mod apps;
mod auth;
mod catalogue;
mod checkout;
mod control;
mod dispatch;
mod emit;
mod faults;
mod inspect;
mod json;
mod language;
mod limits;
mod options;
mod person;
mod plain;
mod records;
mod rest;
mod sent_log;
mod snapshot;
mod span;
mod state;
mod switches;
pub mod traffic;
mod wall;
mod webhooks;
mod write;
mod written;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use acts::{
    Burst, Buyer, Cart, CartChange, CustomerChange, Goods, NewCustomer, NewOrder, NewSubscription,
    ProductChange, Refund, RowsChange, Sent, Split,
};
pub use apps::cluster_router;
pub use dispatch::WebhookCounts;
pub use faults::{RestFault, RestFaults, WebhookFaults};
pub use inspect::{Kind, OrderFacts, QuoteFacts, RowFacts, ShopCounts};
pub use options::{Access, App, Cluster, DeletionBody, Key, Options, Permissions, WebhookOptions};
pub use person::{Country, Gender, Person, Text};
pub use snapshot::LoadError;
pub use switches::{Rules, Window};

use dispatch::{Dispatcher, OnDead};
use faults::RestPlan;
use language::Language;
use limits::Budget;
use state::Shop;
use switches::Switches;
use wall::Wall;
use write::LinkBases;

use crate::client;
use crate::control::CallLog;
use crate::door::{Outage, Receiver, Seed, SimClock};

/// One simulated shop; clones are handles on the same shop.
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Inner>,
    /// How much an act done through this handle tells.
    burst: Burst,
    /// How far in the past an act done through this handle happens, in seconds.
    ago_s: i64,
}

struct Inner {
    options: Options,
    keys: Vec<Key>,
    switches: Mutex<Switches>,
    default_language: Language,
    clock: Arc<dyn SimClock>,
    wall: Wall,
    /// The wall clock of checkouts.
    utc: Wall,
    bases: LinkBases,
    shop: Mutex<Shop>,
    /// One budget per key.
    budgets: Mutex<Vec<Budget>>,
    faults: Mutex<RestPlan>,
    /// Calls whose answer came before they were done.
    put_off: Mutex<Vec<rest::PutOff>>,
    /// Calls per resource.
    calls: Mutex<BTreeMap<String, u64>>,
    dispatcher: Arc<Dispatcher>,
    /// The newest calls.
    log: CallLog,
    outage: Outage,
    /// Traffic that the control port started.
    traffic: Mutex<Option<control::Running>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.dispatcher.stop();
    }
}

impl Simulator {
    /// Opens a shop with a catalogue and without customers.
    ///
    /// The same options, clock and seed give the same shop.
    #[must_use]
    pub fn new(options: Options, clock: Arc<dyn SimClock>, mut seed: Seed) -> Self {
        let now_s = clock.now_us().div_euclid(1_000_000);
        let shop = Shop::new(&options, Seed::new(seed.next_u64()), now_s);
        let keys = auth::keys(&options);
        let budgets = keys
            .iter()
            .map(|_| Budget::new(options.limits, options.per_second))
            .collect();
        let languages: Vec<Language> = options
            .languages
            .iter()
            .filter_map(|code| Language::of(code))
            .collect();
        let default_language = Language::of(&options.default_language)
            .or_else(|| languages.first().copied())
            .or_else(|| Language::of("nl"))
            .expect("the platform knows Dutch");
        let (fault_seed, dispatcher_seed) = (Seed::new(seed.next_u64()), Seed::new(seed.next_u64()));
        let inner = Inner {
            switches: Mutex::new(Switches::new(languages, &keys, Rules::of(&options))),
            keys,
            default_language,
            log: CallLog::default(),
            outage: Outage::default(),
            traffic: Mutex::new(None),
            dispatcher: Arc::new(Dispatcher::new(&options, Arc::clone(&clock), dispatcher_seed)),
            clock,
            wall: Wall::of(options.cluster.zone()),
            utc: Wall::of("UTC"),
            bases: LinkBases::of(options.cluster),
            shop: Mutex::new(shop),
            budgets: Mutex::new(budgets),
            faults: Mutex::new(RestPlan::new(fault_seed)),
            put_off: Mutex::new(Vec::new()),
            calls: Mutex::new(BTreeMap::new()),
            options,
        };
        let simulator = Self {
            inner: Arc::new(inner),
            burst: Burst::FULL,
            ago_s: 0,
        };
        simulator.watch_registrations();
        simulator
    }

    /// Switches a registration off when the dispatcher says that it failed too often.
    fn watch_registrations(&self) {
        let inner = Arc::downgrade(&self.inner);
        self.inner.dispatcher.on_dead(OnDead(Box::new(move |id| {
            let Some(inner) = inner.upgrade() else { return };
            let now_s = inner.clock.now_us().div_euclid(1_000_000);
            let mut shop = locked(&inner.shop);
            let Some(at) = shop.webhooks.find(id) else { return };
            if let Some(hook) = shop.webhooks.get_mut(at) {
                hook.is_active = false;
                hook.updated_s = now_s;
            }
        })));
    }

    /// Returns a handle whose acts tell as much as `burst` says.
    #[must_use]
    pub fn with_burst(&self, burst: Burst) -> Self {
        Self {
            burst,
            ..self.clone()
        }
    }

    /// Returns a handle whose acts happen `ago_s` seconds before now.
    #[must_use]
    pub fn in_the_past(&self, ago_s: i64) -> Self {
        Self {
            ago_s,
            ..self.clone()
        }
    }

    /// Returns the options it was made with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Replaces the standing faults of the webhooks.
    pub fn set_webhook_faults(&self, faults: WebhookFaults) {
        self.inner.dispatcher.set_faults(faults);
    }

    /// Replaces the standing faults of the API.
    ///
    /// # Panics
    /// When the shares are more than 100 together: calls could not get what was asked for.
    pub fn set_rest_faults(&self, faults: RestFaults) {
        assert!(crate::shares::is_whole(&faults.percent), "shares over 100");
        locked(&self.inner.faults).set(faults);
    }

    /// Lets the next `count` calls suffer `fault`.
    pub fn fail_next(&self, fault: RestFault, count: u32) {
        self.fail_next_at("", fault, count);
    }

    /// Lets the next `count` calls whose paths hold `at` suffer `fault`.
    pub fn fail_next_at(&self, at: &str, fault: RestFault, count: u32) {
        locked(&self.inner.faults).fail_next(fault, at, count);
    }

    /// Sends all webhooks to a receiver in this process; waits between attempts pass on the clock of the shop.
    ///
    /// From now on nothing is sent by itself: [`deliver_due`](Self::deliver_due) sends. Call it before anything is
    /// told; `false` when there is a receiver already.
    pub fn deliver_in_process(&self, receiver: Receiver) -> bool {
        self.inner.dispatcher.deliver_in_process(receiver)
    }

    /// Attempts every delivery that is due to the receiver in this process, one after the other, and returns how
    /// many attempts that were.
    pub async fn deliver_due(&self) -> u64 {
        self.inner.dispatcher.deliver_due().await
    }

    /// Waits until no delivery is outstanding, retries included; with a receiver in this process, until none is due.
    pub async fn webhooks_idle(&self) {
        self.inner.dispatcher.idle().await;
    }

    /// Waits until fewer deliveries are outstanding than the soft limit.
    pub async fn webhooks_room(&self) {
        self.inner.dispatcher.room().await;
    }

    /// Waits until fewer deliveries than the soft limit are to be sent now; those that wait for another attempt do not count:
    /// a shop goes on selling while its webhooks are refused.
    pub async fn webhooks_under_way(&self) {
        self.inner.dispatcher.room_to_send().await;
    }

    /// Returns the time of this handle in whole seconds since 1970 (UTC).
    pub(crate) fn now_s(&self) -> i64 {
        self.inner.clock.now_us().div_euclid(1_000_000) - self.ago_s
    }

    /// Locks the shop.
    pub(crate) fn shop(&self) -> MutexGuard<'_, Shop> {
        locked(&self.inner.shop)
    }
}

/// Locks; a panic elsewhere does not make the simulator unusable.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
