//! Findings: what walks found that nobody had told, and why nobody had.

use serde::{Deserialize, Serialize};

use super::Job;
use crate::connector::Part;
use crate::gaps::Gaps;
use crate::id::ConnectionId;
use crate::time::Timestamp;

/// What a walk found that nobody had told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The source lists a thing that the hub did not hold.
    New,
    /// The source shows a newer version than the hub held.
    Changed,
    /// The hub holds a thing that the source does not list; it is asked about before anything is marked.
    Missing,
    /// The source lists a thing that the hub took for gone; it is asked about.
    Back,
}

words!(What { New => "new", Changed => "changed", Missing => "missing", Back => "back" });

/// Why a finding came about, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is older than the hub's first webhook of that shop: history, not a loss.
    BeforeStart,
    /// It happened so short a time ago that its webhook may still be on its way.
    Underway,
    /// The source tells of such things to nobody: it has no webhook for them.
    Untold,
    /// A webhook told something else of the same second, and the source's times do not say which is the later word.
    SameSecond,
    /// It happened while webhooks are known to have stayed away: not registered, silent, or the hub did not run.
    Gap,
    /// A webhook should have told of it and did not come.
    Missed,
    /// The source gives no time for it, so nobody can tell whether a webhook should have told of it.
    Untimed,
    /// Nothing explains it.
    Unexplained,
}

words!(Why {
    BeforeStart => "before_start", Underway => "underway", Untold => "untold", SameSecond => "same_second",
    Gap => "gap", Missed => "missed", Untimed => "untimed", Unexplained => "unexplained",
});

/// One difference between a source and the hub, found by a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The source.
    pub connection: ConnectionId,
    /// Which walk found it.
    pub job: Job,
    /// In which list.
    pub part: Part,
    /// The source's id of the thing.
    pub remote_id: i64,
    /// When it was found.
    pub at: Timestamp,
    /// What was found.
    pub what: What,
    /// Why.
    pub why: Why,
}

/// How long a webhook may be on its way before it counts as missed, in microseconds: ten minutes. Lightspeed repeats a
/// failed one up to ten times (lightspeed-ecom.md §4.3).
pub const UNDERWAY_US: i64 = 600_000_000;

/// How long findings are kept, in milliseconds: 90 days, as long as the calls by day that they are read beside. How many
/// there ever were stays counted.
pub const FINDINGS_KEPT_MS: i64 = 90 * 24 * 3_600_000;

/// What is known of a source's webhooks, to explain findings with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When the first webhook of the source came; `None` when none ever did (polling).
    pub since: Option<Timestamp>,
    /// When they are known to have stayed away.
    pub gaps: Gaps,
    /// Whether it has a webhook for such things.
    pub has_webhook: bool,
    /// Whether it has one for their end.
    pub tells_of_end: bool,
}

impl Told {
    /// Explains a thing that was last changed at `changed` (`None`: the source gives no time for it) and found at `now`.
    #[must_use]
    pub fn explain(&self, changed: Option<Timestamp>, now: Timestamp) -> Why {
        let Some(since) = self.since.filter(|_| self.has_webhook) else {
            return Why::Untold;
        };
        changed.map_or(Why::Untimed, |changed| {
            self.why_untold((since, changed), changed, now)
        })
    }

    /// Explains a thing that is not listed at `now` any more, and was there at `seen` as far as is known: it ended at some
    /// moment since.
    #[must_use]
    pub fn explain_end(&self, seen: Timestamp, now: Timestamp) -> Why {
        let has_webhook = self.has_webhook && self.tells_of_end;
        let Some(since) = self.since.filter(|_| has_webhook) else {
            return Why::Untold;
        };
        // That it was there before anybody told of such things says nothing of when it ended: mostly since.
        self.why_untold((since, seen.max(since)), now, now)
    }

    /// Tells whether a webhook about a thing that ended just before `now` may still come: as long as that is so, nobody can
    /// say of what is not listed that its webhook never came, whenever it was last seen.
    #[must_use]
    pub fn may_yet_tell_of_end(&self, now: Timestamp) -> bool {
        self.explain_end(now, now) == Why::Underway
    }

    /// Says why no webhook told of what happened between `from` and `to`.
    fn why_untold(&self, (since, from): (Timestamp, Timestamp), to: Timestamp, now: Timestamp) -> Why {
        let underway_ms = UNDERWAY_US / 1_000;
        if from < since {
            Why::BeforeStart
        } else if self.gaps.touch(from, to.plus_ms(underway_ms)) {
            // A webhook that was repeated ran into the gap as well.
            Why::Gap
        } else if from.plus_ms(underway_ms) > now {
            Why::Underway
        } else {
            Why::Missed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since 1970.
    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Webhooks since 10,000, which stayed away from 20,000 to 21,000.
    fn told() -> Told {
        let mut gaps = Gaps::default();
        gaps.note(at(20_000), at(21_000));
        Told {
            since: Some(at(10_000)),
            gaps,
            has_webhook: true,
            tells_of_end: true,
        }
    }

    #[test]
    fn a_change_is_explained_by_its_time() {
        let (told, now) = (told(), at(30_000));
        let cases = [
            (9_999, Why::BeforeStart),
            (10_000, Why::Missed),
            (19_399, Why::Missed),
            (19_400, Why::Gap),
            (20_500, Why::Gap),
            (21_000, Why::Gap),
            (21_001, Why::Missed),
            (29_400, Why::Missed),
            (29_401, Why::Underway),
        ];
        for (changed, why) in cases {
            assert_eq!(told.explain(Some(at(changed)), now), why, "{changed}");
        }
        assert_eq!(told.explain(None, now), Why::Untimed);
        assert_eq!(
            told.explain(Some(at(20_500)), at(20_600)),
            Why::Gap,
            "it is known"
        );
    }

    #[test]
    fn an_end_is_explained_by_the_time_since_which_it_may_have_come() {
        let (told, now) = (told(), at(30_000));
        let cases = [
            (9_999, Why::Gap),
            (10_000, Why::Gap),
            (21_000, Why::Gap),
            (21_001, Why::Missed),
            (29_400, Why::Missed),
            (29_401, Why::Underway),
        ];
        for (seen, why) in cases {
            assert_eq!(told.explain_end(at(seen), now), why, "{seen}");
        }
        // Two that were deleted in one second have one reason, whenever each of them was last heard of.
        let calm = Told {
            gaps: Gaps::default(),
            ..told
        };
        for (seen, second, why) in [
            (0, 10_130, Why::Underway),
            (10_100, 10_130, Why::Underway),
            (0, 10_900, Why::Missed),
            (10_100, 10_900, Why::Missed),
        ] {
            assert_eq!(calm.explain_end(at(seen), at(second)), why, "{seen}, {second}");
        }
    }

    #[test]
    fn where_no_webhook_tells_none_was_missed() {
        let polling = Told {
            since: None,
            ..told()
        };
        let mute = Told {
            has_webhook: false,
            ..told()
        };
        for told in [&polling, &mute] {
            assert_eq!(told.explain(Some(at(20_500)), at(30_000)), Why::Untold);
            assert_eq!(told.explain_end(at(20_500), at(30_000)), Why::Untold);
        }
        let endless = Told {
            tells_of_end: false,
            ..told()
        };
        assert_eq!(endless.explain_end(at(20_500), at(30_000)), Why::Untold);
        assert_eq!(endless.explain(Some(at(20_500)), at(30_000)), Why::Gap);
    }
}
