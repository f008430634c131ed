//! `schakel plan`: what a history costs in calls and when it ends, before anything is read. Asks for counts only.

use std::time::Duration;

use schakel_core::connector::{Class, ConnectorError, Cx, Part, Source, Span};
use schakel_core::forecast::{DeletionCalls, Pace, Wants};
use schakel_core::lists::Lists;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::Job;
use schakel_engine::clock::SystemClock;
use schakel_engine::report::Subject;
use schakel_engine::report::price::{self, CountedBy, Counts, Known, Plan, Question, Standing};
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
            Ok(made) => {
                if !made.plan.refused.is_empty() || lacks_counts(&made.plan) {
                    exit = gravest(exit, Exit::Findings);
                }
                plans.push(planned(shop, store.as_ref(), (&made, now), output).await?);
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

/// A plan, and why it was not made of counts of its own.
struct Made {
    plan: Plan,
    /// What the budget said; empty when there was room.
    no_room: String,
}

/// Tells whether something that the plan is about was not counted by the history yet.
fn lacks_counts(plan: &Plan) -> bool {
    !plan.uncounted.is_empty() || !plan.outside_uncounted.is_empty()
}

/// Shows the plan of one shop, and gives it for programs.
async fn planned(
    shop: &Shop<'_>,
    store: Option<&Store>,
    (made, now): (&Made, Timestamp),
    output: Output,
) -> Result<Value, Failure> {
    let plan = &made.plan;
    say(shop, made, now, output);
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
    value["mailed_as_new"] = json!(if shop.is_marked { Some(0) } else { plan.people });
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
) -> Result<Made, Failure> {
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
    let mut known = match store.filter(|_| connection.is_some()) {
        Some(store) => Known::read(store, TENANT, &subject, now)
            .await
            .map_err(Failure::from)?,
        None => Known::default(),
    };
    let question = Question::new((parts, span), shop.wants, &known, now);
    let way = WayIn::to(config, shop.name(), store, cx)
        .await
        .map_err(Failure::from)?;
    let desk = (&subject, (shop.wants, shop.pace()));
    if let Err(error) = way.ask_room(Class::Sweep, 1 + question.calls()).await {
        return from_history(&question, desk, &known, (failed, error));
    }
    // Somebody waits for the answer: it must not stand behind the sweeps of a hub in every second.
    let cx = way.cx.for_class(Class::Live);
    let counted = async {
        // The counts of another shop would be believed.
        shop.source.connect(&cx).await?;
        price::ask(&shop.source, &cx, &question).await
    };
    let counts = match counted.await {
        Ok(counts) => counts,
        Err(error) => return from_history(&question, desk, &known, (failed, error)),
    };
    let heard = known.hear((store, TENANT), &subject, way.usage(), cx.clock.now());
    heard.await.map_err(Failure::from)?;
    Ok(Made {
        plan: price::plan(&subject, &counts, (shop.wants, shop.pace()), &known),
        no_room: String::new(),
    })
}

/// Makes the plan of what the history counted, where the shop takes no calls for counts: before the first of them, or after
/// some, which are left.
fn from_history(
    question: &Question<'_>,
    (subject, (wants, pace)): (&Subject, (Wants, Pace)),
    known: &Known,
    (failed, error): (impl Fn(ConnectorError) -> Failure, ConnectorError),
) -> Result<Made, Failure> {
    let is_spent = matches!(error, ConnectorError::RateLimited { .. });
    let refused = failed(error);
    if !is_spent {
        return Err(refused);
    }
    match Counts::known(question, wants, known) {
        Some(counts) => Ok(Made {
            plan: price::plan(subject, &counts, (wants, pace), known),
            no_room: refused.message().to_owned(),
        }),
        None if known.has_counts() => Err(refused.hint(OTHER)),
        None => Err(refused),
    }
}

/// What to do where the budget has no room for counts, and the history counted only something else so far.
const OTHER: &str = "what the history counted so far is of another period or of other parts, `schakel backfill status` shows it; for \
                     the same ones `schakel plan` needs no call";

fn say(shop: &Shop<'_>, Made { plan, no_room }: &Made, now: Timestamp, output: Output) {
    output.line(match plan.counted_by {
        CountedBy::Shop => format!(
            "{}: asked for {} counts; nothing else was sent",
            plan.connection, plan.asked
        ),
        CountedBy::History => format!(
            "{}: as its history counted so far, since {no_room}",
            plan.connection
        ),
    });
    say_parts(plan, output);
    if !plan.refused.is_empty() {
        output.warning("the sums and the end are those of the other parts alone; let the key read the rest, then plan again");
    }
    say_end(plan, now, output);
    say_days(plan, shop.pace(), output);
    if let Some(thousand) = plan.per_thousand {
        let live = thousand
            .live
            .map_or_else(String::new, |live| format!(", {live:.0} live"));
        output.line(format!(
            "calls per 1,000 orders: {:.0} for history (least {:.0}){live}",
            thousand.history, thousand.history_least
        ));
    }
    output.line(deletions_in_words(plan.per_deletion));
    say_options(plan, output);
    if let (Some(least), Some(most)) = (plan.people_least, plan.people) {
        say_people(shop, (least, most), output);
    }
    if plan.counted_by == CountedBy::History {
        output.line(
            "what is new per day was not counted, so calls a day are not told; plan again when there is room",
        );
    }
}

/// Shows what each part costs, what is not counted, and what lies outside.
fn say_parts(plan: &Plan, output: Output) {
    for (part, why) in &plan.refused {
        output.line(format!("  {part} cannot be counted and is left out: {why}"));
    }
    let counted = plan.parts.iter().map(|part| {
        vec![
            part.part.to_owned(),
            part.things.to_string(),
            part.calls.to_string(),
            part.calls_least.to_string(),
            format!("{:.1}", part.percent),
            part.calls_left.to_string(),
            match part.standing {
                Standing::New => "",
                Standing::UnderWay => "under way",
                Standing::Read => "read already",
            }
            .to_owned(),
        ]
    });
    let unknown = plan.uncounted.iter().map(|part| {
        let cells = [*part, "?", "?", "?", "?", "?", "not counted yet"];
        cells.map(str::to_owned).to_vec()
    });
    output.table(
        &["part", "things", "calls", "least", "%", "left", ""],
        &counted.chain(unknown).collect::<Vec<_>>(),
    );
    for price in &plan.outside {
        output.line(format!(
            "  {} that it refers to and does not list: {} at most, found with {} calls at most",
            price.part, price.things_most, price.calls_most
        ));
    }
    for part in &plan.outside_uncounted {
        output.line(format!(
            "  {part} that it refers to and does not list: not counted yet, and in none of the sums"
        ));
    }
}

fn say_options(plan: &Plan, output: Output) {
    if plan.options.is_empty() {
        return;
    }
    let rows = plan.options.iter().map(|option| {
        let known = |text: String| if option.is_counted { text } else { "?".to_owned() };
        vec![
            option.option.to_owned(),
            if option.is_on { "on" } else { "off" }.to_owned(),
            option
                .calls_per_day
                .map_or_else(|| "?".to_owned(), |calls| known(format!("{calls:.0}"))),
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
            "history takes longer by up to",
        ],
        &rows.collect::<Vec<_>>(),
    );
    output.line("each but order_rows is a switch of the route; `schakel backfill start --without order_rows` leaves those out of a history");
}

fn say_end(plan: &Plan, now: Timestamp, output: Output) {
    let Some(end) = &plan.end else {
        output.line(format!(
            "the history takes {} calls and those of what is not counted yet; when it ends is told once all is counted",
            plan.calls
        ));
        return;
    };
    let end = end_in_words(end, now);
    let end = match plan.calls_left {
        0 if plan.outside.is_empty() => "; nothing of it is left to be read".to_owned(),
        left if left == plan.calls => format!(" and ends {end}"),
        left => format!(", {left} of them are left, and ends {end}"),
    };
    output.line(format!(
        "the history takes {} calls (the least possible: {}){end}",
        plan.calls, plan.calls_least
    ));
}

/// Says what a deletion costs.
fn deletions_in_words(DeletionCalls { told, found }: DeletionCalls) -> String {
    let told = told.map_or_else(String::new, |told| {
        format!("{told} where a webhook tells of it and ")
    });
    format!(
        "calls for each thing that the shop deletes: {told}{found} where only a reconciliation finds it; nothing counts those, so they are in no sum"
    )
}

/// How much of the calls of a day sweeps may take before it is warned about, in percent: a history then takes twice as
/// long as it could.
const SWEPT_PERCENT: f64 = 50.0;

fn say_days(plan: &Plan, pace: Pace, output: Output) {
    let Some([live, sweep, reconcile]) = plan.per_day else {
        return;
    };
    let ties = match plan.ties_per_day {
        Some(ties) if ties >= 0.5 => format!(
            " (about {ties:.0} since two webhooks of one second differ, which is assumed, not measured)"
        ),
        _ => String::new(),
    };
    output.line(format!(
        "from then on about {:.0} calls a day: {live:.0} live{ties}, {sweep:.0} for sweeps, {reconcile:.0} for reconciliations",
        live + sweep + reconcile
    ));
    if let (Some(room), Some(percent)) = (plan.room_per_day, plan.swept_percent)
        && percent >= SWEPT_PERCENT
    {
        output.warning(&format!(
            "sweeps and reconciliations take {percent:.0}% of the {room:.0} calls a day that the limits leave for them and the history; a longer sweep_interval, checkout_interval or reconcile_interval of the connection takes fewer{}",
            fitting([live, sweep, reconcile], room, pace)
        ));
    }
}

/// Names the interval that takes most of the `room` per day, where that is more than there is, and one with which about half
/// of the room is taken; nothing where the other interval takes half of it already.
fn fitting([_, sweep, reconcile]: [f64; 3], room: f64, pace: Pace) -> String {
    let (name, every_ms, own, other) = if sweep >= reconcile {
        ("sweep_interval", pace.sweep_ms, sweep, reconcile)
    } else {
        ("reconcile_interval", pace.reconcile_ms, reconcile, sweep)
    };
    let free = room * SWEPT_PERCENT / 100.0 - other;
    if own + other <= room || free <= 0.0 {
        return String::new();
    }
    let minutes = (Duration::from_millis(every_ms.unsigned_abs()).as_secs_f64() * own / free / 60.0).ceil();
    format!("; that is more than the key allows, {name} = \"{minutes:.0}m\" fits")
}

fn say_people(shop: &Shop<'_>, (least, most): (i64, i64), output: Output) {
    let people = if least == most {
        most.to_string()
    } else {
        format!("{least} to {most}")
    };
    if shop.is_marked {
        output.line(format!(
            "{people} people come with the history; they and their orders bear BookerzHistory = Yes, so that a campaign can leave them out"
        ));
    } else {
        output.line(format!(
            "{people} people come with the history: a campaign for new profiles would take all of them for new; `extras = [\"history\"]` in the route marks them"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_is_told_with_its_price() {
        let said = |told| deletions_in_words(DeletionCalls { told, found: 2 });
        assert!(said(Some(1)).contains(": 1 where a webhook tells of it and 2 where only a reconciliation"));
        assert!(said(None).contains(": 2 where only a reconciliation"));
    }

    #[test]
    fn an_interval_that_takes_more_than_the_key_allows_is_named_with_one_that_fits() {
        let pace = Pace {
            sweep_ms: 20_000,
            checkouts_ms: 900_000,
            reconcile_ms: 120_000,
        };
        let said = |sweep, reconcile| fitting([9_000.0, sweep, reconcile], 8_000.0, pace);
        assert!(said(36_000.0, 1_000.0).ends_with("sweep_interval = \"4m\" fits"));
        assert!(said(1_000.0, 36_000.0).ends_with("reconcile_interval = \"24m\" fits"));
        assert_eq!(said(5_000.0, 3_000.0), "", "it fits, if only just");
        assert_eq!(said(36_000.0, 4_000.0), "", "one interval alone does not help");
    }
}
