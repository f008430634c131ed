//! A running hub: the store, the doors, the connections and the routes between them.

pub mod admission;
pub mod health;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use schakel_core::connector::{Cx, Part, Sink, Source};
use schakel_core::forecast::Wants;
use schakel_core::id::{ConnectionId, EventId, IdMaker, TenantId};
use schakel_core::identity::BlockList;
use schakel_core::preset::Preset;
use schakel_core::time::{Clock, Zone};
use schakel_store::{Store, StoreError};
use tokio::sync::Notify;

use self::admission::Admission;
use self::health::Health;
use crate::budget::Ledger;
use crate::clock::Dice;
use crate::deliver::guard::Looks;

/// A connection that gives data.
pub struct SourceConnection {
    /// Its id.
    pub id: ConnectionId,
    /// Its name in the configuration.
    pub name: String,
    /// What speaks with it.
    pub source: Arc<dyn Source>,
    /// Its doors.
    pub cx: Cx,
    /// The identity scope: its own id (persons are unique per shop) or 0 (per account).
    pub scope: i64,
    /// Most fetches at once.
    pub fetches: usize,
    /// How many calls may be made; `cx` spends from it.
    pub ledger: Arc<Ledger>,
    /// How often its lists are walked.
    pub walks: WalkSettings,
    /// Where its webhooks come in.
    pub hook_address: HookAddress,
    /// Whether it showed that it is the configured one.
    pub admission: Admission,
}

/// How often the lists of a source are walked, in milliseconds; 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkSettings {
    /// From the begin of one sweep to the next: what changed lately (A19).
    pub sweep_ms: i64,
    /// From the begin of one reconciliation to the next: ids and counts (A16).
    pub reconcile_ms: i64,
    /// From one collection of checkouts to the next (C6).
    pub checkouts_ms: i64,
    /// Whether the history begins by itself at the first start (A8).
    pub has_history: bool,
}

impl WalkSettings {
    /// Nothing is walked by itself.
    pub const OFF: Self = Self {
        sweep_ms: 0,
        reconcile_ms: 0,
        checkouts_ms: 0,
        has_history: false,
    };
}

impl Default for WalkSettings {
    fn default() -> Self {
        const MINUTE_MS: i64 = 60_000;
        Self {
            sweep_ms: 15 * MINUTE_MS,
            reconcile_ms: 7 * 24 * 60 * MINUTE_MS,
            checkouts_ms: 15 * MINUTE_MS,
            has_history: true,
        }
    }
}

/// What one task of the hub notes and others read, as it is now.
#[derive(Clone, Default)]
pub struct Noted<T>(Arc<Mutex<T>>);

impl<T: Clone> Noted<T> {
    /// Gives what was noted last.
    #[must_use]
    pub fn get(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what is so now.
    pub fn set(&self, noted: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = noted;
    }
}

/// The public address at which a source's webhooks come in; it changes when its secret path is replaced. `None` when the hub is
/// not reached from outside or polls.
pub type HookAddress = Noted<Option<String>>;

/// When a sink was last prepared: whoever waits for a person to do that waits no longer. Empty when it never was, and
/// different each time.
pub type Prepared = Noted<Vec<u8>>;

/// A connection that takes data.
pub struct SinkConnection {
    /// Its id.
    pub id: ConnectionId,
    /// Its name in the configuration.
    pub name: String,
    /// What speaks with it.
    pub sink: Arc<dyn Sink>,
    /// Its doors.
    pub cx: Cx,
    /// How long a request that we gave up on may still be executing there, in milliseconds (I14).
    pub settle_ms: i64,
    /// Longest time that one attempt may take, in milliseconds; longer than the connector's own time-outs.
    pub attempt_ms: i64,
    /// Most calls at once.
    pub concurrency: usize,
    /// When it was last prepared.
    pub prepared: Prepared,
}

/// How a route delivers carts (docs/spec/carts.md).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CartRule {
    /// How long a cart must have been left alone before it is delivered for the first time, in milliseconds; 0 for not.
    pub hold_off_ms: i64,
    /// After how long without a change a cart counts as expired, in milliseconds; 0 for never.
    pub expires_ms: i64,
    /// The address that gives a cart back, with `{hash}` in it; empty for none.
    pub recovery_url: String,
}

/// Which source feeds which sink, and how.
#[derive(Clone)]
pub struct Route {
    /// The source connection.
    pub source: ConnectionId,
    /// The sink connection.
    pub sink: ConnectionId,
    /// The sink's fields.
    pub preset: Arc<Preset>,
    /// The source's number, as it stands in `ShopID`.
    pub shop_id: i64,
    /// Whether a subscription without double opt-in counts as a Yes.
    pub is_unconfirmed_enough: bool,
    /// Whether order rows get the pictures and the address of their product.
    pub has_pictures: bool,
    /// Whether carts are delivered.
    pub has_quotes: bool,
    /// Whether the rows of carts are fetched and delivered; each cart that changes costs a call.
    pub has_quote_rows: bool,
    /// How carts are delivered.
    pub carts: CartRule,
    /// Whether memberships of customer groups are fetched and delivered; each customer that changes costs a call.
    pub has_groups: bool,
    /// The zone of the sink's times.
    pub zone: Zone,
    /// How long an order row waits for its product's picture before it goes without, in milliseconds.
    pub hold_ms: i64,
}

impl Route {
    /// Gives what it wants of its source.
    const fn wants(&self) -> Wants {
        Wants {
            has_pictures: self.has_pictures,
            has_quotes: self.has_quotes,
            has_groups: self.has_groups,
            has_quote_rows: self.has_quote_rows,
            ..Wants::NOTHING
        }
    }
}

/// A running hub.
pub struct Hub {
    /// The intermediate database.
    pub store: Store,
    /// Whose data this is.
    pub tenant: TenantId,
    /// Where data comes from.
    pub sources: BTreeMap<ConnectionId, SourceConnection>,
    /// Where data goes.
    pub sinks: BTreeMap<ConnectionId, SinkConnection>,
    /// Which goes where.
    pub routes: Vec<Route>,
    /// Keys that join nobody, per scope.
    pub blocked: BlockList,
    /// The key from which GUIDs are cut (architecture §3, Hub-owned values).
    pub hub_key: [u8; 32],
    /// The door to time.
    pub clock: Arc<dyn Clock>,
    /// The door to randomness.
    pub dice: Arc<Dice>,
    /// Makes ids.
    pub ids: Arc<IdMaker>,
    /// Name of this process start, unique among workers.
    pub worker: String,
    /// What this process found in its sinks before it delivered.
    pub looks: Looks,
    /// Wake-ups between stages; hints only, every stage also polls.
    pub wake: Wake,
    /// What ails connections.
    pub health: Health,
}

/// Wake-ups: hints that there may be work.
#[derive(Default)]
pub struct Wake {
    /// The inbox has something.
    pub inbox: Notify,
    /// Something is wanted from a source.
    pub fetch: Notify,
    /// Lists of a source are to be walked.
    pub walk: Notify,
    /// The outbox has something.
    pub outbox: Notify,
}

impl Hub {
    /// Gives the names of all connections.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let sources = self.sources.values().map(|source| source.name.clone());
        sources
            .chain(self.sinks.values().map(|sink| sink.name.clone()))
            .collect()
    }

    /// Gives the routes that start at `source`.
    pub fn routes_from(&self, source: ConnectionId) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(move |route| route.source == source)
    }

    /// Gives the sinks to which a route leads. Nobody knows the fields of another one, so it is left alone, and what waits for it
    /// waits until a route leads there again.
    pub fn fed_sinks(&self) -> impl Iterator<Item = ConnectionId> {
        let is_fed = |sink: &ConnectionId| self.routes.iter().any(|route| route.sink == *sink);
        self.sinks.keys().copied().filter(is_fed)
    }

    /// Gives what the routes of each source want of it together; a source that no route names is left out.
    #[must_use]
    pub fn wants(&self) -> BTreeMap<ConnectionId, Wants> {
        let mut all: BTreeMap<ConnectionId, Wants> = BTreeMap::new();
        for route in &self.routes {
            let wants = all.entry(route.source).or_insert(Wants::NOTHING);
            *wants = wants.and(route.wants());
        }
        all
    }

    /// Gives the parts of a source that anything is done with: pictures, groups and carts with their rows only where a route
    /// wants them, since they cost calls (A9).
    #[must_use]
    pub fn parts_of(&self, source: &SourceConnection) -> Vec<Part> {
        let of_routes = self.routes_from(source.id).map(Route::wants);
        let wants: Vec<Wants> = of_routes.chain([Wants::NOTHING]).collect();
        let is_wanted = |part: &Part| wants.iter().any(|wants| wants.includes(*part));
        source.source.parts().iter().copied().filter(is_wanted).collect()
    }

    /// Gives the routes of every source in `scope`.
    pub fn routes_of_scope(&self, scope: i64) -> impl Iterator<Item = &Route> {
        self.routes.iter().filter(move |route| {
            self.sources
                .get(&route.source)
                .is_some_and(|source| source.scope == scope)
        })
    }

    /// Gives what an event said; one that is damaged or gone says nothing, so that its thing is asked for.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn body_of(&self, event: EventId) -> Result<Option<Bytes>, StoreError> {
        match self.store.read_event(self.tenant, event).await {
            Ok(row) => Ok(row.map(|row| row.event.body)),
            Err(error) if error.is_of_data() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a new id.
    #[must_use]
    pub fn new_id(&self) -> i64 {
        self.ids.next(self.clock.now())
    }
}
