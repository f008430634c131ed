//! From plain structures to a hub: connections get their ids, doors and tokens.
//!
//! `serve` gets [`Parts`] from the configuration, the demo makes them for its simulators.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use schakel_connectors::copernica::{self, ApiVersion, Copernica};
use schakel_connectors::lightspeed::{self, Cluster, KeyLimits, Lightspeed};
use schakel_core::budget::Usage;
use schakel_core::connector::{Class, ConnectorError, Cx, Http};
use schakel_core::event::Trust;
use schakel_core::id::{ConnectionId, IdMaker, TenantId};
use schakel_core::identity::BlockList;
use schakel_core::preset::Preset;
use schakel_core::time::{Clock, Zone};
use schakel_engine::budget::{BudgetDoor, GuestDoor, Ledger, LoneDoor, Owner};
use schakel_engine::clock::{Dice, SystemClock};
use schakel_engine::deliver::guard::Looks;
use schakel_engine::http::{CallCounts, CountingDoor, HyperDoor};
use schakel_engine::hub::admission::Admission;
use schakel_engine::hub::health::Health;
use schakel_engine::hub::{
    HookAddress, Hub, Prepared, Route, SinkConnection, SourceConnection, Wake, WalkSettings,
};
use schakel_engine::report;
use schakel_server::hooks::HookPaths;
use schakel_store::{Store, StoreError};

use crate::config::{
    Config, ConnectionConfig, CopernicaConfig, LightspeedConfig, Newsletter, OrderId, RouteConfig, Scope,
};
use crate::hook_paths::{WayOf, Ways};
use crate::keys::HubKey;

/// Whose data it is, until a hub serves several.
pub(crate) const TENANT: TenantId = TenantId(1);

/// A shop to connect.
#[derive(Debug, Clone)]
pub(crate) struct SourcePart {
    /// Its name, under which the store knows it.
    pub name: String,
    /// How it is reached.
    pub settings: lightspeed::Settings,
    /// Within what a person is one relation.
    pub scope: Scope,
    /// Most fetches at once.
    pub fetches: usize,
    /// How many calls its key may make.
    pub limits: KeyLimits,
    /// How often its lists are walked.
    pub walks: WalkSettings,
    /// Whether it tells of changes.
    pub has_webhooks: bool,
}

/// An account to connect.
#[derive(Debug, Clone)]
pub(crate) struct SinkPart {
    /// Its name, under which the store knows it.
    pub name: String,
    /// How it is reached.
    pub settings: copernica::Settings,
    /// Longest time for all calls of one delivery, in milliseconds.
    pub attempt_ms: i64,
    /// How long a call that we gave up on may still be executing there, in milliseconds.
    pub settle_ms: i64,
    /// Most calls at once.
    pub concurrency: usize,
}

/// A route between two connections, by their names.
#[derive(Debug, Clone)]
pub(crate) struct RoutePart {
    /// The source connection.
    pub from: String,
    /// The sink connection.
    pub to: String,
    /// Which subscriptions count as a Yes.
    pub newsletter: Newsletter,
    /// Extra fields beside the preset, by name.
    pub extras: Vec<String>,
    /// Whether order rows get the pictures and the address of their product.
    pub has_pictures: bool,
    /// Whether carts are delivered.
    pub has_quotes: bool,
    /// Whether the rows of carts are fetched and delivered.
    pub has_quote_rows: bool,
    /// How carts are delivered.
    pub carts: schakel_engine::hub::CartRule,
    /// Whether memberships of customer groups are fetched and delivered.
    pub has_groups: bool,
    /// Whether orders carry the hub's own numbers.
    pub has_hub_numbers: bool,
    /// Zone of the sink's times.
    pub zone: Zone,
    /// How long an order row waits for its product's picture, in milliseconds.
    pub hold_ms: i64,
}

/// What a hub is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    /// The shops.
    pub sources: Vec<SourcePart>,
    /// The accounts.
    pub sinks: Vec<SinkPart>,
    /// The routes between them.
    pub routes: Vec<RoutePart>,
    /// The address under which shops reach this hub; empty when nobody said so.
    pub public: String,
}

/// A hub with what stands around it.
pub(crate) struct Wired {
    /// The hub.
    pub hub: Arc<Hub>,
    /// Which path leads to which connection.
    pub ways: Ways,
    /// Calls through the door of each connection, by its name.
    pub calls: Vec<(String, CallCounts)>,
}

/// Makes a hub over an open store; connections are written down at their first start.
///
/// # Errors
/// When the store fails, or when a route names a connection that is not among the parts.
pub(crate) async fn wire(store: Store, key: HubKey, parts: Parts) -> anyhow::Result<Wired> {
    let mut wiring = Wiring::start(store, key, &parts).await?;
    for part in parts.sources {
        wiring.source(part).await?;
    }
    for part in parts.sinks {
        wiring.sink(part).await?;
    }
    for part in parts.routes {
        wiring.route(part)?;
    }
    let wired = wiring.finish();
    wired.ways.refresh().await?;
    Ok(wired)
}

/// The fields of each account: the preset with what its routes switch on.
struct Presets {
    plain: Arc<Preset>,
    by_sink: BTreeMap<String, Arc<Preset>>,
}

impl Presets {
    /// Puts together what the routes to each account want; an extra that does not exist is left out, the configuration
    /// refuses it before.
    fn of_routes(routes: &[RoutePart]) -> Self {
        let plain = Preset::bookerz();
        let sinks: BTreeSet<&String> = routes.iter().map(|route| &route.to).collect();
        let by_sink = sinks.into_iter().map(|sink| {
            let own = || routes.iter().filter(|route| route.to == *sink);
            let extras: Vec<String> = own().flat_map(|route| route.extras.iter().cloned()).collect();
            let mut preset = plain.with_extras(&extras).unwrap_or_else(|_| plain.clone());
            if own().any(|route| route.has_quote_rows) {
                preset = preset.with_quote_rows().unwrap_or(preset);
            }
            (sink.clone(), Arc::new(preset))
        });
        Self {
            by_sink: by_sink.collect(),
            plain: Arc::new(plain),
        }
    }

    fn of(&self, sink: &str) -> Arc<Preset> {
        self.by_sink.get(sink).unwrap_or(&self.plain).clone()
    }
}

/// Gives the fields of each account that the store knows, with what the routes to it switch on.
///
/// # Errors
/// When the store fails.
pub(crate) async fn fields_of_sinks(config: &Config, store: &Store) -> Result<report::Presets, StoreError> {
    let presets = Presets::of_routes(&Parts::of_config(config).routes);
    let rows = store.connections(TENANT).await?;
    let by_sink = rows.into_iter().map(|row| (row.id, presets.of(&row.name)));
    Ok(report::Presets::new(by_sink.collect()))
}

/// The outside systems alone, for commands that ask them something and need no database.
pub(crate) struct Outside {
    /// The shops, by name.
    pub sources: Vec<(String, Lightspeed)>,
    /// The accounts, by name.
    pub sinks: Vec<(String, Copernica)>,
    /// The doors.
    pub cx: Cx,
}

/// The way to one shop for a command: what it spends is written down in the budget of the hub. Before the database knows the
/// shop there is no budget, and the few calls count as those of another program.
pub(crate) struct WayIn {
    /// The doors.
    pub cx: Cx,
    guest: Option<Arc<GuestDoor>>,
    lone: Option<Arc<LoneDoor>>,
}

impl WayIn {
    /// Makes the way to the shop `name` of `config`.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn to(
        config: &Config,
        name: &str,
        store: Option<&Store>,
        cx: &Cx,
    ) -> Result<Self, StoreError> {
        let mut way = Self {
            cx: cx.clone(),
            guest: None,
            lone: None,
        };
        let meter = match config.connection(name) {
            Some(ConnectionConfig::Lightspeed(shop)) => Arc::new(shop.key_limits().unwrap_or_default()),
            _ => return Ok(way),
        };
        let (http, clock) = (cx.http.clone(), cx.clock.clone());
        let known = match store {
            Some(store) => {
                let rows = store.connections(TENANT).await?;
                let row = rows.into_iter().find(|row| row.name == name);
                row.map(|row| (store, row.id))
            }
            None => None,
        };
        let Some((store, connection)) = known else {
            let door = Arc::new(LoneDoor::new(http, meter, clock));
            way.cx.http = door.clone();
            way.lone = Some(door);
            return Ok(way);
        };
        let door = Arc::new(GuestDoor::new(
            http,
            store.clone(),
            (TENANT, connection),
            meter,
            clock,
        ));
        way.cx.http = door.clone();
        way.guest = Some(door);
        Ok(way)
    }

    /// What the answers to calls on this way told of the limits, where no database keeps it.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.lone.as_ref().map(|door| door.usage())
    }

    /// Asks whether so many calls may follow each other now, so that none of them is refused half-way.
    ///
    /// # Errors
    /// When there is no room for all of them, with the time after which there is.
    pub(crate) async fn ask_room(&self, class: Class, calls: usize) -> Result<(), ConnectorError> {
        let Some(guest) = &self.guest else { return Ok(()) };
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        Ok(guest.ask_room(class, calls).await?)
    }
}

/// Connects the outside systems without a database.
pub(crate) fn outside(parts: Parts) -> Outside {
    let http: Arc<dyn Http> = Arc::new(HyperDoor::new(has_plain_address(&parts)));
    let presets = Presets::of_routes(&parts.routes);
    let sources = parts
        .sources
        .into_iter()
        .map(|part| (part.name, Lightspeed::new(part.settings)));
    let sinks = parts.sinks.into_iter().map(|part| {
        let preset = presets.of(&part.name);
        (part.name, Copernica::new(part.settings, preset))
    });
    Outside {
        sources: sources.collect(),
        sinks: sinks.collect(),
        cx: Cx::new(http, Arc::new(SystemClock::new())),
    }
}

struct Wiring {
    store: Store,
    key: HubKey,
    clock: Arc<dyn Clock>,
    dice: Arc<Dice>,
    worker: String,
    ids: Arc<IdMaker>,
    door: Arc<dyn Http>,
    presets: Presets,
    public: String,
    sources: BTreeMap<ConnectionId, SourceConnection>,
    shop_ids: BTreeMap<ConnectionId, i64>,
    own_addresses: Vec<String>,
    sinks: BTreeMap<ConnectionId, SinkConnection>,
    routes: Vec<Route>,
    names: BTreeMap<String, ConnectionId>,
    ways: Vec<WayOf>,
    calls: Vec<(String, CallCounts)>,
}

impl Wiring {
    async fn start(store: Store, key: HubKey, parts: &Parts) -> anyhow::Result<Self> {
        let dice = Arc::new(Dice::from_machine());
        let started = store.next_number(TENANT, "process").await?;
        let node = u16::try_from(started.rem_euclid(1024)).expect("a remainder of 1024 is below 1024");
        Ok(Self {
            store,
            key,
            clock: Arc::new(SystemClock::new()),
            worker: format!("{:016x}", dice.roll()),
            dice,
            ids: Arc::new(IdMaker::new(node)),
            door: Arc::new(HyperDoor::new(has_plain_address(parts))),
            presets: Presets::of_routes(&parts.routes),
            public: parts.public.trim_end_matches('/').to_owned(),
            sources: BTreeMap::new(),
            shop_ids: BTreeMap::new(),
            own_addresses: Vec::new(),
            sinks: BTreeMap::new(),
            routes: Vec::new(),
            names: BTreeMap::new(),
            ways: Vec::new(),
            calls: Vec::new(),
        })
    }

    async fn source(&mut self, part: SourcePart) -> anyhow::Result<()> {
        let SourcePart {
            name,
            settings,
            scope,
            fetches,
            limits,
            walks,
            has_webhooks,
        } = part;
        let (id, mut cx) = self.connection(&name, "lightspeed").await?;
        let owner = Owner {
            tenant: TENANT,
            connection: id,
            worker: self.worker.clone(),
            is_alone: self.store.engine_name() == "SQLite",
        };
        let ledger = Ledger::new(self.store.clone(), owner, self.clock.clone(), Arc::new(limits));
        let ledger = Arc::new(ledger);
        cx.http = Arc::new(BudgetDoor::new(cx.http, ledger.clone()));
        let scope = match scope {
            Scope::Shop => id.0,
            Scope::Account => 0,
        };
        self.shop_ids.insert(id, settings.shop_id);
        self.own_addresses.extend_from_slice(&settings.own_addresses);
        let source = Arc::new(Lightspeed::new(settings));
        let hook_address = HookAddress::default();
        self.ways.push(WayOf {
            name: name.clone(),
            connection: id,
            // A shop that is polled has none to keep registered.
            address: if has_webhooks {
                hook_address.clone()
            } else {
                HookAddress::default()
            },
        });
        self.sources.insert(
            id,
            SourceConnection {
                id,
                name,
                source,
                cx,
                scope,
                fetches,
                ledger,
                walks,
                hook_address,
                admission: Admission::default(),
            },
        );
        Ok(())
    }

    async fn sink(&mut self, part: SinkPart) -> anyhow::Result<()> {
        let SinkPart {
            name,
            settings,
            attempt_ms,
            settle_ms,
            concurrency,
        } = part;
        let (id, cx) = self.connection(&name, "copernica").await?;
        let sink = Arc::new(Copernica::new(settings, self.presets.of(&name)));
        self.sinks.insert(
            id,
            SinkConnection {
                id,
                name,
                sink,
                cx,
                settle_ms,
                attempt_ms,
                concurrency,
                prepared: Prepared::default(),
            },
        );
        Ok(())
    }

    fn route(&mut self, part: RoutePart) -> anyhow::Result<()> {
        let RoutePart {
            from,
            to,
            newsletter,
            extras: _,
            has_pictures,
            has_quotes,
            has_quote_rows,
            carts,
            has_groups,
            has_hub_numbers,
            zone,
            hold_ms,
        } = part;
        let id = |name: &str| {
            self.names
                .get(name)
                .copied()
                .with_context(|| format!("a route names \"{name}\", which is no connection"))
        };
        let (source, sink) = (id(&from)?, id(&to)?);
        let own = self.presets.of(&to);
        let preset = if has_hub_numbers {
            Arc::new(own.with_hub_order_numbers())
        } else {
            own
        };
        self.routes.push(Route {
            source,
            sink,
            preset,
            shop_id: self.shop_ids.get(&source).copied().unwrap_or(0),
            is_unconfirmed_enough: newsletter == Newsletter::Subscribed,
            has_pictures,
            has_quotes,
            has_quote_rows,
            carts,
            has_groups,
            zone,
            hold_ms,
        });
        Ok(())
    }

    /// Gives a connection its id and its door.
    async fn connection(&mut self, name: &str, connector: &str) -> anyhow::Result<(ConnectionId, Cx)> {
        let new_id = ConnectionId(self.ids.next(self.clock.now()));
        let row = self
            .store
            .ensure_connection(TENANT, name, connector, new_id)
            .await?;
        let counts = CallCounts::default();
        self.calls.push((name.to_owned(), counts.clone()));
        self.names.insert(name.to_owned(), row.id);
        let http = Arc::new(CountingDoor::new(self.door.clone(), counts));
        Ok((row.id, Cx::new(http, self.clock.clone())))
    }

    fn finish(self) -> Wired {
        let sinks = self.sinks.values();
        let ways = Ways {
            paths: HookPaths::default(),
            sources: self.ways,
            sinks: sinks
                .map(|sink| (sink.name.clone(), sink.prepared.clone()))
                .collect(),
            key: self.key,
            store: self.store.clone(),
            public: self.public,
        };
        let hub = Hub {
            store: self.store,
            tenant: TENANT,
            sources: self.sources,
            sinks: self.sinks,
            routes: self.routes,
            blocked: BlockList::standard().with_own(&self.own_addresses),
            hub_key: self.key.bytes(),
            clock: self.clock,
            dice: self.dice,
            ids: self.ids,
            worker: self.worker,
            looks: Looks::default(),
            wake: Wake::default(),
            health: Health::default(),
        };
        Wired {
            hub: Arc::new(hub),
            ways,
            calls: self.calls,
        }
    }
}

/// Tells whether any address is spoken to without encryption, as simulators are.
fn has_plain_address(parts: &Parts) -> bool {
    let shops = parts.sources.iter().map(|part| part.settings.base_url.as_str());
    let accounts = parts
        .sinks
        .iter()
        .flat_map(|part| [part.settings.base_url.as_str(), part.settings.auth_url.as_str()]);
    let addresses: BTreeSet<&str> = shops.chain(accounts).collect();
    addresses.iter().any(|address| address.starts_with("http://"))
}

impl Parts {
    /// Takes the parts from the configuration.
    pub(crate) fn of_config(config: &Config) -> Self {
        let mut parts = Self::default();
        for connection in &config.connections {
            match connection {
                ConnectionConfig::Lightspeed(shop) => parts.sources.push(source_part(shop)),
                ConnectionConfig::Copernica(account) => parts.sinks.push(sink_part(account)),
            }
        }
        parts.routes = config.routes.iter().map(route_part).collect();
        parts.public.clone_from(&config.hub.hooks_address);
        parts
    }
}

fn source_part(config: &LightspeedConfig) -> SourcePart {
    let mut settings =
        lightspeed::Settings::new(config.shop_id, config.api_key.clone(), config.api_secret.clone());
    settings.base_url.clone_from(&config.base_url);
    settings.extra_secrets.clone_from(&config.extra_secrets);
    settings.cluster = Cluster::parse(&config.cluster).unwrap_or_default();
    settings.language.clone_from(&config.language);
    settings.webhook_trust = Trust::parse(&config.webhook_trust).unwrap_or(Trust::Hint);
    settings.accept_unsigned = config.accept_unsigned;
    settings.own_addresses.clone_from(&config.own_addresses);
    SourcePart {
        name: config.name.clone(),
        settings,
        scope: config.scope,
        fetches: config.fetches,
        // What can't be read was refused with the configuration.
        limits: config.key_limits().unwrap_or_default(),
        walks: config.walks(),
        has_webhooks: config.webhooks,
    }
}

fn sink_part(config: &CopernicaConfig) -> SinkPart {
    let mut settings = copernica::Settings::new(config.access_token.clone(), config.database.clone());
    settings.base_url.clone_from(&config.base_url);
    settings.auth_url.clone_from(&config.auth_url);
    settings.api_version = match config.api_version.as_str() {
        "v2" => ApiVersion::V2,
        "v3" => ApiVersion::V3,
        _ => ApiVersion::V4,
    };
    settings.timeout_ms = config.timeout_ms;
    SinkPart {
        name: config.name.clone(),
        settings,
        attempt_ms: config.attempt_ms,
        settle_ms: config.settle_ms,
        concurrency: config.concurrency,
    }
}

fn route_part(config: &RouteConfig) -> RoutePart {
    RoutePart {
        from: config.from.clone(),
        to: config.to.clone(),
        newsletter: config.newsletter,
        extras: config.extras.clone(),
        has_pictures: config.pictures,
        has_quotes: config.quotes,
        has_quote_rows: config.quote_rows,
        carts: schakel_engine::hub::CartRule {
            hold_off_ms: config.cart_hold_off.0,
            expires_ms: config.cart_expires.0,
            recovery_url: config.recovery_url.clone(),
        },
        has_groups: config.customer_groups,
        has_hub_numbers: config.order_id == OrderId::Hub,
        zone: Zone::named(&config.zone).unwrap_or_else(Zone::amsterdam),
        hold_ms: config.picture_wait_ms,
    }
}
