//! `schakel budget`: who spends how many calls of each shop, from the store; works beside a running hub.

use schakel_core::budget::{Usage, WaitReason, WindowUsage, by_class, window_in_words};
use schakel_core::connector::{Class, Meter};
use schakel_core::time::{Clock, Timestamp, wait_in_words};
use schakel_engine::budget::stored;
use schakel_engine::clock::SystemClock;
use schakel_store::{BudgetDay, OpenOptions};
use serde::Serialize;
use serde_json::json;

use super::open;
use crate::config::{Config, ConnectionConfig};
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// Characters of a bar.
const BAR: i64 = 20;
/// Days of which the calls are shown.
const DAYS: usize = 7;

/// The budget of one shop, as JSON.
#[derive(Debug, Serialize)]
struct Shop {
    connection: String,
    /// When a hub last wrote it; `null` when none ever made a call.
    saved_at: Option<String>,
    usage: Option<Usage>,
    days: Vec<Day>,
}

/// The calls of one day (UTC), by class: live, retry, sweep, backfill.
#[derive(Debug, Serialize)]
struct Day {
    day: String,
    #[serde(serialize_with = "by_class")]
    calls: [i64; 4],
}

/// Prints the budgets.
pub(crate) async fn run(config: &Config, output: Output) -> anyhow::Result<Exit> {
    let store = open(config, OpenOptions { is_read_only: true }).await?;
    let now = SystemClock::new().now();
    let rows = store.connections(TENANT).await.map_err(Failure::from)?;
    let mut shops = Vec::new();
    for connection in &config.connections {
        let ConnectionConfig::Lightspeed(shop) = connection else {
            continue;
        };
        let limits = shop.key_limits().unwrap_or_default().limits();
        let id = rows.iter().find(|row| row.name == shop.name).map(|row| row.id);
        let held = match id {
            Some(id) => stored(&store, TENANT, id, &limits, now)
                .await
                .map_err(Failure::from)?,
            None => None,
        };
        shops.push(match held {
            Some(held) => Shop {
                connection: shop.name.clone(),
                saved_at: Some(held.saved_at.to_string()),
                usage: Some(held.usage),
                days: held.days.iter().map(day).collect(),
            },
            None => Shop {
                connection: shop.name.clone(),
                saved_at: None,
                usage: None,
                days: Vec::new(),
            },
        });
    }
    store.close().await;
    output.value(&json!({ "budgets": shops }));
    for shop in &shops {
        say(shop, output);
    }
    Ok(Exit::Good)
}

fn day(day: &BudgetDay) -> Day {
    Day {
        day: date(day.start),
        calls: day.calls,
    }
}

fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

fn say(shop: &Shop, output: Output) {
    let Some(usage) = &shop.usage else {
        output.line(format!("{}: no call was made yet", shop.connection));
        return;
    };
    let at = shop.saved_at.as_deref().unwrap_or_default();
    output.line(format!("{}: calls as of {at}", shop.connection));
    if usage.windows.is_empty() {
        output.line("no limits: a hub without them keeps no account of its calls, the days below are those of commands");
    }
    let head = [
        "window",
        "limit",
        "",
        "live",
        "retry",
        "sweep",
        "backfill",
        "others",
        "left",
        "resets in",
    ];
    let rows: Vec<Vec<String>> = usage.windows.iter().map(window).collect();
    output.table(&head, &rows);
    let has_others = usage.windows.iter().any(|window| window.others.unwrap_or(0) > 0);
    if has_others && usage.unheard > 0 {
        output.line(format!(
            "up to {} of the calls of others may be ours: their answers are not heard yet",
            usage.unheard
        ));
    }
    let head = ["day", "live", "retry", "sweep", "backfill"];
    let days = shop.days.iter().take(DAYS).map(|day| {
        std::iter::once(day.day.clone())
            .chain(day.calls.map(|calls| calls.to_string()))
            .collect()
    });
    output.table(&head, &days.collect::<Vec<_>>());
    if !usage.windows.is_empty() && !shop.days.is_empty() {
        output.line(
            "a window counts the calls that the hub reserved as spent, a day only those that were made",
        );
    }
    for class in [Class::Live, Class::Backfill] {
        if let Some(said) = waiting(usage, class) {
            output.line(said);
        }
    }
}

/// Says how long calls of `class` wait, and for what; nothing when the next may start at once.
fn waiting(usage: &Usage, class: Class) -> Option<String> {
    let class_word = class.as_str();
    let why = match usage.wait_reason(class)? {
        WaitReason::NeverRoom(window_us) => {
            let limit = window_in_words(window_us);
            return Some(format!(
                "no {class_word} call may ever start: {limit} is so low that its reserves leave nothing"
            ));
        }
        WaitReason::UsedUp(window_us) => window_in_words(window_us),
        WaitReason::LeftAlone => "the shop asked to be left alone".to_owned(),
    };
    let wait = wait_in_words(usage.wait_us[class.index()]);
    Some(format!("the next {class_word} call may start in {wait}: {why}"))
}

fn window(window: &WindowUsage) -> Vec<String> {
    let told = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let mut cells = vec![
        wait_in_words(window.window_us),
        window.limit.to_string(),
        bar(window),
    ];
    cells.extend(window.spent.map(|calls| calls.to_string()));
    cells.extend([told(window.others), told(window.left)]);
    cells.push(window.reset_us.map_or_else(|| "-".to_owned(), wait_in_words));
    cells
}

/// Draws what is spent of a limit, `#` for ours and `o` for others.
fn bar(window: &WindowUsage) -> String {
    let limit = i64::from(window.limit).max(1);
    let part = |calls: i64| (calls * BAR + limit - 1).div_euclid(limit).clamp(0, BAR);
    let ours = part(window.spent.iter().copied().map(i64::from).sum());
    let others = part(window.others.unwrap_or(0)).min(BAR - ours);
    let mut bar = String::from("[");
    for (mark, times) in [('#', ours), ('o', others), ('.', BAR - ours - others)] {
        bar.extend((0..times).map(|_| mark));
    }
    bar.push(']');
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_readable() {
        let window = WindowUsage {
            window_us: 300_000_000,
            limit: 300,
            is_told: true,
            spent: [10, 0, 0, 80],
            others: Some(40),
            left: Some(170),
            reset_us: Some(187_000_000),
            reserve_live: 60,
            reserve_others: 30,
            room: [170, 10, 120, 120],
            wait_us: [0; 4],
        };
        assert_eq!(bar(&window), "[######ooo...........]");
    }

    #[test]
    fn what_makes_calls_wait_is_said() {
        let said = |waits: [i64; 2], paused_us| {
            let window = |window_us, wait_us| WindowUsage {
                window_us,
                limit: 20,
                is_told: false,
                spent: [0; 4],
                others: None,
                left: None,
                reset_us: None,
                reserve_live: 0,
                reserve_others: 0,
                room: [0; 4],
                wait_us: [0, 0, 0, wait_us],
            };
            let usage = Usage {
                windows: vec![window(3_600_000_000, waits[0]), window(86_400_000_000, waits[1])],
                wait_us: [0, 0, 0, waits[0].max(waits[1]).max(paused_us)],
                unheard: 0,
                paused_us,
            };
            waiting(&usage, Class::Backfill).unwrap_or_default()
        };
        assert_eq!(said([0, 0], 0), "");
        assert_eq!(
            said([90_000_000, 60_000_000], 0),
            "the next backfill call may start in 1 min 30 s: the limit of an hour"
        );
        assert_eq!(
            said([0, 60_000_000], 90_000_000),
            "the next backfill call may start in 1 min 30 s: the shop asked to be left alone"
        );
        assert_eq!(
            said([0, i64::MAX], 0),
            "no backfill call may ever start: the limit of a day is so low that its reserves leave nothing"
        );
    }
}
