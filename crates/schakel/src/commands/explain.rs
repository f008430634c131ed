//! `schakel explain`: one person, a cart of nobody, or what was set aside, with the reasons. Shows personal data of that person only.

use schakel_core::delivery::Wish;
use schakel_engine::report::{self, Because, CartView, Explained, Moment, NobodysCart, Reader, SinkView};
use schakel_store::OpenOptions;
use serde::Serialize;

use super::open;
use crate::cli::ExplainArgs;
use crate::config::{Config, Newsletter};
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::{TENANT, fields_of_sinks};

/// What the argument names; programs tell a cart of nobody by its `cart_of_nobody`, and an event that was set aside by
/// `set_aside`.
#[derive(Serialize)]
#[serde(untagged)]
enum Found<'a> {
    Person(&'a Explained),
    Cart(&'a NobodysCart),
    Aside { set_aside: &'a Moment },
}

/// Explains whom the argument names, or which carts of nobody; nothing is a finding.
pub(crate) async fn run(config: &Config, args: &ExplainArgs, output: Output) -> anyhow::Result<Exit> {
    let store = open(config, OpenOptions { is_read_only: true }).await?;
    let presets = fields_of_sinks(config, &store).await.map_err(Failure::from)?;
    let is_unconfirmed_enough = config
        .routes
        .iter()
        .any(|route| route.newsletter == Newsletter::Subscribed);
    let reader = Reader {
        store: &store,
        tenant: TENANT,
        presets: &presets,
        is_unconfirmed_enough,
    };
    let found = report::explain(reader, &args.who, args.events)
        .await
        .map_err(Failure::from)?;
    let carts = report::nobodys_carts(reader, &args.who, args.events)
        .await
        .map_err(Failure::from)?;
    let people = found.iter().map(Found::Person);
    let all: Vec<Found<'_>> = people.chain(carts.iter().map(Found::Cart)).collect();
    let is_known = !all.is_empty();
    let aside = if is_known {
        Vec::new()
    } else {
        report::set_aside(reader, &args.who, args.events)
            .await
            .map_err(Failure::from)?
    };
    let aside_too = aside.iter().map(|set_aside| Found::Aside { set_aside });
    output.value(&all.into_iter().chain(aside_too).collect::<Vec<_>>());
    if !is_known {
        output.line("the hub knows nobody by that address or number");
    }
    for event in &aside {
        output.line(format!(
            "{} of {} (id {}, {}) was set aside: {}; `schakel quarantine` shows why and lets it go",
            event.about,
            event.connection,
            event.remote_id,
            event.event,
            event.problems.join(", ")
        ));
    }
    for person in &found {
        say(person, output);
    }
    for cart in &carts {
        say_cart(cart, output);
    }
    store.close().await;
    Ok(if is_known { Exit::Good } else { Exit::Findings })
}

fn say(person: &Explained, output: Output) {
    output.line(sentence(person));
    if person.is_unconfirmed {
        output.line("Two accounts of one shop met here; no sink hears of it until the shop confirmed both.");
    }
    output.line(consent(person));
    for sink in &person.sinks {
        output.line(of_sink(sink));
    }
    let rows = person.members.iter().map(|member| {
        let state = if member.is_deleted { "gone" } else { "living" };
        let number = member.remote_id.to_string();
        vec![
            member.connection.clone(),
            member.class.to_owned(),
            number,
            member.keys.join(" "),
            state.to_owned(),
        ]
    });
    output.line("\nRecords:");
    output.table(
        &["connection", "record", "id", "keys", "state"],
        &rows.collect::<Vec<_>>(),
    );
    say_carts(person, output);
    if !person.merges.is_empty() {
        output.line("\nMerges and splits:");
    }
    for merge in &person.merges {
        let how = if merge.key.is_empty() {
            String::new()
        } else {
            format!(" by {}", merge.key)
        };
        let verb = if merge.kind == "merge" {
            "took in"
        } else {
            "parted from"
        };
        output.line(format!(
            "{} relation {} {verb} relation {}{how}: {} in {}",
            merge.at, merge.relation, merge.other, merge.record, merge.event
        ));
    }
    say_events((&person.events, &person.unreadable), output);
}

/// Shows the newest events about a thing, and names those that can't be read.
fn say_events((events, unreadable): (&[Moment], &[String]), output: Output) {
    let rows = events.iter().map(|event| {
        vec![
            event.at.clone(),
            event.origin.to_owned(),
            event.about.clone(),
            event.remote_id.to_string(),
            event.state.to_owned(),
            event.problems.join(", "),
            event.event.clone(),
        ]
    });
    output.line("\nEvents, newest first:");
    output.table(
        &["received", "came as", "about", "id", "state", "problems", "event"],
        &rows.collect::<Vec<_>>(),
    );
    if !unreadable.is_empty() {
        output.warning(&format!(
            "these events can't be read, they are damaged or of a newer version: {}",
            unreadable.join(", ")
        ));
    }
}

/// Says what a cart of nobody is, since when it waits and when it ends.
fn say_cart(cart: &NobodysCart, output: Output) {
    output.line(format!(
        "Cart {} of {} belongs to nobody whom the hub knows: {}.",
        cart.cart_of_nobody,
        cart.connection,
        why_nobodys(cart)
    ));
    output.line(wait_of(cart));
    say_events((&cart.events, &cart.unreadable), output);
}

/// Says why nobody is known for a cart.
fn why_nobodys(cart: &NobodysCart) -> String {
    if let Some(customer) = cart.customer {
        return format!("it names customer {customer}, whom the hub does not hold");
    }
    let named = cart.checkouts.iter().map(|checkout| {
        let whom = match (checkout.customer, checkout.has_email) {
            (Some(customer), _) => format!("customer {customer}"),
            (None, true) => "an e-mail address".to_owned(),
            (None, false) => "nobody".to_owned(),
        };
        format!("checkout {} names {whom}", checkout.remote_id)
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() {
        "it names no customer, and no checkout names it".to_owned()
    } else {
        format!(
            "it names no customer, and its checkouts lead to no single person ({})",
            named.join(", ")
        )
    }
}

/// Says since when a cart of nobody waits, and until when.
fn wait_of(cart: &NobodysCart) -> String {
    let since = cart
        .waits_since
        .as_ref()
        .map_or_else(|| "without a time".to_owned(), |at| format!("since {at}"));
    if cart.is_deleted {
        return format!(
            "The shop removed it; it was last changed {}.",
            since.replace("since ", "at ")
        );
    }
    if cart.ends_at.is_empty() {
        return format!("It waits {since}, and without an end (cart_expires is off, or no hub ran yet).");
    }
    let ends = cart.ends_at.iter().map(|(sink, at)| {
        let is_over = cart.is_expired.get(sink).copied().unwrap_or_default();
        let verb = if is_over { "ended" } else { "ends" };
        format!("for {sink} it {verb} at {at}")
    });
    let ends: Vec<String> = ends.collect();
    format!("It waits {since}; {}.", ends.join(", "))
}

/// Says which carts there are, and since when those are too old that are.
fn say_carts(person: &Explained, output: Output) {
    if person.carts.is_empty() {
        return;
    }
    let rows = person.carts.iter().map(|cart| {
        let expired = cart.expired_at.iter();
        let expired: Vec<String> = expired.map(|(sink, at)| format!("{sink}: {at}")).collect();
        vec![
            cart.connection.clone(),
            cart.remote_id.to_string(),
            cart.changed_at.clone().unwrap_or_default(),
            state_of(cart).to_owned(),
            expired.join(", "),
        ]
    });
    output.line("\nCarts, newest first (one that an order closed is Ordered, however old):");
    let head = ["connection", "cart", "last changed", "state", "expired since"];
    output.table(&head, &rows.collect::<Vec<_>>());
}

/// Says what became of a cart, in the words of `QuoteStatus`; for the sink where most became of it.
fn state_of(cart: &CartView) -> &'static str {
    match (cart.is_ordered, cart.is_gone) {
        (true, _) => "Ordered",
        (false, true) => "Expired: removed in the shop",
        (false, false) if !cart.expired_at.is_empty() => "Expired",
        (false, false) if cart.is_by_checkout => "Open while a checkout names this person",
        (false, false) => "Open",
    }
}

/// Says who it is and why it is one person.
fn sentence(person: &Explained) -> String {
    let name = if person.name.is_empty() {
        "without a name".to_owned()
    } else {
        person.name.clone()
    };
    let email = if person.email.is_empty() {
        "no e-mail address"
    } else {
        &person.email
    };
    let led = person
        .asked_number
        .map(|number| format!(" (relation {number} was merged into it)"))
        .unwrap_or_default();
    let mut keys: Vec<&str> = person
        .members
        .iter()
        .flat_map(|member| &member.keys)
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    let shared: Vec<&str> = keys
        .chunk_by(|a, b| a == b)
        .filter(|same| same.len() > 1)
        .map(|same| same[0])
        .collect();
    let former = if person.is_former_address {
        " (who had that address before)"
    } else {
        ""
    };
    let why = match (person.members.len(), shared.is_empty()) {
        (1, _) => "one record speaks of this person".to_owned(),
        (records, false) => format!("{records} records share {}", shared.join(" and ")),
        (records, true) => format!("{records} records belong to it"),
    };
    let things: Vec<String> = person
        .things
        .iter()
        .map(|(kind, count)| counted(*count, kind))
        .collect();
    let things = if things.is_empty() {
        "nothing".to_owned()
    } else {
        things.join(", ")
    };
    format!(
        "Relation {}{led}{former} is {name}, {email}: {why}. It has {things}.",
        person.relation
    )
}

/// Writes `1 order`, `2 order rows`.
pub(super) fn counted(count: usize, kind: &str) -> String {
    let word = kind.replace('_', " ");
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {word}{ending}")
}

fn consent(person: &Explained) -> String {
    let verdict = if person.newsletter { "Yes" } else { "No" };
    let why = match &person.newsletter_because {
        Because::NoSubscription => "there is no subscription".to_owned(),
        Because::Subscribed {
            subscription,
            is_confirmed: true,
        } => format!("subscription {subscription} is confirmed"),
        Because::Subscribed {
            subscription,
            is_confirmed: false,
        } => {
            format!("subscription {subscription} counts without confirmation (newsletter = \"subscribed\")")
        }
        Because::Unconfirmed { subscription } => format!("subscription {subscription} was never confirmed"),
        Because::Ended { subscription, at } => {
            format!("subscription {subscription} ended at {at}, and no confirmed one is younger")
        }
    };
    format!("Newsletter: {verdict}, since {why}.")
}

fn of_sink(sink: &SinkView) -> String {
    let profile = sink
        .remote_id
        .map_or_else(|| "no profile yet".to_owned(), |id| format!("profile {id}"));
    let shall = match (sink.wish, sink.is_confirmed) {
        (Wish::Present, true) => match &sink.confirmed_at {
            Some(at) => format!("held what it shall when that was last confirmed, at {at}"),
            None => "holds what it shall, as far as the hub knows".to_owned(),
        },
        (Wish::Present, false) => format!("is to be brought up to date ({})", sink.state),
        (Wish::Absent, true) => "is gone, as it shall".to_owned(),
        (Wish::Absent, false) => format!("is to be removed ({})", sink.state),
    };
    let below: Vec<String> = sink
        .below
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let below = if below.is_empty() {
        String::new()
    } else {
        format!("; below it: {}", below.join(", "))
    };
    let last = sink.attempts.first().map(|attempt| {
        format!(
            "; last attempt {}: {} {}",
            attempt.at, attempt.outcome, attempt.error
        )
    });
    let looked = match (&sink.looked_at, sink.remote_id) {
        (_, None) => String::new(),
        (Some(at), _) => format!(
            " What was removed and imported there by hand after {at} is not known yet (`schakel reconcile --profiles` looks)."
        ),
        (None, _) => " It was never looked what was removed and imported there by hand (`schakel reconcile --profiles` does)."
            .to_owned(),
    };
    format!(
        "{}: {profile} {shall}{below}{}.{looked}",
        sink.connection,
        last.unwrap_or_default().trim_end()
    )
}

#[cfg(test)]
mod tests {
    use schakel_engine::report::CheckoutView;

    use super::*;

    fn cart() -> NobodysCart {
        NobodysCart {
            cart_of_nobody: 71,
            connection: "shop".to_owned(),
            is_deleted: false,
            customer: None,
            waits_since: Some("2026-05-12T10:00:05.000000Z".to_owned()),
            ends_at: [("crm".to_owned(), "2026-05-13T10:00:05.000000Z".to_owned())].into(),
            is_expired: [("crm".to_owned(), false)].into(),
            checkouts: Vec::new(),
            events: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn a_cart_of_nobody_says_why_and_until_when() {
        let mut cart = cart();
        assert_eq!(
            why_nobodys(&cart),
            "it names no customer, and no checkout names it"
        );
        assert_eq!(
            wait_of(&cart),
            "It waits since 2026-05-12T10:00:05.000000Z; for crm it ends at 2026-05-13T10:00:05.000000Z."
        );
        cart.is_expired.insert("crm".to_owned(), true);
        assert!(wait_of(&cart).contains("for crm it ended at 2026-05-13"));
        cart.checkouts.push(CheckoutView {
            remote_id: 500,
            customer: None,
            has_email: true,
        });
        assert!(why_nobodys(&cart).ends_with("(checkout 500 names an e-mail address)"));
        cart.customer = Some(12);
        assert!(why_nobodys(&cart).contains("customer 12, whom the hub does not hold"));
        cart.ends_at.clear();
        assert!(wait_of(&cart).contains("without an end"));
        cart.is_deleted = true;
        assert!(wait_of(&cart).starts_with("The shop removed it"));
        let value = serde_json::to_value(Found::Cart(&cart)).unwrap();
        assert_eq!(value["cart_of_nobody"], 71);
    }
}
