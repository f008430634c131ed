//! The numbers of persons in a sink: before anything is delivered, none may stand there that this database did not give.
//!
//! A RelationID is what a sink finds a person by. A database that was lost and begun anew, or restored from an older copy,
//! gives numbers again that stand in the sink already: each delivery would overwrite another person, and nobody could
//! tell later. So every process looks once, by one call, before its first delivery. What it finds is compared with the
//! highest number that this database ever tried there, since an attempt is committed before its first byte leaves (I13).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schakel_core::connector::{ConnectorError, Cx, Sink};
use schakel_core::delivery::ObjectKind;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_store::{Store, StoreError};

/// The name of the numbers of persons in the store.
pub const NUMBERS: &str = "relation";

/// How often the highest number is asked for again while the sink is filled by somebody else.
const ROUNDS_MAX: usize = 5;

/// A sink, as far as its numbers are looked at.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The store of this hub.
    pub store: &'a Store,
    /// Whose data this is.
    pub tenant: TenantId,
    /// Its name in the configuration.
    pub name: &'a str,
    /// Its id; `None` when this database never knew it.
    pub id: Option<ConnectionId>,
}

impl Place<'_> {
    /// Returns up to which number the sink may be filled without anything being wrong.
    async fn known(&self) -> Result<i64, StoreError> {
        let adopted = self.store.setting(&adopted(self.name)).await?;
        let adopted = adopted.and_then(|bytes| String::from_utf8(bytes).ok());
        let adopted = adopted.and_then(|text| text.parse().ok()).unwrap_or(0);
        let tried = match self.id {
            Some(id) => {
                let kind = ObjectKind::Relation;
                self.store.highest_tried(self.tenant, id, kind).await?
            }
            None => 0,
        };
        Ok(tried.max(adopted))
    }

    /// Returns the place that was filled; `None` before the first delivery.
    pub(super) async fn filled(&self) -> Result<Option<String>, StoreError> {
        let filled = self.store.setting(&filled(self.name)).await?;
        Ok(filled.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    async fn given(&self) -> Result<i64, StoreError> {
        self.store.number_given(self.tenant, NUMBERS).await
    }

    /// Returns the highest number above `known` and up to `highest` that somebody of this database has; 0 when nobody does.
    async fn taken(&self, known: i64, highest: i64) -> Result<i64, StoreError> {
        let taken = self.store.highest_relation(self.tenant, (known, highest)).await?;
        Ok(taken.map_or(0, |relation| relation.0))
    }
}

/// The setting that says which place the sink `name` filled.
pub(super) fn filled(name: &str) -> String {
    format!("into/{name}")
}

/// The setting that says up to which number the profiles of a sink were left to themselves.
pub(super) fn adopted(name: &str) -> String {
    format!("adopted/{name}")
}

/// Numbers that stand in a sink and that this database did not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strange {
    /// The highest number that stands there.
    pub highest: i64,
    /// The highest number that this database may have written there; 0 when it never wrote.
    pub known: i64,
    /// The highest number up to which this database gave or skipped numbers.
    pub given: i64,
    /// The highest of the numbers above `known` and up to `highest` that somebody of this database has; 0 when nobody does.
    pub taken: i64,
}

impl Strange {
    /// Tells whether nobody of this database has one of the strange numbers, so that it can go on above them.
    #[must_use]
    pub const fn is_adoptable(&self) -> bool {
        self.taken == 0
    }

    /// Tells whether a number that is given next may be one of the strange ones, which would make adopting impossible. Once
    /// the numbers went on above those of one account, those of another may be below already.
    const fn is_ahead(&self) -> bool {
        self.is_adoptable() && self.given < self.highest
    }
}

impl From<Strange> for ConnectorError {
    fn from(strange: Strange) -> Self {
        let Strange { highest, known, .. } = strange;
        let whose = match known {
            0 => "this database never wrote any: it is new, the old one was lost, or the connection was renamed".to_owned(),
            known => format!(
                "this database never wrote one above {known}: it is an older copy, or another hub writes there"
            ),
        };
        Self::NotOurs(format!(
            "profiles with RelationIDs up to {highest} stand there, and {whose}. Nothing is delivered, as each number would \
             overwrite another person (SCH-0506)"
        ))
    }
}

/// Why a look did not come to an end.
#[derive(Debug)]
pub enum LookError {
    /// The store failed.
    Store(StoreError),
    /// The sink did.
    Sink(ConnectorError),
}

impl From<StoreError> for LookError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ConnectorError> for LookError {
    fn from(error: ConnectorError) -> Self {
        Self::Sink(error)
    }
}

/// Looks whether a sink is the place that was filled, and for numbers in it that this database did not give, by a call each;
/// `None` when there are none. The sink must be connected.
///
/// # Errors
/// [`LookError`]; [`ConnectorError::Moved`] when it is another place.
pub async fn look(place: &Place<'_>, sink: &dyn Sink, cx: &Cx) -> Result<Option<Strange>, LookError> {
    let here = sink.location(cx).await?;
    if let Some(filled) = place.filled().await?.filter(|filled| *filled != here) {
        return Err(moved(&filled, &here).into());
    }
    let above = place.known().await?;
    let Some(highest) = sink.highest(cx, above).await? else {
        return Ok(None);
    };
    // Read again: another process may have delivered meanwhile.
    let known = place.known().await?;
    if highest <= known {
        return Ok(None);
    }
    Ok(Some(Strange {
        highest,
        known,
        given: place.given().await?,
        taken: place.taken(known, highest).await?,
    }))
}

fn moved(filled: &str, here: &str) -> ConnectorError {
    ConnectorError::Moved(format!(
        "this is {here}, and what was delivered stands in {filled}. Nothing is delivered, as new orders would stand under \
         profiles that are not there (SCH-0507)"
    ))
}

/// Writes down which place is filled, at the first delivery there.
///
/// # Errors
/// [`LookError`].
pub(super) async fn note_filled(place: &Place<'_>, sink: &dyn Sink, cx: &Cx) -> Result<(), LookError> {
    if place.filled().await?.is_none() {
        let here = sink.location(cx).await?;
        let setting = filled(place.name);
        place.store.setting_or_insert(&setting, here.as_bytes()).await?;
    }
    Ok(())
}

/// What became of a wish to go on above the numbers that stand in a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// Nothing strange stands there.
    Nothing,
    /// New persons get numbers above `highest`.
    Above(Strange),
    /// This database gave numbers already that may be others' there; nothing was changed.
    TooLate(Strange),
}

/// Lets the numbers of this database go on above those that stand in a sink. Profiles that stand there are left alone for
/// good: nobody of this database has their numbers, then or later.
///
/// # Errors
/// [`LookError`]; nothing was changed then.
pub async fn adopt(place: &Place<'_>, sink: &dyn Sink, cx: &Cx) -> Result<Adopted, LookError> {
    let Some(mut strange) = look(place, sink, cx).await? else {
        return Ok(Adopted::Nothing);
    };
    // An order that the sink passes over must not hide a higher one.
    for round in 1.. {
        match sink.highest(cx, strange.highest).await? {
            None => break,
            Some(_) if round >= ROUNDS_MAX => {
                let text = "somebody else makes profiles there at this moment".to_owned();
                return Err(ConnectorError::NotOurs(text).into());
            }
            Some(higher) => strange.highest = higher,
        }
    }
    // Whatever is given from here on is noticed by the counter.
    strange.given = place.given().await?;
    strange.taken = place.taken(strange.known, strange.highest).await?;
    if !strange.is_adoptable() {
        return Ok(Adopted::TooLate(strange));
    }
    let numbers = (strange.given, strange.highest.max(strange.given));
    let setting = adopted(place.name);
    place
        .store
        .skip_numbers(place.tenant, NUMBERS, numbers, &setting)
        .await?;
    Ok(Adopted::Above(strange))
}

/// What the looks of this process found.
#[derive(Debug, Default)]
pub struct Looks(Mutex<BTreeMap<ConnectionId, Option<Strange>>>);

/// Whether persons may be given numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giving {
    /// Nothing speaks against it.
    Free,
    /// Some sink was not looked at yet.
    Unknown,
    /// Strange numbers stand in a sink, and the numbers can still go on above them.
    Held,
}

impl Looks {
    /// Notes what stands in `sink`.
    pub(super) fn note(&self, sink: ConnectionId, found: Option<Strange>) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.insert(sink, found);
    }

    /// Tells whether persons may be given numbers, as far as these sinks are concerned.
    pub fn giving(&self, sinks: impl IntoIterator<Item = ConnectionId>) -> Giving {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut giving = Giving::Free;
        for sink in sinks {
            match looks.get(&sink) {
                Some(Some(strange)) if strange.is_ahead() => return Giving::Held,
                Some(_) => {}
                None => giving = Giving::Unknown,
            }
        }
        giving
    }
}
