//! The status page: the hub in numbers, with a sentence on top.

use schakel_core::delivery::{DeliveryState, Flow, ObjectKind};
use schakel_engine::report::{CartLine, HealthLine, LeftWaiting, SinkLine, Status};
use schakel_store::rows::InboxCounts;

use super::html::Html;
use super::language::Words;

/// Makes the whole page around what is `shown`; `is_renewing` makes it load itself again without JavaScript.
pub(super) fn page(shown: &Html, words: &Words, is_renewing: bool) -> String {
    let head = Html::default()
        .add(&Html::markup(
            "<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">",
        ))
        .add(&Html::markup(
            "<link rel=\"stylesheet\" href=\"/style.css\"><script src=\"/live.js\" defer></script>",
        ))
        .add(&if is_renewing {
            Html::markup("<meta http-equiv=\"refresh\" content=\"5\">")
        } else {
            Html::default()
        })
        .element("title", &[], |title| title.say("Schakel – ").say(words.title));
    let body = Html::default()
        .element("header", &[], |header| {
            header
                .add(&Html::text("h1", format!("Schakel – {}", words.title)))
                .add(&languages(words))
        })
        .element(
            "main",
            &[
                ("id", "live"),
                ("data-fragment", &format!("/status/fragment?lang={}", words.code)),
            ],
            |main| main.add(shown),
        )
        .element("footer", &[], |footer| {
            let link = format!("/?lang={}&renew=true", words.code);
            footer.element("noscript", &[], |inner| {
                inner.element("a", &[("href", &link)], |a| a.say(words.renew))
            })
        });
    let page = Html::markup("<!doctype html>").element("html", &[("lang", words.code)], |html| {
        html.element("head", &[], |inner| inner.add(&head))
            .element("body", &[], |inner| inner.add(&body))
    });
    page.into_string()
}

fn languages(words: &Words) -> Html {
    let names = [("nl", "Nederlands"), ("en", "English"), ("de", "Deutsch")];
    Html::default().element("nav", &[("aria-label", words.languages)], |nav| {
        names.into_iter().fold(nav, |nav, (code, name)| {
            let href = format!("/?lang={code}");
            let mut attributes = vec![("href", href.as_str()), ("hreflang", code), ("lang", code)];
            if code == words.code {
                attributes.push(("aria-current", "true"));
            }
            nav.element("a", &attributes, |a| a.say(name)).say(" ")
        })
    })
}

/// Says that there are no numbers, and what happens meanwhile.
pub(super) fn unavailable(words: &Words) -> Html {
    Html::default().element("p", &[("class", "say bad")], |p| p.say(words.unavailable))
}

/// Says that the file of the database is damaged, and what is to be done.
pub(super) fn damaged(words: &Words) -> Html {
    Html::default().element("p", &[("class", "say bad")], |p| p.say(words.damaged))
}

/// Makes the part that the script renews.
pub(super) fn fragment(status: &Status, words: &Words) -> Html {
    Html::default()
        .add(&sentence(status, words))
        .add(&ailing(&status.health, words))
        .add(&inbox(status, words))
        .add(&deliveries(status, words))
        .add(&people(status, words))
        .add(&walks(status, words))
        .add(&watch(status, words))
        .add(&quarantine(status, words))
        .add(&calls(status, words))
        .element("p", &[("class", "quiet")], |p| {
            p.say(words.read_at)
                .say(" ")
                .add(&Html::text("time", moment(&status.at)))
        })
}

/// Says in one sentence how things are.
fn sentence(status: &Status, words: &Words) -> Html {
    let open: i64 = status.sinks.iter().map(|sink| sink.open).sum();
    let left = status.left_waiting.iter().chain(&status.newer_waiting);
    let left: i64 = left.map(|left| left.events).sum();
    let for_person = status.inbox.quarantined + status.dead + left;
    let mut said = Vec::new();
    if !status.adds_up {
        said.push(words.broken_sum.to_owned());
    }
    let ailing: Vec<&str> = status
        .health
        .iter()
        .map(|line| line.connection.as_str())
        .collect();
    if !ailing.is_empty() {
        said.push(format!("{}: {}.", words.ailing, ailing.join(", ")));
    }
    let stopped = status.stopped_walks().count();
    if stopped > 0 {
        said.push(format!("{}: {stopped}.", words.lists_stopped));
    }
    if status.inbox.waiting + open > 0 {
        said.push(words.working.to_owned());
        let (events, deliveries) = (words.events_waiting, words.deliveries_open);
        said.push(format!(
            "{events}: {}, {deliveries}: {open}.",
            status.inbox.waiting
        ));
    } else if ailing.is_empty() && stopped == 0 && !is_reading(status) {
        said.push(words.all_well.to_owned());
    }
    said.extend(reading(status, words));
    if for_person > 0 {
        said.push(format!("{}: {for_person}.", words.needs_person));
    }
    let class = if !status.adds_up || !ailing.is_empty() {
        "say bad"
    } else if for_person > 0 || stopped > 0 {
        "say warn"
    } else {
        "say good"
    };
    Html::default().element("p", &[("class", class), ("role", "status")], |p| {
        p.say(said.join(" "))
    })
}

/// Whether something is still to be read from a shop.
fn is_reading(status: &Status) -> bool {
    status.fetches_waiting > 0 || status.walks.iter().any(|line| line.is_history_open)
}

/// Says what is still to be read from shops: histories, and things that are to be fetched.
fn reading(status: &Status, words: &Words) -> Vec<String> {
    let open = || status.walks.iter().filter(|line| line.is_history_open);
    let mut said = Vec::new();
    if open().next().is_some() {
        let seen: i64 = open().filter_map(|line| line.history_seen).sum();
        let expected: i64 = open().map(|line| line.history_expected).sum();
        let uncounted: usize = open().map(|line| line.history_uncounted).sum();
        let head = words.history_open;
        said.push(match (expected.max(seen), uncounted) {
            (counted, 0) => format!("{head}: {seen} / {counted}."),
            (_, lists) => format!("{head}: {seen}; {}: {lists}.", words.lists_uncounted),
        });
    }
    if status.fetches_waiting > 0 {
        said.push(format!("{}: {}.", words.fetches_open, status.fetches_waiting));
    }
    said
}

/// Writes a time of RFC 3339 in UTC for people: without parts of a second.
fn moment(time: &str) -> String {
    let second = time.split(['.', 'Z']).next().unwrap_or(time);
    format!("{} UTC", second.replace('T', " "))
}

/// Says of each connection through which nothing goes why, since when, and when it is tried again.
fn ailing(lines: &[HealthLine], words: &Words) -> Html {
    lines.iter().fold(Html::default(), |html, line| {
        let HealthLine {
            connection,
            reason,
            detail,
            since,
            next_at,
            ..
        } = line;
        let text = format!(
            "{connection} {}, {} {}; {} {}. ({detail})",
            reason.text(words.language),
            words.since,
            moment(since),
            words.next_attempt,
            moment(next_at)
        );
        html.element("p", &[("class", "say bad")], |p| p.say(&text))
    })
}

fn inbox(status: &Status, words: &Words) -> Html {
    section(words.inbox, |inner| {
        if status.connections.is_empty() {
            return inner.add(&Html::text("p", words.nothing_received));
        }
        let head = [
            words.connection,
            words.received,
            words.applied,
            words.duplicate,
            words.superseded,
            words.quarantined,
            words.waiting,
            words.erased,
            words.rejected,
        ];
        let mut rows: Vec<(String, Vec<i64>)> = status
            .connections
            .iter()
            .map(|line| (line.connection.clone(), numbers(&line.counts)))
            .collect();
        rows.push((words.total.to_owned(), numbers(&status.inbox)));
        let verdict = if status.adds_up {
            words.adds_up
        } else {
            words.broken_sum
        };
        inner
            .add(&table(&head, &rows))
            .add(&left(&status.left_waiting, words.left_waiting))
            .add(&left(&status.newer_waiting, words.newer_waiting))
            .element("p", &[("class", "quiet")], |p| {
                p.say(words.inbox_sum).say(". ").say(verdict)
            })
    })
}

/// Names the connections whose events wait for something else than their turn.
fn left(lines: &[LeftWaiting], why: &str) -> Html {
    lines.iter().fold(Html::default(), |html, line| {
        html.element("p", &[("class", "say warn")], |p| {
            p.say(format!("{}: {} {why}", line.connection, line.events))
        })
    })
}

fn numbers(counts: &InboxCounts) -> Vec<i64> {
    let InboxCounts {
        received,
        applied,
        duplicate,
        superseded,
        quarantined,
        waiting,
        erased,
        rejected,
    } = *counts;
    vec![
        received,
        applied,
        duplicate,
        superseded,
        quarantined,
        waiting,
        erased,
        rejected,
    ]
}

fn deliveries(status: &Status, words: &Words) -> Html {
    section(words.deliveries, |inner| {
        if status.sinks.iter().all(|sink| sink.objects.is_empty()) {
            return inner.add(&Html::text("p", words.nothing_to_deliver));
        }
        status.sinks.iter().fold(inner, |inner, sink| {
            let ailing = status
                .health
                .iter()
                .find(|line| line.connection == sink.connection);
            inner.add(&of_sink(sink, ailing, words))
        })
    })
}

fn of_sink(sink: &SinkLine, ailing: Option<&HealthLine>, words: &Words) -> Html {
    let head: Vec<&str> = std::iter::once(words.kind)
        .chain(DeliveryState::ALL.map(|state| state_word(state, words)))
        .collect();
    let rows: Vec<(String, Vec<i64>)> = ObjectKind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, sink.objects.get(kind.as_str())?)))
        .map(|(kind, states)| {
            let counts = DeliveryState::ALL.map(|state| states.get(state.as_str()).copied().unwrap_or(0));
            (kind_word(kind, words).to_owned(), counts.to_vec())
        })
        .collect();
    let mut piece = Html::text("h3", &sink.connection).add(&table(&head, &rows));
    if let Some(reading) = sink.loop_reading {
        let busy = reading.in_flight as f64 / reading.limit.max(1) as f64;
        let text = format!(
            "{}: {} {} {}",
            words.at_once, reading.in_flight, words.of_at_most, reading.limit
        );
        let value = format!("{:.2}", busy.clamp(0.0, 1.0));
        piece = piece.element("p", &[], |p| {
            p.say(&text).say(" ").element(
                "meter",
                &[("value", &value), ("aria-label", words.at_once)],
                |meter| meter,
            )
        });
        if let Some(line) = ailing {
            let text = format!("{} {}", line.connection, line.reason.text(words.language));
            piece = piece.element("p", &[("class", "say bad")], |p| p.say(&text));
        } else if reading.is_blocked {
            piece = piece.element("p", &[("class", "say bad")], |p| p.say(words.paused));
        } else if let Some(text) = flow_word(reading.flow, words) {
            piece = piece.element("p", &[("class", "say warn")], |p| p.say(text));
        }
    }
    if let Some(latency) = sink.latency_ms {
        let text = format!(
            "{}: {} {:.0} ms, {} {:.0} ms",
            words.latency, words.half_below, latency.p50, words.most_below, latency.p99
        );
        piece = piece.add(&Html::text("p", text));
    }
    piece
}

fn people(status: &Status, words: &Words) -> Html {
    let carts = |count: fn(&CartLine) -> i64| status.carts.iter().map(count).sum::<i64>();
    let counts = [
        (status.people.living, words.living),
        (status.people.aliases, words.aliases),
        (status.people.unconfirmed, words.unconfirmed),
        (status.merges, words.merges),
        (status.fetches_waiting, words.fetches),
        (carts(|line| line.waiting), words.carts_waiting),
        (carts(|line| line.expired), words.carts_expired),
    ];
    section(words.people, |inner| {
        inner.element("ul", &[("class", "numbers")], |list| {
            counts.into_iter().fold(list, |list, (count, what)| {
                list.element("li", &[], |item| {
                    item.add(&Html::text("b", count)).say(" ").say(what)
                })
            })
        })
    })
}

/// Shows how far the lists of each source were read.
fn walks(status: &Status, words: &Words) -> Html {
    if status.walks.is_empty() {
        return Html::default();
    }
    let rows: Vec<(String, Vec<i64>)> = status
        .walks
        .iter()
        .map(|line| {
            let stopped = i64::try_from(line.stopped.len()).unwrap_or(i64::MAX);
            let seen = line.history_seen.unwrap_or(0);
            (
                line.connection.clone(),
                vec![seen, line.history_expected, stopped, line.unexplained],
            )
        })
        .collect();
    let head = [
        words.connection,
        words.history_read,
        words.history_counted,
        words.stopped,
        words.missed,
    ];
    section(words.walks, |inner| {
        status
            .walks
            .iter()
            .fold(inner.add(&table(&head, &rows)), |inner, line| {
                let at = |at: &Option<String>, part: Option<&str>| {
                    let list = part.map_or_else(String::new, |part| format!(" ({part})"));
                    at.as_deref().map_or_else(|| words.never.to_owned(), moment) + &list
                };
                let text = format!(
                    "{}: {} {}, {} {}",
                    line.connection,
                    words.last_sweep,
                    at(&line.swept_at, line.swept_part),
                    words.last_reconciliation,
                    at(&line.reconciled_at, line.reconciled_part)
                );
                inner.element("p", &[("class", "quiet")], |p| p.say(&text))
            })
    })
}

/// Shows whether webhooks come, and what the watch over them did.
fn watch(status: &Status, words: &Words) -> Html {
    if status.watch.is_empty() {
        return Html::default();
    }
    let rows: Vec<(String, Vec<i64>)> = status
        .watch
        .iter()
        .map(|line| (line.connection.clone(), vec![line.mended, line.silences]))
        .collect();
    let head = [words.connection, words.mended, words.silences];
    let at = |at: &Option<String>| at.as_deref().map_or_else(|| words.never.to_owned(), moment);
    section(words.webhooks, |inner| {
        let table = inner.add(&table(&head, &rows));
        status.watch.iter().fold(table, |inner, line| {
            let name = &line.connection;
            let (heard, good) = (at(&line.heard_at), at(&line.registered_at));
            let text = format!(
                "{name}: {} {heard}, {} {good}",
                words.last_webhook, words.registered_at
            );
            let inner = if line.is_silent {
                let text = format!("{name}: {}", words.silence);
                inner.element("p", &[("class", "say warn")], |p| p.say(&text))
            } else {
                inner
            };
            inner.element("p", &[("class", "quiet")], |p| p.say(&text))
        })
    })
}

fn quarantine(status: &Status, words: &Words) -> Html {
    section(words.quarantine, |inner| {
        if status.quarantine.is_empty() {
            return inner.add(&Html::text("p", words.nothing_quarantined));
        }
        let rows: Vec<(String, Vec<i64>)> = status
            .quarantine
            .iter()
            .map(|line| (line.text(words.language).to_owned(), vec![line.count]))
            .collect();
        inner.add(&table(&[words.reason, words.count], &rows))
    })
}

fn calls(status: &Status, words: &Words) -> Html {
    if status.calls.is_empty() {
        return Html::default();
    }
    let count = |calls: &u64| i64::try_from(*calls).unwrap_or(i64::MAX);
    let rows: Vec<(String, Vec<i64>)> = status
        .calls
        .iter()
        .map(|(name, calls)| (name.clone(), vec![count(calls)]))
        .collect();
    section(words.calls, |inner| {
        inner.add(&table(&[words.connection, words.count], &rows))
    })
}

fn section(title: &str, fill: impl FnOnce(Html) -> Html) -> Html {
    Html::default().element("section", &[], |inner| fill(inner.add(&Html::text("h2", title))))
}

/// Makes a table whose first column names the row and whose others are numbers.
fn table(head: &[&str], rows: &[(String, Vec<i64>)]) -> Html {
    let head = Html::default().element("tr", &[], |row| {
        head.iter().fold(row, |row, name| {
            row.element("th", &[("scope", "col")], |cell| cell.say(name))
        })
    });
    let body = rows.iter().fold(Html::default(), |body, (name, numbers)| {
        body.element("tr", &[], |row| {
            let row = row.element("th", &[("scope", "row")], |cell| cell.say(name));
            numbers
                .iter()
                .fold(row, |row, number| row.add(&Html::text("td", number)))
        })
    });
    Html::default().element("div", &[("class", "scroll"), ("tabindex", "0")], |inner| {
        inner.element("table", &[], |table| {
            table
                .element("thead", &[], |inner| inner.add(&head))
                .element("tbody", &[], |inner| inner.add(&body))
        })
    })
}

/// Says why fewer calls go out than could; `None` while nothing holds them back.
fn flow_word(flow: Flow, words: &Words) -> Option<&'static str> {
    match flow {
        Flow::Open => None,
        Flow::Paused => Some(words.flow_paused),
        Flow::Broken => Some(words.flow_broken),
        Flow::Probing => Some(words.flow_probing),
    }
}

fn state_word(state: DeliveryState, words: &Words) -> &'static str {
    match state {
        DeliveryState::Clean => words.clean,
        DeliveryState::Parent => words.parent,
        DeliveryState::Held => words.held,
        DeliveryState::Unplaced => words.unplaced,
        DeliveryState::Ready => words.ready,
        DeliveryState::Claimed => words.claimed,
        DeliveryState::Dead => words.dead,
    }
}

fn kind_word(kind: ObjectKind, words: &Words) -> &'static str {
    match kind {
        ObjectKind::Relation => words.relation,
        ObjectKind::Order => words.order,
        ObjectKind::OrderRow => words.order_row,
        ObjectKind::Quote => words.quote,
        ObjectKind::QuoteRow => words.quote_row,
        ObjectKind::CustomerGroup => words.customer_group,
    }
}
