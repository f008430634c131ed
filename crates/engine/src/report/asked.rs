//! Where a checkout stands that a person had fetched, on its way from the shop to the mailing tools.

use schakel_core::delivery::{DeliveryState, ObjectKind};
use schakel_core::entity::QuoteRow;
use schakel_core::event::{EventState, Origin};
use schakel_core::id::{EventId, TenantId};
use schakel_core::record::{Content, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::rows::{DeliveryRow, EntityKey, EntityRow, EventRow, Wanted};
use schakel_store::{Store, StoreError};
use serde::Serialize;

use super::names::{Names, name_of, names};

/// Events about the checkout among which the answer is looked for: sweeps bring others meanwhile.
const EVENTS: usize = 20;

/// A checkout that is asked for, and what was known before.
#[derive(Debug, Clone)]
pub struct Asked {
    checkout: RecordKey,
    newest: EventId,
    not_before: Timestamp,
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// The shop was not asked yet.
    Waiting,
    /// The shop gave no usable answer; it is asked again.
    Failed {
        /// The source's id of its cart where that was asked for; `None` where the checkout itself was.
        #[serde(skip_serializing_if = "Option::is_none")]
        cart: Option<i64>,
        /// How, and when it is asked again.
        #[serde(flatten)]
        failed: FailedAt,
    },
    /// The shop answered, and the answer is not applied yet.
    Applying,
    /// The answer was set aside.
    Aside {
        /// The event.
        event: String,
        /// Why, as codes.
        problems: Vec<String>,
    },
    /// The shop has no such checkout, or none any more.
    Missing {
        /// When it is asked once more before that is believed, in RFC 3339.
        again_at: Option<String>,
    },
    /// It names no cart.
    NoCart,
    /// Its cart belongs to nobody whom the hub knows.
    Nobody {
        /// The source's id of the cart.
        cart: i64,
    },
    /// Its cart belongs to a person.
    Cart {
        /// The source's id of the cart.
        cart: i64,
        /// The number of the person.
        relation: i64,
        /// Whether the shop is still to be asked for its rows.
        are_rows_coming: bool,
        /// How the shop last failed to answer with its rows, which it is asked for again.
        #[serde(skip_serializing_if = "Option::is_none")]
        rows_failed: Option<FailedAt>,
        /// Where it stands in each sink; empty when no route takes carts.
        sinks: Vec<CartAt>,
    },
}

/// Where a cart stands in one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CartAt {
    /// The sink's name.
    pub sink: String,
    /// Where its delivery stands.
    pub state: &'static str,
    /// Where the delivery of its person stands; `None` when nothing of him is planned there.
    pub profile: Option<&'static str>,
    /// Whether neither goes on by itself within moments.
    pub is_over: bool,
    /// Until when it is held, in RFC 3339; `None` when it is not.
    pub held_until: Option<String>,
    /// Its rows there; none where no route takes them.
    pub rows: RowsAt,
    /// How the last attempt of what goes on failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedAt>,
}

/// How the last attempt at something failed that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedAt {
    /// Why, without personal data.
    pub error: String,
    /// When it is tried again, in RFC 3339.
    pub again_at: String,
}

/// Where the rows of a cart stand in one sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RowsAt {
    /// How many are planned.
    pub all: usize,
    /// How many the sink holds.
    pub delivered: usize,
    /// How many go on by themselves within moments.
    pub open: usize,
}

impl Stage {
    /// Tells whether nothing more follows within moments: it arrived, waits for a time, or waits for a person. What failed is
    /// asked again, mostly so soon that it is no end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self {
            Self::Waiting | Self::Failed { .. } | Self::Applying => false,
            Self::Cart {
                sinks,
                are_rows_coming,
                ..
            } => !are_rows_coming && sinks.iter().all(|at| at.is_over),
            _ => true,
        }
    }

    /// Tells whether its cart stands with its rows in every sink as it shall, or will at a known time.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let is_good = |at: &CartAt| {
            let is_held = at.state == DeliveryState::Clean.as_str() && at.rows.delivered == at.rows.all;
            at.held_until.is_some() || is_held
        };
        matches!(self, Self::Cart { sinks, .. } if !sinks.is_empty() && sinks.iter().all(is_good))
    }
}

impl Asked {
    /// Notes what is known of `checkout` before it is wanted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn before(store: &Store, tenant: TenantId, checkout: RecordKey) -> Result<Self, StoreError> {
        let (events, unreadable) = store.read_events_of(tenant, checkout, 1).await?;
        let ids = events.iter().map(|row| row.event.id).chain(unreadable);
        let wanted = store.wanted(tenant, checkout).await?;
        Ok(Self {
            checkout,
            newest: ids.max().unwrap_or(EventId(0)),
            not_before: wanted.map_or(Timestamp::ZERO, |wanted| wanted.not_before),
        })
    }

    /// Looks where it stands since it was wanted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stage(&self, store: &Store, tenant: TenantId) -> Result<Stage, StoreError> {
        let wanted = store.wanted(tenant, self.checkout).await?;
        let (events, unreadable) = store.read_events_of(tenant, self.checkout, EVENTS).await?;
        if let Some(event) = unreadable.iter().find(|event| **event > self.newest) {
            return Ok(Stage::Aside {
                event: event.to_string(),
                problems: Vec::new(),
            });
        }
        let is_answer =
            |event: &&EventRow| event.event.id > self.newest && event.event.origin == Origin::Fetch;
        let Some(answer) = events.iter().find(is_answer) else {
            return Ok(self.unanswered(wanted.as_ref()));
        };
        match answer.state {
            EventState::Waiting => Ok(Stage::Applying),
            EventState::Quarantined => Ok(Stage::Aside {
                event: answer.event.id.to_string(),
                problems: answer
                    .problems
                    .iter()
                    .map(|problem| problem.code.clone())
                    .collect(),
            }),
            _ => self.applied(store, tenant).await,
        }
    }

    /// Where it stands while no answer is in the inbox.
    fn unanswered(&self, wanted: Option<&Wanted>) -> Stage {
        let due_at = wanted.and_then(|wanted| wanted.due_at);
        let not_before = wanted.map(|wanted| wanted.not_before);
        match not_before {
            // The row of an earlier wish may have been forgotten just before this one.
            Some(before) if [self.not_before, Timestamp::ZERO].contains(&before) => Stage::Waiting,
            _ => match Fetch::of(wanted) {
                Fetch::Failed(failed) => Stage::Failed { cart: None, failed },
                // It was put off, since there was no room for the call.
                _ if due_at.is_some() && due_at == not_before => Stage::Waiting,
                _ => Stage::Missing {
                    again_at: due_at.map(|due_at| due_at.to_string()),
                },
            },
        }
    }

    /// What follows from what is held of it.
    async fn applied(&self, store: &Store, tenant: TenantId) -> Result<Stage, StoreError> {
        let rows = store.read_records(tenant, &[self.checkout]).await?;
        let Some(row) = rows.first().filter(|row| !row.held.is_deleted()) else {
            return Ok(Stage::Missing { again_at: None });
        };
        let cart = match row.held.live.as_ref() {
            Some((_, _, Content::Checkout(checkout))) => checkout.quote_id,
            _ => 0,
        };
        if cart == 0 {
            return Ok(Stage::NoCart);
        }
        let quote = RecordKey::new(self.checkout.connection, RecordKind::Quote, cart);
        let key = EntityKey::of(&quote, ObjectKind::Quote);
        let things = store.read_things(tenant, &[key]).await?;
        let Some(thing) = things.first() else {
            // The cart itself is asked for when the hub does not hold it.
            return Ok(match Fetch::of(store.wanted(tenant, quote).await?.as_ref()) {
                Fetch::Coming => Stage::Applying,
                Fetch::Failed(failed) => Stage::Failed {
                    cart: Some(cart),
                    failed,
                },
                Fetch::Over => Stage::Nobody { cart },
            });
        };
        let names = names(store, tenant).await?;
        let rows = rows_of(store, tenant, quote).await?;
        let sinks = sinks(store, tenant, (thing, &rows), &names).await?;
        // Its rows have a path of their own, and are asked for once the cart is known.
        let coming = match sinks.is_empty() {
            true => Fetch::Over,
            false => Fetch::of(store.wanted(tenant, quote).await?.as_ref()),
        };
        Ok(Stage::Cart {
            cart,
            relation: thing.relation.0,
            are_rows_coming: coming != Fetch::Over,
            rows_failed: match coming {
                Fetch::Failed(failed) => Some(failed),
                _ => None,
            },
            sinks,
        })
    }
}

/// Gives the hub's numbers of the rows that a cart has.
async fn rows_of(
    store: &Store,
    tenant: TenantId,
    quote: RecordKey,
) -> Result<Vec<(ObjectKind, i64)>, StoreError> {
    let held = store.read_records(tenant, &[quote]).await?;
    let content = held.first().and_then(|row| row.held.live.as_ref());
    let Some((_, _, Content::Quote(content))) = content else {
        return Ok(Vec::new());
    };
    let key = |row: &QuoteRow| EntityKey {
        remote_id: row.id,
        ..EntityKey::of(&quote, ObjectKind::QuoteRow)
    };
    let keys: Vec<EntityKey> = content.rows.iter().map(key).collect();
    let things = store.read_things(tenant, &keys).await?;
    Ok(things
        .iter()
        .map(|thing| (ObjectKind::QuoteRow, thing.id.0))
        .collect())
}

/// Whether an answer of the shop is expected.
#[derive(Debug, PartialEq, Eq)]
enum Fetch {
    /// None is wanted, or the shop said that there is no such thing and is asked once more to be sure.
    Over,
    /// The shop is to be asked.
    Coming,
    /// It gave no usable answer, and is asked again.
    Failed(FailedAt),
}

impl Fetch {
    fn of(wanted: Option<&Wanted>) -> Self {
        let Some((wanted, due_at)) = wanted.and_then(|wanted| Some((wanted, wanted.due_at?))) else {
            return Self::Over;
        };
        if !wanted.error.is_empty() {
            return Self::Failed(FailedAt {
                error: wanted.error.clone(),
                again_at: due_at.to_string(),
            });
        }
        match wanted.missing_since {
            Some(_) => Self::Over,
            None => Self::Coming,
        }
    }
}

async fn sinks(
    store: &Store,
    tenant: TenantId,
    (thing, cart_rows): (&EntityRow, &[(ObjectKind, i64)]),
    names: &Names,
) -> Result<Vec<CartAt>, StoreError> {
    let (cart, person) = (
        (ObjectKind::Quote, thing.id.0),
        (ObjectKind::Relation, thing.relation.0),
    );
    let mut at = Vec::new();
    for sink in names.keys() {
        let rows = store.deliveries_of(tenant, *sink, &[cart, person]).await?;
        let of = |kind: ObjectKind| rows.iter().find(|row| row.kind == kind);
        if let Some(row) = of(ObjectKind::Quote) {
            let below = store.deliveries_of(tenant, *sink, cart_rows).await?;
            let mut cart = cart_at(name_of(names, *sink), (row, &below), of(ObjectKind::Relation));
            if !cart.is_over {
                let next = rows.iter().chain(&below).find(|row| goes_on(row.state));
                cart.failed = failed(store, tenant, next).await?;
            }
            at.push(cart);
        }
    }
    Ok(at)
}

const fn goes_on(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Ready | DeliveryState::Claimed)
}

/// Tells how the last attempt that ended of `next` failed; `None` when it did not.
async fn failed(
    store: &Store,
    tenant: TenantId,
    next: Option<&DeliveryRow>,
) -> Result<Option<FailedAt>, StoreError> {
    let Some(next) = next else { return Ok(None) };
    // The newest may be under way.
    let tries = store.attempts_of(tenant, next.id, 2).await?;
    let last = tries.into_iter().find(|attempt| attempt.ended_at.is_some());
    Ok(last
        .filter(|attempt| !attempt.error.is_empty())
        .map(|attempt| FailedAt {
            error: attempt.error,
            again_at: next.due_at.to_string(),
        }))
}

fn cart_at(
    sink: String,
    (cart, below): (&DeliveryRow, &[DeliveryRow]),
    person: Option<&DeliveryRow>,
) -> CartAt {
    let is_over = match (cart.state, person) {
        // It goes with its person.
        (DeliveryState::Parent, Some(person)) => {
            !goes_on(person.state) && person.state != DeliveryState::Clean
        }
        (state, _) => !goes_on(state),
    };
    // A row is held until what it shows was asked for.
    let is_held = |row: &&DeliveryRow| row.state == DeliveryState::Held;
    // Rows go with their cart.
    let follows =
        |row: &&DeliveryRow| row.state == DeliveryState::Parent && cart.state == DeliveryState::Clean;
    let count = |of: &dyn Fn(&&DeliveryRow) -> bool| below.iter().filter(of).count();
    let rows = RowsAt {
        all: below.len(),
        delivered: count(&|row| row.state == DeliveryState::Clean),
        open: count(&|row| goes_on(row.state) || is_held(row) || follows(row)),
    };
    CartAt {
        sink,
        state: cart.state.as_str(),
        profile: person.map(|person| person.state.as_str()),
        is_over: is_over && rows.open == 0,
        held_until: (cart.state == DeliveryState::Held).then(|| cart.due_at.to_string()),
        rows,
        failed: None,
    }
}

#[cfg(test)]
mod tests {
    use schakel_core::id::ConnectionId;

    use super::super::tests::delivery;
    use super::*;

    #[test]
    fn a_wish_waits_until_it_was_asked_and_what_was_put_off_waits_on() {
        let at = Timestamp::from_micros;
        let asked = Asked {
            checkout: RecordKey::new(ConnectionId(1), RecordKind::Checkout, 7),
            newest: EventId(0),
            not_before: at(5),
        };
        let wanted = |due_at: Option<i64>, not_before, error: &str| Wanted {
            due_at: due_at.map(at),
            not_before: at(not_before),
            missing_since: None,
            error: error.to_owned(),
        };
        let stage = |wanted| asked.unanswered(Some(&wanted));
        assert_eq!(stage(wanted(Some(5), 5, "")), Stage::Waiting);
        assert_eq!(stage(wanted(Some(9), 0, "")), Stage::Waiting, "a row of its own");
        assert_eq!(stage(wanted(Some(9), 9, "")), Stage::Waiting, "there was no room");
        assert!(
            matches!(stage(wanted(Some(9), 9, "500")), Stage::Failed { cart: None, failed } if failed.error == "500")
        );
        let missing = stage(wanted(Some(99), 9, ""));
        assert_eq!(
            missing,
            Stage::Missing {
                again_at: Some(at(99).to_string())
            }
        );
        assert_eq!(
            stage(wanted(Some(5), 5, "before")),
            Stage::Waiting,
            "an older failure"
        );
        assert_eq!(asked.unanswered(None), Stage::Missing { again_at: None });
    }

    #[test]
    fn what_failed_is_coming_and_what_is_missing_is_not() {
        let at = Timestamp::from_micros;
        let fetch = |due_at: Option<i64>, missing_since: Option<i64>, error: &str| {
            Fetch::of(Some(&Wanted {
                due_at: due_at.map(at),
                not_before: at(1),
                missing_since: missing_since.map(at),
                error: error.to_owned(),
            }))
        };
        assert_eq!(Fetch::of(None), Fetch::Over);
        assert_eq!(fetch(None, None, ""), Fetch::Over);
        assert_eq!(fetch(Some(5), None, ""), Fetch::Coming);
        assert_eq!(fetch(Some(5), Some(3), ""), Fetch::Over);
        let failed = Fetch::Failed(FailedAt {
            error: "500".to_owned(),
            again_at: at(5).to_string(),
        });
        assert_eq!(fetch(Some(5), None, "500"), failed);
        assert_eq!(
            fetch(Some(5), Some(3), "500"),
            failed,
            "the doubt was not settled"
        );
    }

    #[test]
    fn what_waits_for_a_person_or_a_time_goes_on_no_more() {
        let over = |state, person: Option<DeliveryState>| {
            let row = |kind, state| DeliveryRow {
                state,
                ..delivery(kind)
            };
            let person = person.map(|state| row(ObjectKind::Relation, state));
            let cart = row(ObjectKind::Quote, state);
            cart_at("mail".to_owned(), (&cart, &[]), person.as_ref()).is_over
        };
        use DeliveryState::{Clean, Dead, Held, Parent, Ready, Unplaced};
        for (state, person) in [
            (Clean, Clean),
            (Dead, Clean),
            (Held, Clean),
            (Unplaced, Clean),
            (Parent, Dead),
        ] {
            assert!(over(state, Some(person)), "{state:?} below {person:?}");
        }
        assert!(!over(Parent, Some(Ready)) && !over(Ready, Some(Clean)));
        assert!(over(Parent, None));
    }

    #[test]
    fn a_cart_is_there_when_its_rows_are() {
        use DeliveryState::{Clean, Dead, Held, Parent, Ready};
        let stage = |cart, rows: &[DeliveryState], are_rows_coming| {
            let row = |kind, state| DeliveryRow {
                state,
                ..delivery(kind)
            };
            let below: Vec<DeliveryRow> = rows
                .iter()
                .map(|state| row(ObjectKind::QuoteRow, *state))
                .collect();
            let cart = row(ObjectKind::Quote, cart);
            let stage = Stage::Cart {
                cart: 1,
                relation: 1,
                are_rows_coming,
                rows_failed: None,
                sinks: vec![cart_at("mail".to_owned(), (&cart, &below), None)],
            };
            (stage.is_over(), stage.is_good())
        };
        assert_eq!(stage(Clean, &[Clean, Clean], false), (true, true));
        assert_eq!(stage(Clean, &[Clean, Ready], false), (false, false));
        assert_eq!(
            stage(Clean, &[Parent], false),
            (false, false),
            "it follows its cart"
        );
        assert_eq!(stage(Held, &[Parent], false), (true, true), "with its cart");
        assert_eq!(
            stage(Clean, &[Held], false),
            (false, false),
            "what it shows is asked for"
        );
        assert_eq!(stage(Clean, &[Clean, Dead], false), (true, false));
        assert!(!stage(Clean, &[], true).0, "they are asked for");
    }
}
