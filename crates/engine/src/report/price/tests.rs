//! Plans of a shop of 250,000 orders, and what is left of them.

use schakel_core::budget::{Limit, Limits, Reserves};
use schakel_core::connector::Span;
use schakel_core::forecast::Traffic;
use schakel_core::id::ConnectionId;
use schakel_core::lookup;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Walk, WalkState};

use super::*;

/// What such a shop counts.
fn counted() -> Counts {
    let things = [
        (Part::Products, 10_000),
        (Part::Customers, 100_000),
        (Part::Quotes, 300_000),
        (Part::Groups, 100_000),
        (Part::Orders, 250_000),
        (Part::OrderRows, 250_000),
        (Part::QuoteRows, 300_000),
    ];
    Counts {
        things: things.into_iter().collect(),
        traffic: Some(Traffic {
            orders: 700.0,
            customers: 300.0,
            quotes: 900.0,
            products: 3.0,
        }),
        calls: 12,
        ..Counts::default()
    }
}

fn desk_plan(wants: Wants) -> Plan {
    plan_of(&counted(), wants, &Known::default())
}

fn plan_of(counts: &Counts, wants: Wants, known: &Known) -> Plan {
    let subject = Subject {
        connection: ConnectionId(1),
        name: "shop".to_owned(),
        limits: Limits {
            windows: vec![
                Limit::long(300, 300),
                Limit::long(3_000, 3_600),
                Limit::long(12_000, 86_400),
            ],
            reserves: Reserves::default(),
        },
        sweep_per_day: 0.0,
    };
    let pace = Pace {
        sweep_ms: 900_000,
        checkouts_ms: 1_800_000,
        reconcile_ms: 7 * 86_400_000,
    };
    plan(&subject, counts, (wants, pace), known)
}

fn price(plan: &Plan, option: &str) -> OptionPrice {
    plan.options
        .iter()
        .find(|one| one.option == option)
        .unwrap()
        .clone()
}

#[test]
fn a_plan_names_what_it_costs_and_what_it_would_cost() {
    let wants = Wants {
        has_quotes: true,
        ..Wants::default()
    };
    let plan = desk_plan(wants);
    let parts: Vec<&str> = plan.parts.iter().map(|part| part.part).collect();
    assert_eq!(parts, ["products", "customers", "quotes", "orders", "order_rows"]);
    assert_eq!(plan.calls, 43 + 403 + 1_203 + 1_003 + 250_000);
    assert_eq!(plan.end.unwrap().binding_us, Some(86_400_000_000));
    let rows = price(&plan, "quote_rows");
    assert!(
        !rows.is_on && rows.history_calls == 300_000 && (rows.calls_per_day.unwrap() - 900.0).abs() < 1.0
    );
    assert!(
        rows.longer_us > 30 * 86_400_000_000,
        "more calls than all others together"
    );
    let groups = price(&plan, "customer_groups");
    assert!(!groups.is_on && groups.history_calls == 403 && groups.calls_per_day.unwrap() > 1_000.0);
    assert!(price(&plan, "quotes").is_on);
    let rows = price(&plan, "order_rows");
    assert!(rows.is_on && rows.history_calls == 250_000 && rows.calls_per_day == Some(0.0));
    assert!(rows.longer_us > 20 * 86_400_000_000, "nearly all of the history");
    let pictures = price(&plan, "pictures");
    assert!(pictures.is_on && pictures.history_calls == 43);
    // A page of each sweep; payloads bring new products.
    assert!(
        (pictures.calls_per_day.unwrap() - 96.0).abs() < 1e-9,
        "{pictures:?}"
    );
    let thousand = plan.per_thousand.unwrap();
    assert!(thousand.history < 1.001 * thousand.history_least, "{thousand:?}");
}

#[test]
fn what_is_switched_on_is_in_the_plan() {
    let wants = Wants {
        has_quotes: true,
        has_quote_rows: true,
        ..Wants::default()
    };
    let plan = desk_plan(wants);
    assert!(plan.parts.iter().any(|part| part.part == "quote_rows"));
    assert!(price(&plan, "quote_rows").is_on);
    assert!(
        price(&plan, "quotes").history_calls > 300_000,
        "rows go with their carts"
    );
    let end = plan.end.unwrap();
    assert!(
        (end.latest_us - end.earliest_us) * 5 <= end.latest_us,
        "a fifth at most: {end:?}"
    );
}

#[test]
fn an_option_costs_what_it_needs_as_well() {
    let wants = Wants {
        has_pictures: false,
        is_polling: true,
        ..Wants::default()
    };
    let plan = desk_plan(wants);
    assert!(!price(&plan, "pictures").is_on && !price(&plan, "quotes").is_on);
    // Without quotes their rows bring them along, and the products in them.
    let (quotes, rows) = (price(&plan, "quotes"), price(&plan, "quote_rows"));
    assert_eq!((quotes.history_calls, rows.history_calls), (1_203, 301_246));
    // Lists tell of orders without their rows: a call when one is new, and one for each of its two changes.
    let rows = price(&plan, "order_rows");
    assert!((rows.calls_per_day.unwrap() - 2_100.0).abs() < 1e-9, "{rows:?}");
}

fn at(day: i64) -> Timestamp {
    Timestamp::from_micros(day * 86_400_000_000)
}

fn since(day: i64) -> Span {
    Span {
        created_from: Some(at(day)),
        ..Span::default()
    }
}

/// A month of the shop, whose lists are counted as a whole as well.
fn month() -> Counts {
    let things = [
        (Part::Products, 100),
        (Part::Customers, 2_000),
        (Part::Orders, 6_000),
        (Part::OrderRows, 6_000),
    ];
    Counts {
        span: since(70),
        things: things.into_iter().collect(),
        wholes: [(Part::Products, 10_000), (Part::Customers, 100_000)].into(),
        traffic: Some(Traffic::default()),
        ..Counts::default()
    }
}

fn history(part: Part, span: Span, state: WalkState) -> Walk {
    let mut walk = Walk::new(ConnectionId(1), Job::Backfill, part, span, at(100));
    walk.state = state;
    walk.note_end();
    walk
}

fn part<'p>(plan: &'p Plan, name: &str) -> &'p PartPrice {
    plan.parts.iter().find(|part| part.part == name).unwrap()
}

#[test]
fn a_period_refers_to_people_and_products_outside_it() {
    let plan = plan_of(&month(), Wants::default(), &Known::default());
    let outside: Vec<_> = plan
        .outside
        .iter()
        .map(|price| (price.part, price.things_most, price.calls_most))
        .collect();
    // A count and the pages of what is older than the month; orders name a customer each at most.
    assert_eq!(
        outside,
        [("products", 9_900, 1 + 40), ("customers", 6_000, 1 + 393)]
    );
    assert_eq!((plan.people_least, plan.people), (Some(2_000), Some(8_000)));
    assert_eq!(plan.calls, 3 + 11 + 27 + 6_000, "the lists of the month");
    let left = plan.end.unwrap().calls_left;
    let (low, high) = (plan.calls as f64 * 0.98, (plan.calls + 41 + 394) as f64 * 1.02);
    assert!(
        (left.low - low).abs() < 1e-6 && (left.high - high).abs() < 1e-6,
        "{left:?}"
    );
}

#[test]
fn single_parts_refer_to_lists_that_are_not_read_at_all() {
    let counts = Counts {
        span: Span::default(),
        things: [(Part::Orders, 300)].into(),
        wholes: [(Part::Customers, 100_000)].into(),
        traffic: Some(Traffic::default()),
        ..Counts::default()
    };
    let plan = plan_of(&counts, Wants::default(), &Known::default());
    let [customers] = plan.outside.as_slice() else {
        panic!("{:?}", plan.outside)
    };
    assert_eq!(customers.calls_most, lookup::calls(300, 100_000));
    assert_eq!(customers.calls_most, 301, "one by one is cheaper than 401 pages");
    assert_eq!((plan.people_least, plan.people), (Some(0), Some(300)));
    let held = Known {
        alive: [(Part::Customers, 99_990)].into(),
        ..Known::default()
    };
    let plan = plan_of(&counts, Wants::default(), &held);
    assert_eq!(plan.outside[0].things_most, 10, "whoever is held is not missing");
    assert_eq!(plan.people, Some(10));
}

#[test]
fn what_was_read_costs_nothing_more() {
    let whole = |part| history(part, Span::default(), WalkState::Done);
    let known = Known {
        walks: [Part::Products, Part::Customers, Part::Orders].map(whole).into(),
        alive: [(Part::Orders, 250_000), (Part::Customers, 100_000)].into(),
        rows_due: [(Part::OrderRows, 40_000)].into(),
        ..Known::default()
    };
    let plan = plan_of(&counted(), Wants::default(), &known);
    assert_eq!(part(&plan, "orders").calls_left, 0);
    assert_eq!(part(&plan, "orders").standing, Standing::Read);
    let rows = part(&plan, "order_rows");
    assert_eq!(
        (rows.calls, rows.calls_left),
        (250_000, 40_000),
        "webhooks brought the rest"
    );
    assert_eq!(plan.calls_left, 40_000);
    let left = plan.end.unwrap().calls_left;
    assert!(
        left.low < 40_000.0 && 40_000.0 < left.high && left.high < 41_000.0,
        "{left:?}"
    );
    assert_eq!(
        (plan.people_least, plan.people),
        (Some(0), Some(0)),
        "they are there already"
    );
}

#[test]
fn a_history_under_way_costs_what_is_left_of_it() {
    let mut orders = history(Part::Orders, Span::default(), WalkState::Running);
    (orders.expected, orders.seen) = (Some(250_000), 200_000);
    orders.phase = schakel_core::walk::Phase::Read;
    let mut rows = history(Part::OrderRows, Span::default(), WalkState::Paused);
    (rows.expected, rows.seen) = (Some(250_000), 100_000);
    rows.phase = schakel_core::walk::Phase::Rows;
    let known = Known {
        walks: vec![orders, rows],
        ..Known::default()
    };
    let plan = plan_of(&counted(), Wants::default(), &known);
    assert_eq!(part(&plan, "orders").standing, Standing::UnderWay);
    assert_eq!(part(&plan, "orders").calls_left, 202, "201 pages and a count");
    assert_eq!(part(&plan, "order_rows").calls_left, 150_000);
    assert_eq!(
        part(&plan, "customers").calls_left,
        part(&plan, "customers").calls
    );
}

#[test]
fn a_later_period_reads_the_rows_of_what_it_brings() {
    let mut counts = month();
    counts.wholes.insert(Part::Orders, 250_000);
    let known = Known {
        walks: vec![history(Part::Orders, since(90), WalkState::Done)],
        alive: [(Part::Orders, 246_000)].into(),
        rows_due: [(Part::OrderRows, 5)].into(),
        ..Known::default()
    };
    let mut plan = plan_of(&counts, Wants::default(), &known);
    assert_eq!(part(&plan, "orders").standing, Standing::New);
    assert_eq!(part(&plan, "order_rows").calls_left, 4_005);
    counts.span = since(95);
    plan = plan_of(&counts, Wants::default(), &known);
    assert_eq!(part(&plan, "orders").standing, Standing::Read);
    assert_eq!(part(&plan, "order_rows").calls_left, 5);
}

#[test]
fn sweeps_are_held_against_what_the_limits_leave() {
    let plan = desk_plan(Wants::default());
    // 12,000 a day without a tenth and a fifth, over a day and the time that a call travels.
    let room = plan.room_per_day.unwrap();
    assert!((8_390.0..8_400.0).contains(&room), "{room}");
    let [_, sweep, reconcile] = plan.per_day.unwrap();
    let percent = plan.swept_percent.unwrap();
    assert!(
        (percent - (sweep + reconcile) * 100.0 / room).abs() < 1e-6,
        "{percent}"
    );
    assert!(
        (plan.ties_per_day.unwrap() - 56.0).abs() < 1e-9,
        "28 of 700 orders, two calls each"
    );
}

/// A history of which the first lists were counted.
fn under_way(counts: &[(Part, i64)]) -> Known {
    let walk = |(part, things): &(Part, i64)| {
        let mut walk = history(*part, Span::default(), WalkState::Running);
        walk.expected = Some(*things);
        walk
    };
    Known {
        walks: counts.iter().map(walk).collect(),
        ..Known::default()
    }
}

fn known_counts(parts: &[Part], span: Span, known: &Known) -> Option<Counts> {
    let question = Question::new((parts, span), Wants::default(), known, at(100));
    Counts::known(&question, Wants::default(), known)
}

const ASKED: [Part; 5] = [
    Part::Products,
    Part::Customers,
    Part::Quotes,
    Part::Orders,
    Part::OrderRows,
];

#[test]
fn a_history_that_counted_everything_gives_the_plan_without_days() {
    let known = under_way(&[
        (Part::Products, 10_000),
        (Part::Customers, 100_000),
        (Part::Orders, 250_000),
        // What still lacks rows is not how many there are.
        (Part::OrderRows, 17),
    ]);
    let counts = known_counts(&ASKED, Span::default(), &known).unwrap();
    let plan = plan_of(&counts, Wants::default(), &known);
    assert_eq!((plan.counted_by, plan.asked), (CountedBy::History, 0));
    assert!(plan.uncounted.is_empty(), "carts are not wanted: {plan:?}");
    assert_eq!(part(&plan, "order_rows").things, 250_000);
    assert!(plan.end.is_some() && plan.people == Some(100_000));
    assert!(plan.per_day.is_none() && plan.swept_percent.is_none() && plan.ties_per_day.is_none());
    let options: Vec<_> = plan
        .options
        .iter()
        .map(|one| (one.option, one.calls_per_day))
        .collect();
    assert_eq!(options, [("order_rows", None), ("pictures", None)]);
    assert!(plan.per_thousand.unwrap().live.is_none());
}

#[test]
fn what_a_history_did_not_count_yet_is_named_and_has_no_end() {
    let known = under_way(&[(Part::Products, 10_000)]);
    let counts = known_counts(&ASKED, Span::default(), &known).unwrap();
    let plan = plan_of(&counts, Wants::default(), &known);
    assert_eq!(plan.uncounted, ["customers", "orders", "order_rows"]);
    assert_eq!(plan.calls, 43);
    assert!(plan.end.is_none() && plan.people.is_none() && plan.per_thousand.is_none());
    assert_eq!(plan.options.len(), 1, "pictures: {:?}", plan.options);
}

#[test]
fn counts_of_another_period_are_not_taken_and_of_two_the_newer() {
    let mut known = under_way(&[(Part::Orders, 250_000)]);
    assert!(known_counts(&ASKED, since(90), &known).is_none());
    assert!(known_counts(&ASKED, Span::default(), &Known::default()).is_none());
    let mut compared = known.walks[0].clone();
    (compared.job, compared.expected) = (Job::Reconcile, Some(250_007));
    compared.updated_at = at(101);
    known.walks.push(compared);
    let counts = known_counts(&[Part::OrderRows], Span::default(), &known).unwrap();
    assert_eq!(counts.things[&Part::OrderRows], 250_007);
    // Orders name customers, whose list nobody counted.
    let counts = known_counts(&[Part::Orders], Span::default(), &known).unwrap();
    let plan = plan_of(&counts, Wants::default(), &known);
    assert_eq!(
        (plan.outside_uncounted.as_slice(), plan.people),
        (&["customers"][..], None)
    );
    assert!(plan.end.is_some(), "what lies outside is little");
}
