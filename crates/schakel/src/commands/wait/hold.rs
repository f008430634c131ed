//! Why a hub does not go on with what somebody waits for: what ails a connection that it needs, or that the calls of a shop
//! are used up; and whether that will last.

use schakel_core::budget::{Limits, WaitReason, window_in_words};
use schakel_core::connector::Class;
use schakel_core::health::{Ailment, Concern};
use schakel_core::id::ConnectionId;
use schakel_core::problem::Language;
use schakel_core::time::Timestamp;
use schakel_engine::budget::stored;
use schakel_store::Store;
use schakel_store::rows::HealthRow;
use serde::Serialize;

use super::super::walks::to_the_second;
use crate::error::Failure;
use crate::wiring::TENANT;

/// From when on nobody sits and waits for calls, in milliseconds: twice the shortest window of a shop (lightspeed-ecom.md §2).
const LONG_MS: i64 = 10 * 60_000;

/// How long after its next attempt was due what ails a connection is believed, in milliseconds: a hub that runs has tried
/// it by then, and written down what it found.
const STALE_MS: i64 = 60_000;

/// How long a hold-up will last, as far as the hub knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lasting {
    /// It goes by itself while somebody waits.
    Brief,
    /// Nobody knows.
    Unknown,
    /// Long: a person must mend something, or the time at which it goes on is far off.
    Long,
}

/// What holds up something that somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HoldUp {
    /// The connection through which nothing goes.
    pub connection: String,
    /// What ails it, as in `schakel status`; `failing` where only what is waited for fails.
    pub reason: &'static str,
    /// The same as a sentence that follows the name.
    pub text: String,
    /// What the connector said.
    pub detail: String,
    /// When the hub tries again, in RFC 3339; `None` when it never may.
    pub until: Option<String>,
    /// What to do.
    pub hint: &'static str,
    /// Whether waiting makes sense.
    #[serde(skip)]
    pub lasting: Lasting,
}

impl HoldUp {
    /// Makes that of a connection that ails in this way until `until`.
    fn of(connection: &str, ailment: Ailment, (detail, until): (&str, Option<Timestamp>)) -> Self {
        Self {
            connection: connection.to_owned(),
            reason: ailment.as_str(),
            text: ailment.text(Language::En).to_owned(),
            detail: detail.to_owned(),
            until: until.map(|until| to_the_second(&until.to_string())),
            hint: Failure::hint_of(ailment),
            lasting: match ailment {
                Ailment::Unreachable => Lasting::Unknown,
                _ => Lasting::Long,
            },
        }
    }

    /// Makes that of a connection whose answer to one question fails, for a reason that is nothing of the whole connection.
    pub(crate) fn of_answer(connection: &str, text: String, (detail, until): (&str, String)) -> Self {
        Self {
            connection: connection.to_owned(),
            reason: "failing",
            text,
            detail: detail.to_owned(),
            until: Some(until),
            hint: "the cause says what failed; when it lasts, `schakel doctor` looks for more",
            lasting: Lasting::Unknown,
        }
    }

    /// Says it in one sentence.
    pub(crate) fn in_words(&self) -> String {
        let again = match &self.until {
            Some(until) => format!("; the hub tries again at {until}, by itself"),
            None => String::new(),
        };
        format!("{}{again}", self.cause())
    }

    /// Says through which connection nothing goes, and why.
    pub(crate) fn cause(&self) -> String {
        format!("\"{}\" {}: {}", self.connection, self.text, self.detail)
    }
}

/// What ails connections, as the hub last wrote it down, and what time it is.
pub(crate) struct Ailing {
    rows: Vec<(String, HealthRow)>,
    /// When it was read.
    pub now: Timestamp,
}

impl Ailing {
    /// Reads what ails the calls of connections at `now`.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn read(store: &Store, now: Timestamp) -> Result<Self, Failure> {
        let mut rows = store.health(TENANT).await?;
        rows.retain(|row| row.ailment.concern() == Concern::Calls && row.next_at.plus_ms(STALE_MS) > now);
        if rows.is_empty() {
            return Ok(Self {
                rows: Vec::new(),
                now,
            });
        }
        let known = store.connections(TENANT).await?;
        let name = |row: &HealthRow| known.iter().find(|known| known.id == row.connection);
        let rows = rows
            .into_iter()
            .filter_map(|row| Some((name(&row)?.name.clone(), row)));
        Ok(Self {
            rows: rows.collect(),
            now,
        })
    }

    /// Gives what ails the connection called `name`, with what is known of how long.
    pub(crate) fn of(&self, name: &str) -> Option<(Ailment, HoldUp)> {
        let (_, row) = self.rows.iter().find(|(known, _)| known == name)?;
        let mut hold = HoldUp::of(name, row.ailment, (&row.detail, Some(row.next_at)));
        if row.ailment == Ailment::Busy {
            let ahead_ms = (row.next_at.as_micros() - self.now.as_micros()) / 1_000;
            let past_ms = (self.now.as_micros() - row.since.as_micros()) / 1_000;
            hold.lasting = lasting_of(ahead_ms.max(past_ms));
        }
        Some((row.ailment, hold))
    }

    /// Tells whether the calls of the shop `name` are used up for `class`, as of what was last written down.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn no_room(
        &self,
        store: &Store,
        (name, connection, limits): (&str, ConnectionId, &Limits),
        class: Class,
    ) -> Result<Option<HoldUp>, Failure> {
        let Some(budget) = stored(store, TENANT, connection, limits, self.now).await? else {
            return Ok(None);
        };
        let Some(reason) = budget.usage.wait_reason(class) else {
            return Ok(None);
        };
        let wait_us = budget.usage.wait_us[class.index()];
        let until = (wait_us != i64::MAX).then(|| self.now.plus_ms(wait_us / 1_000));
        let detail = match reason {
            WaitReason::NeverRoom(window_us) => {
                let limit = window_in_words(window_us);
                format!("{limit} is so low that its reserves leave nothing")
            }
            WaitReason::UsedUp(window_us) => format!("{} is used up", window_in_words(window_us)),
            WaitReason::LeftAlone => "it asked to be left alone".to_owned(),
        };
        let mut hold = HoldUp::of(name, Ailment::Busy, (&detail, until));
        hold.lasting = lasting_of(wait_us / 1_000);
        Ok(Some(hold))
    }
}

const fn lasting_of(wait_ms: i64) -> Lasting {
    if wait_ms > LONG_MS {
        Lasting::Long
    } else {
        Lasting::Brief
    }
}
