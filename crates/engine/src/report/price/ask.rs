//! What a source counts before prices are put on it.

use std::collections::BTreeMap;

use schakel_core::connector::{ConnectorError, Cx, Part, Source, Span};
use schakel_core::forecast::{Traffic, Wants};
use schakel_core::time::Timestamp;
use schakel_core::walk::Job;

use super::known::Known;
use crate::report::end::ratio;

/// Days over which it is counted what happens in a shop.
const RECENT_DAYS: i64 = 30;

const DAY_MS: i64 = 86_400_000;

/// Lists whose newest things are counted apart, to tell what happens in the shop per day.
const LIVELY: [Part; 4] = [Part::Products, Part::Customers, Part::Quotes, Part::Orders];

/// What a source is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The parts that are planned.
    pub parts: &'a [Part],
    /// Which of their things.
    pub span: Span,
    /// Lists that are also counted as a whole: what is planned refers to what they have.
    pub wholes: Vec<Part>,
    /// When it is asked.
    pub now: Timestamp,
}

impl<'a> Question<'a> {
    /// Makes the question for a plan of `parts` in `span`, when the hub knows what is `known`.
    #[must_use]
    pub fn new(
        (parts, span): (&'a [Part], Span),
        wants: Wants,
        known: &Known,
        now: Timestamp,
    ) -> Question<'a> {
        let is_listed_whole = |part: Part| span == Span::default() && parts.contains(&part);
        let is_needed = |part: Part| {
            if Job::Lookup.walks(part) {
                !known.is_whole(part) && referring(part).any(|of| parts.contains(&of) && wants.includes(of))
            } else {
                // How many orders or carts are new tells how many rows are to be read.
                let rows = Part::ALL.into_iter().filter(|rows| rows.is_per_thing());
                let has_rows = |rows: Part| rows.kind() == part.kind() && parts.contains(&rows);
                !part.is_per_thing() && known.alive(part) > 0 && rows.into_iter().any(has_rows)
            }
        };
        let wholes = Part::ALL.into_iter();
        Question {
            parts,
            span,
            wholes: wholes
                .filter(|part| wants.includes(*part) && !is_listed_whole(*part) && is_needed(*part))
                .collect(),
            now,
        }
    }

    /// Tells how many calls [`ask`] makes for it.
    #[must_use]
    pub fn calls(&self) -> usize {
        let lists = self.parts.iter().filter(|part| !part.is_per_thing());
        let lively = self.parts.iter().filter(|part| LIVELY.contains(part));
        let alone = rows_alone(self.parts).count();
        lists.count() + lively.count() + alone + self.wholes.len()
    }
}

/// The parts whose things refer to those of `part`.
pub(super) fn referring(part: Part) -> impl Iterator<Item = Part> {
    let of: &[Part] = match part {
        Part::Customers => &[Part::Orders, Part::Quotes],
        Part::Products => &[Part::OrderRows, Part::QuoteRows],
        Part::Variants => &[Part::QuoteRows],
        _ => &[],
    };
    of.iter().copied()
}

/// Rows among `parts` whose things are not.
fn rows_alone(parts: &[Part]) -> impl Iterator<Item = Part> {
    let rows = parts.iter().copied().filter(|part| part.is_per_thing());
    rows.filter(|rows| !parts.contains(&rows.list()))
}

/// What a source counted.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Which things were meant.
    pub span: Span,
    /// Things of each part that is asked for; rows are as many as the things that have them.
    pub things: BTreeMap<Part, i64>,
    /// Things of lists without the bounds of a period.
    pub wholes: BTreeMap<Part, i64>,
    /// What happens per day; `None` where a history counted, which does not ask what is new.
    pub traffic: Option<Traffic>,
    /// Parts that cannot be counted, with the reason.
    pub refused: Vec<(Part, String)>,
    /// Wanted parts that nothing has counted yet.
    pub uncounted: Vec<Part>,
    /// Lists that are referred to and that nothing has counted as a whole yet.
    pub wholes_uncounted: Vec<Part>,
    /// Calls that the question cost.
    pub calls: i64,
}

/// Counts what a source has, and what is new lately: a call for each. A part that the key may not read is noted and left
/// out.
///
/// # Errors
/// When the source cannot be asked at all.
pub async fn ask(source: &dyn Source, cx: &Cx, question: &Question<'_>) -> Result<Counts, ConnectorError> {
    let Question { parts, span, now, .. } = *question;
    let mut counts = Counts {
        span,
        ..Counts::default()
    };
    let mut traffic = Traffic::default();
    let recent = Span {
        created_from: Some(now.plus_ms(-RECENT_DAYS * DAY_MS)),
        ..Span::default()
    };
    for part in parts.iter().copied().filter(|part| !part.is_per_thing()) {
        let Some(things) = counts.count(source, cx, (part, span)).await? else {
            continue;
        };
        counts.things.insert(part, things);
        if LIVELY.contains(&part)
            && let Some(things) = counts.count(source, cx, (part, recent)).await?
        {
            let per_day = ratio(things, RECENT_DAYS);
            match part {
                Part::Products => traffic.products = per_day,
                Part::Customers => traffic.customers = per_day,
                Part::Quotes => traffic.quotes = per_day,
                _ => traffic.orders = per_day,
            }
        }
    }
    for rows in parts.iter().copied().filter(|part| part.is_per_thing()) {
        let of = rows.list();
        if let Some(things) = counts.things.get(&of).copied() {
            counts.things.insert(rows, things);
        } else if counts.refused.iter().any(|(part, _)| *part == of) {
            let why = format!("they are as many as the {}, which cannot be counted", of.as_str());
            counts.refused.push((rows, why));
        } else if let Some(things) = counts.count(source, cx, (rows, span)).await? {
            // Asked for alone: they are as many as the things that have them.
            counts.things.insert(rows, things);
        }
    }
    for part in &question.wholes {
        if let Some(things) = counts.count(source, cx, (*part, Span::default())).await? {
            counts.wholes.insert(*part, things);
        }
    }
    counts.traffic = Some(traffic);
    Ok(counts)
}

impl Counts {
    /// Takes the counts that histories and reconciliations of the same things wrote down, where the source has no room for
    /// `question`; `None` when there is none. Rows are as many as the things that have them.
    #[must_use]
    pub fn known(question: &Question<'_>, wants: Wants, known: &Known) -> Option<Self> {
        let mut counts = Self {
            span: question.span,
            ..Self::default()
        };
        for part in question.parts.iter().copied() {
            if let Some(things) = known.counted(part.list(), question.span) {
                counts.things.insert(part, things);
            } else if wants.includes(part) {
                counts.uncounted.push(part);
            }
        }
        for part in question.wholes.iter().copied() {
            match known.counted(part, Span::default()) {
                Some(things) => drop(counts.wholes.insert(part, things)),
                None => counts.wholes_uncounted.push(part),
            }
        }
        (!counts.things.is_empty()).then_some(counts)
    }

    /// Counts one list; `None` when the key may not read it, which is noted once.
    async fn count(
        &mut self,
        source: &dyn Source,
        cx: &Cx,
        (part, span): (Part, Span),
    ) -> Result<Option<i64>, ConnectorError> {
        self.calls += 1;
        match source.count(cx, part, span).await {
            Ok(things) => Ok(Some(i64::try_from(things).unwrap_or(i64::MAX))),
            Err(error @ (ConnectorError::Rejected(_) | ConnectorError::Unsupported(_))) => {
                if !self.refused.iter().any(|(known, _)| *known == part) {
                    self.refused.push((part, error.to_string()));
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// How many things the list of `part` has as a whole, as far as that was counted.
    pub(super) fn whole(&self, part: Part) -> Option<i64> {
        let listed = self.things.get(&part).filter(|_| self.span == Span::default());
        self.wholes.get(&part).or(listed).copied()
    }
}
