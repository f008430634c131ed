//! Calls to the shop beside the least that its API allows, for each set of options.
//!
//! The shop counts the calls. The least is computed from what the shop holds and told, not from what the hub did.

use schakel_core::connector::Part;
use schakel_core::walk::Job;
use schakel_engine::hub::WalkSettings;
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::Kind;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use serde_json::{Value, json};

use super::world::{Past, Setting};

/// Things on a page at most (lightspeed-ecom.md §3.4).
const PAGE: u64 = 250;

/// Steps that nothing here needs.
const STEPS: usize = 100_000;

/// Seconds from one live order to the next.
const PAUSE_S: i64 = 60;

/// Over how many seconds the past is spread: a year.
const PAST_S: i64 = 365 * 86_400;

/// What a route switches on.
#[derive(Debug, Clone, Copy)]
pub struct Set {
    pub name: &'static str,
    has_groups: bool,
    has_quotes: bool,
    has_quote_rows: bool,
    has_pictures: bool,
}

const DEFAULT: Set = Set {
    name: "default",
    has_groups: false,
    has_quotes: true,
    has_quote_rows: false,
    has_pictures: true,
};

/// The sets that are measured.
pub const SETS: [Set; 6] = [
    DEFAULT,
    Set {
        name: "with customer groups",
        has_groups: true,
        ..DEFAULT
    },
    Set {
        name: "with the rows of carts",
        has_quote_rows: true,
        ..DEFAULT
    },
    Set {
        name: "without pictures",
        has_pictures: false,
        ..DEFAULT
    },
    Set {
        name: "everything",
        has_groups: true,
        has_quote_rows: true,
        ..DEFAULT
    },
    Set {
        name: "without pictures and carts",
        has_pictures: false,
        has_quotes: false,
        ..DEFAULT
    },
];

/// Calls that were made, and the least possible.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    pub made: u64,
    pub least: u64,
}

/// What one set of options costs.
#[derive(Debug)]
pub struct Figures {
    pub set: &'static str,
    /// Orders of the past, and as many live ones.
    pub orders: u64,
    pub history: Calls,
    pub live: Calls,
    /// Some hours of sweeps, watch included, of a shop in which nothing happens.
    pub hours: i64,
    pub sweeps: Calls,
    /// What the live calls asked for.
    pub asked: Value,
}

impl Figures {
    /// Gives the figures for programs.
    pub fn value(&self) -> Value {
        let calls = |calls: &Calls| json!({ "calls": calls.made, "least": calls.least });
        json!({
            "set": self.set, "orders": self.orders, "history": calls(&self.history), "live": calls(&self.live),
            "sweeps_h": self.hours, "sweeps": calls(&self.sweeps), "live_asked": self.asked,
        })
    }
}

/// Reads a past of so many orders, then lives through as many, and sweeps for so many hours.
pub async fn measure(set: &Set, orders: u64, hours: i64) -> Figures {
    let mut world = Past::open(setting(set, WalkSettings::OFF)).await;
    Generator::new(&world.shop, Seed::new(5), Mix::default()).history(orders, PAST_S);
    let before = world.shop.calls();
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    let made = world.shop.calls() - before;
    let history = Calls {
        made,
        least: least_of_history(&world, set).await,
    };
    for name in ["customer", "quote", "order", "subscription"] {
        world.told(name);
    }
    world.told_deleted();
    let asked = world.shop.calls_by_resource();
    let before = world.shop.calls();
    let mut shoppers = Generator::new(&world.shop, Seed::new(3), Mix::default());
    for _ in 0..orders {
        shoppers.story();
        while world.step().await == 0 {}
        world.clock.advance_ms(PAUSE_S * 1_000);
    }
    world.run(STEPS).await;
    let live = Calls {
        made: world.shop.calls() - before,
        least: least_of_live(&world, set),
    };
    let asked: serde_json::Map<String, Value> = world
        .shop
        .calls_by_resource()
        .into_iter()
        .map(|(name, calls)| (name.clone(), calls - asked.get(&name).copied().unwrap_or(0)))
        .filter(|(_, calls)| *calls > 0)
        .map(|(name, calls)| (name, json!(calls)))
        .collect();
    Figures {
        set: set.name,
        orders,
        history,
        live,
        hours,
        sweeps: sweeps(set, hours).await,
        asked: Value::Object(asked),
    }
}

fn setting(set: &Set, walks: WalkSettings) -> Setting {
    Setting {
        walks,
        has_hooks: true,
        has_groups: set.has_groups,
        has_quotes: set.has_quotes,
        has_quote_rows: set.has_quote_rows,
        has_pictures: set.has_pictures,
        ..Setting::default()
    }
}

/// The least calls of a history: full pages of each list that is wanted, nothing counted, and a call for what has no
/// list. Asks the shop for its counts, after the calls were counted.
async fn least_of_history(world: &Past, set: &Set) -> u64 {
    let mut lists = vec!["customers", "subscriptions", "orders", "shipments"];
    if set.has_pictures || set.has_quote_rows {
        lists.push("products");
    }
    if set.has_groups {
        lists.push("groups/customers");
    }
    if set.has_quotes {
        lists.extend(["quotes", "checkouts"]);
    }
    if set.has_quote_rows {
        lists.push("variants");
    }
    let mut calls = things(world, "orders").await;
    if set.has_quote_rows {
        calls += things(world, "quotes").await;
    }
    for list in lists {
        calls += things(world, list).await.div_ceil(PAGE).max(1);
    }
    calls
}

async fn things(world: &Past, list: &str) -> u64 {
    let (status, body) = world
        .shop_call("GET", &format!("/nl/{list}/count.json"), "")
        .await;
    assert_eq!(status, 200, "{list}: {body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    body["count"].as_u64().unwrap()
}

/// The least calls of live traffic after a history: payloads bring orders with their rows and customers, carts and
/// products. What no payload brings costs a call for each version of a thing: the groups of a customer, the rows of a cart;
/// and so does a deletion, which is believed when the thing is not found any more (mission A16). Where payloads of one second
/// differ only the shop can tell which is true: a call, and another for the rows of an order.
fn least_of_live(world: &Past, set: &Set) -> u64 {
    let mut ties =
        2 * world.told_twice("order") + world.told_twice("customer") + world.told_twice("subscription");
    if set.has_quotes && !set.has_quote_rows {
        ties += world.told_twice("quote");
    }
    let mut calls = world.told_deleted();
    if set.has_groups {
        calls += world.told("customer");
    }
    if set.has_quote_rows {
        calls += world.told("quote");
    }
    calls as u64 + ties
}

/// Counts the calls of some hours of sweeps in a shop in which nothing happens. The least: a page of each list at each sweep,
/// and a look at the registrations every hour.
async fn sweeps(set: &Set, hours: i64) -> Calls {
    let walks = WalkSettings {
        has_history: false,
        ..WalkSettings::default()
    };
    let mut world = Past::open(setting(set, walks)).await;
    assert!(world.shop.ids(Kind::Order).is_empty(), "nothing happens there");
    let before = world.shop.calls();
    world.pass(hours * 60).await;
    let lists = world
        .parts()
        .into_iter()
        .filter(|part| Job::Sweep.walks(*part))
        .map(|part| match part {
            Part::Checkouts => walks.checkouts_ms,
            _ => walks.sweep_ms,
        });
    let hour_ms = 3_600_000;
    let times = lists.map(|every_ms| hours * hour_ms / every_ms).sum::<i64>() + hours;
    Calls {
        made: world.shop.calls() - before,
        least: u64::try_from(times).unwrap(),
    }
}

#[cfg(test)]
#[tokio::test]
async fn live_orders_cost_the_least_possible_whatever_is_switched_on() {
    for name in ["everything", "without pictures and carts"] {
        let set = SETS.iter().find(|set| set.name == name).unwrap();
        let figures = measure(set, 20, 1).await;
        let Figures {
            history,
            live,
            sweeps,
            ..
        } = &figures;
        let said = figures.value();
        // A count before and after each list; no page is full.
        let lists = if name == "everything" { 9 } else { 4 };
        assert_eq!(history.made, history.least + 2 * lists, "{said}");
        assert_eq!(live.made, live.least, "{said}");
        assert_eq!(sweeps.made, sweeps.least, "{said}");
    }
}
