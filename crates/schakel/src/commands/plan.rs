//! `schakel plan`: what a history costs in calls and when it ends, before anything is read. Asks for counts only.

use schakel_core::connector::{Class, Cx, Part, Source, Span};
use schakel_core::lists::Lists;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::Job;
use schakel_engine::budget;
use schakel_engine::clock::SystemClock;
use schakel_engine::report::price::{self, Pace, Plan};
use schakel_store::Store;
use serde_json::{Value, json};

use super::open_if_there;
use super::walks::{Shop, end_in_words, gravest, shops};
use crate::cli::{PlanArgs, WhichArgs};
use crate::config::Config;
use crate::error::{Exit, Failure, Side};
use crate::output::{Output, time_in_words};
use crate::wiring::{TENANT, WayIn};

/// Prints the plan of each shop.
pub(crate) async fn run(config: &Config, args: &PlanArgs, output: Output) -> anyhow::Result<Exit> {
    let shops = shops(config, &args.which)?;
    let now = SystemClock::new().now();
    let order = Order {
        parts: &args.which.part,
        span: args.period.span(now)?,
        now,
    };
    let store = open_if_there(config, output).await?;
    let mut exit = Exit::Good;
    let mut plans = Vec::new();
    for shop in &shops.all {
        match plan(config, &order, (shop, &shops.cx, store.as_ref())).await {
            Ok(plan) => {
                if !plan.refused.is_empty() {
                    exit = gravest(exit, Exit::Findings);
                }
                plans.push(planned(shop, store.as_ref(), (&plan, now), output).await?);
            }
            // One shop that does not answer says nothing of the others.
            Err(failure) if shops.all.len() > 1 && !failure.is_of_database() => {
                output.failure(&failure);
                let mut value = failure.json();
                value["connection"] = json!(shop.name());
                plans.push(value);
                exit = gravest(exit, failure.exit());
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    output.value(&json!({ "plans": plans }));
    if let Some(store) = store {
        store.close().await;
    }
    Ok(exit)
}

/// What is to be planned.
struct Order<'a> {
    /// The parts that were named.
    parts: &'a [Part],
    span: Span,
    now: Timestamp,
}

/// Shows the plan of one shop, and gives it for programs.
async fn planned(
    shop: &Shop<'_>,
    store: Option<&Store>,
    (plan, now): (&Plan, Timestamp),
    output: Output,
) -> Result<Value, Failure> {
    say(shop, plan, now, output);
    let switched_on = switched_on(shop, store).await?;
    if !switched_on.is_empty() {
        output.line(format!(
            "{}: switched on after the history of the others; their own begins by itself at the next start",
            switched_on.join(", ")
        ));
    }
    let mut value = json!(plan);
    value["switched_on"] = json!(switched_on);
    value["is_marked"] = json!(shop.is_marked);
    value["mailed_as_new"] = json!(if shop.is_marked { 0 } else { plan.people });
    Ok(value)
}

/// Gives the parts whose history the hub begins by itself at its next start, since a route wants them now.
async fn switched_on(shop: &Shop<'_>, store: Option<&Store>) -> Result<Vec<&'static str>, Failure> {
    let Some(store) = store.filter(|_| shop.walks.has_history) else {
        return Ok(Vec::new());
    };
    let Some(connection) = shop.id(store).await? else {
        return Ok(Vec::new());
    };
    let known = store.checkpoint(TENANT, connection, Lists::CHECKPOINT).await?;
    let walks = store.walks(TENANT, Some(connection)).await?;
    let own = shop.parts(Job::Backfill, &WhichArgs::default())?;
    let new = Lists::switched_on(Lists::read(known.as_deref()).as_ref(), &own, &walks);
    Ok(new.into_iter().map(Part::as_str).collect())
}

async fn plan(
    config: &Config,
    order: &Order<'_>,
    (shop, cx, store): (&Shop<'_>, &Cx, Option<&Store>),
) -> Result<Plan, Failure> {
    let failed = |error| Failure::of_call(shop.name(), Side::Source, error);
    let Order { span, now, .. } = *order;
    let parts = if order.parts.is_empty() {
        shop.source.parts()
    } else {
        order.parts
    };
    let connection = match store {
        Some(store) => shop.id(store).await?,
        None => None,
    };
    let subject = shop.subject(config, connection.unwrap_or(schakel_core::id::ConnectionId(0)));
    let known = match (store, connection) {
        (Some(store), Some(connection)) => budget::stored(store, TENANT, connection, &subject.limits, now)
            .await
            .map_err(Failure::from)?,
        _ => None,
    };
    let way = WayIn::to(config, shop.name(), store, cx)
        .await
        .map_err(Failure::from)?;
    way.ask_room(Class::Sweep, 1 + price::questions(parts))
        .await
        .map_err(failed)?;
    // Somebody waits for the answer: it must not stand behind the sweeps of a hub in every second.
    let cx = way.cx.for_class(Class::Live);
    // The counts of another shop would be believed.
    shop.source.connect(&cx).await.map_err(failed)?;
    let counts = price::ask(&shop.source, &cx, (parts, span), now)
        .await
        .map_err(failed)?;
    let pace = Pace {
        sweep_ms: shop.walks.sweep_ms,
        reconcile_ms: shop.walks.reconcile_ms,
    };
    Ok(price::plan(&subject, &counts, (shop.wants, pace), known.as_ref()))
}

fn say(shop: &Shop<'_>, plan: &Plan, now: Timestamp, output: Output) {
    output.line(format!(
        "{}: asked for {} counts; nothing else was sent",
        plan.connection, plan.asked
    ));
    for (part, why) in &plan.refused {
        output.line(format!("  {part} cannot be counted and is left out: {why}"));
    }
    let rows = plan.parts.iter().map(|part| {
        vec![
            part.part.to_owned(),
            part.things.to_string(),
            part.calls.to_string(),
            part.calls_least.to_string(),
            format!("{:.1}", part.percent),
        ]
    });
    output.table(
        &["part", "things", "calls", "least", "%"],
        &rows.collect::<Vec<_>>(),
    );
    if !plan.refused.is_empty() {
        output.warning("the sums and the end are those of the other parts alone; let the key read the rest, then plan again");
    }
    output.line(format!(
        "the history takes {} calls (the least possible: {}) and ends {}",
        plan.calls,
        plan.calls_least,
        end_in_words(&plan.end, now)
    ));
    let [live, sweep, reconcile] = plan.per_day;
    output.line(format!(
        "from then on about {:.0} calls a day: {live:.0} live, {sweep:.0} for sweeps, {reconcile:.0} for reconciliations",
        live + sweep + reconcile
    ));
    if let Some(thousand) = plan.per_thousand {
        output.line(format!(
            "calls per 1,000 orders: {:.0} for history (least {:.0}), {:.0} live",
            thousand.history, thousand.history_least, thousand.live
        ));
    }
    let rows = plan.options.iter().map(|option| {
        let known = |text: String| if option.is_counted { text } else { "?".to_owned() };
        vec![
            option.option.to_owned(),
            if option.is_on { "on" } else { "off" }.to_owned(),
            known(format!("{:.0}", option.calls_per_day)),
            known(option.history_calls.to_string()),
            known(time_in_words(option.longer_us)),
        ]
    });
    output.table(
        &[
            "option",
            "is",
            "calls a day",
            "calls of history",
            "history takes longer by",
        ],
        &rows.collect::<Vec<_>>(),
    );
    output.line("each but order_rows is a switch of the route; `schakel backfill start --without order_rows` leaves those out of a history");
    say_people(shop, plan, output);
}

fn say_people(shop: &Shop<'_>, plan: &Plan, output: Output) {
    if shop.is_marked {
        output.line(format!(
            "{} people are in the history; they and their orders bear BookerzHistory = Yes, so that a campaign can leave them out",
            plan.people
        ));
    } else {
        output.line(format!(
            "{} people are in the history: a campaign for new profiles would take all of them for new; `extras = [\"history\"]` in the route marks them",
            plan.people
        ));
    }
}
