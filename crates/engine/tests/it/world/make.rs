//! What a hub of stories is made of: settings, route, a shop that lives.

use std::collections::BTreeMap;
use std::sync::Arc;

use schakel_connectors::copernica;
use schakel_connectors::lightspeed::{self, Lightspeed};
use schakel_core::connector::{Cx, Sink, Source};
use schakel_core::id::{IdMaker, TenantId};
use schakel_core::identity::BlockList;
use schakel_core::preset::Preset;
use schakel_core::time::{ManualClock, Zone};
use schakel_engine::budget::Ledger;
use schakel_engine::clock::Dice;
use schakel_engine::deliver::guard::Looks;
use schakel_engine::hub::admission::Admission;
use schakel_engine::hub::health::Health;
use schakel_engine::hub::{
    HookAddress, Hub, Prepared, Route, SinkConnection, SourceConnection, Wake, WalkSettings,
};
use schakel_store::Store;
use serde_json::{Value, json};

use super::{DATABASE, SECRET, SETTLE_MS, SHOP, SINK, SOURCE};

/// What every living shop answers, whatever it has.
pub fn living_shop() -> BTreeMap<String, Value> {
    let read = json!({"read": true, "write": true});
    let permissions = json!({"accountPermissions": {"content": read, "products": read, "customers": read,
        "orders": read, "settings": read, "tracking": read}});
    let languages = json!({"languages": [{"code": "nl", "isActive": true}]});
    let shop = json!({"shop": {"id": SHOP, "mainDomain": "shop.example.org"}});
    BTreeMap::from([
        ("/nl/account/permissions.json".to_owned(), permissions),
        ("/nl/shop.json".to_owned(), shop),
        ("/nl/languages.json".to_owned(), languages),
    ])
}

/// A hub with one route, its shop and its account behind `cx`.
pub fn hub(store: Store, clock: &ManualClock, cx: Cx) -> Hub {
    let preset = Arc::new(Preset::bookerz());
    let source: Arc<dyn Source> = Arc::new(Lightspeed::new(lightspeed_settings()));
    let sink: Arc<dyn Sink> = Arc::new(copernica::Copernica::new(copernica_settings(), preset.clone()));
    let source = SourceConnection {
        id: SOURCE,
        name: "shop".to_owned(),
        source,
        cx: cx.clone(),
        scope: 1,
        fetches: 4,
        walks: WalkSettings::OFF,
        hook_address: HookAddress::default(),
        admission: Admission::shown(),
        ledger: Arc::new(Ledger::unmetered(
            store.clone(),
            TenantId(1),
            SOURCE,
            Arc::new(clock.clone()),
        )),
    };
    let sink = SinkConnection {
        id: SINK,
        name: "copernica".to_owned(),
        sink,
        cx,
        settle_ms: SETTLE_MS,
        attempt_ms: 20_000,
        concurrency: 8,
        prepared: Prepared::default(),
    };
    let route = Route {
        source: SOURCE,
        sink: SINK,
        preset,
        shop_id: SHOP,
        is_unconfirmed_enough: false,
        has_pictures: true,
        has_quotes: true,
        has_quote_rows: false,
        carts: schakel_engine::hub::CartRule::default(),
        has_groups: false,
        zone: Zone::amsterdam(),
        hold_ms: 30_000,
    };
    Hub {
        store,
        tenant: TenantId(1),
        sources: BTreeMap::from([(SOURCE, source)]),
        sinks: BTreeMap::from([(SINK, sink)]),
        routes: vec![route],
        blocked: BlockList::standard(),
        hub_key: [7; 32],
        clock: Arc::new(clock.clone()),
        dice: Arc::new(Dice::seeded(11)),
        ids: Arc::new(IdMaker::new(1)),
        worker: "worker-1".to_owned(),
        looks: Looks::default(),
        wake: Wake::default(),
        health: Health::default(),
    }
}

/// The settings of the first shop.
pub fn lightspeed_settings() -> lightspeed::Settings {
    serde_json::from_value(json!({
        "base_url": "https://shop.test/", "api_key": "5b1d0c7e9f2a4836a1b2c3d4e5f60718", "api_secret": SECRET,
        "shop_id": SHOP, "language": "nl",
    }))
    .unwrap()
}

/// The settings of the account.
pub fn copernica_settings() -> copernica::Settings {
    serde_json::from_value(json!({
        "base_url": "https://copernica.test", "auth_url": "https://copernica.test/authenticate",
        "access_token": "sandbox-token", "database": DATABASE,
    }))
    .unwrap()
}
