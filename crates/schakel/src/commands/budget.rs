//! `schakel budget`: who spends how many calls of each shop, from the store; works beside a running hub.

use schakel_core::budget::{Usage, WindowUsage};
use schakel_core::connector::{Class, Meter};
use schakel_core::time::{Clock, Timestamp, wait_in_words};
use schakel_engine::budget::stored;
use schakel_engine::clock::SystemClock;
use schakel_store::{BudgetDay, OpenOptions};
use serde::Serialize;

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
    output.value(&shops);
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
        output.line("no limits");
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
        let wait_us = usage.wait_us[class.index()];
        if wait_us > 0 {
            output.line(format!(
                "the next {} call may start in {}",
                class.as_str(),
                wait_in_words(wait_us)
            ));
        }
    }
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
        };
        assert_eq!(bar(&window), "[######ooo...........]");
    }
}
