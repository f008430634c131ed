//! Brings one object to its desired state: the upserts, moves and removals behind `deliver`.
//!
//! Every write is a PUT with the natural key as its filter and `create=1`: one call that updates, creates, and makes
//! a removed object anew, and that finds what an earlier, lost attempt made. What the key says is checked before
//! (names) and after (rows read): see DESIGN.md, "A filter that is not understood".

use std::sync::Arc;

use schakel_core::connector::{Class, ConnectorError, Cx, Method, Receipt, RemoteState, Work};
use schakel_core::delivery::{Certainty, ObjectKind, Value, Wish};

use super::Copernica;
use super::call::Call;
use super::mapping::{self, Fields, Wrapped};
use super::outcome::{self, Written};
use super::structure::Known;
use super::wire::{List, Row};

/// Most rows that one look-up gives: a key names one row, and a handful after an accident.
const ROWS_MAX: usize = 100;

/// Shortest value that is taken out of a message: shorter ones occur in any sentence.
const VALUE_CHARS_MIN: usize = 3;

type Key<'a> = &'a [(Arc<str>, i64)];

impl Copernica {
    /// Brings one object to its desired state.
    ///
    /// # Errors
    /// Any [`ConnectorError`]; texts in it hold no value of the delivery.
    pub(crate) async fn bring(&self, cx: &Cx, work: &Work) -> Result<Receipt, ConnectorError> {
        let known = self.known()?;
        self.check_names(work)?;
        let receipt = match (work.kind, work.wish) {
            (ObjectKind::Relation, Wish::Present) => self.put_profile(cx, &known, work).await,
            (ObjectKind::Relation, Wish::Absent) => self.remove_profile(cx, &known, work).await,
            (_, Wish::Present) => self.put_subprofile(cx, &known, work).await,
            (_, Wish::Absent) => self.remove_subprofile(cx, &known, work).await,
        };
        receipt.map_err(|error| without_values(error, work))
    }

    /// Refuses names that the structure read by `connect` may not have, and keys that would match strangers.
    fn check_names(&self, work: &Work) -> Result<(), ConnectorError> {
        let Some(table) = self.preset.table(work.kind) else {
            return Err(ConnectorError::Unsupported("the preset has no such object"));
        };
        let has = |name: &str| table.fields.iter().any(|field| *field.name == *name);
        let names = || {
            work.key
                .iter()
                .map(|(name, _)| name)
                .chain(work.fields.iter().map(|(name, _)| name))
        };
        if let Some(unknown) = names().find(|name| !has(name)) {
            let label = table.label(unknown);
            return Err(ConnectorError::Structure(format!(
                "{label} is not a field of the preset"
            )));
        }
        // RelationID 0 is every profile that a person imported by hand.
        if work.key.first().is_none_or(|(_, number)| *number <= 0) {
            return Err(ConnectorError::Rejected("the key has no number".to_owned()));
        }
        Ok(())
    }

    async fn put_profile(&self, cx: &Cx, known: &Known, work: &Work) -> Result<Receipt, ConnectorError> {
        let probed = match work.certainty {
            Certainty::Uncertain => self.rows(cx, known, work.kind, &work.key, Class::Retry).await?,
            Certainty::Fresh | Certainty::Known => Vec::new(),
        };
        let call = Call::new(
            Method::Put,
            format!("database/{}/profiles", known.database),
            "PUT database/{id}/profiles",
        );
        let call = upsert(call, work).json(&Wrapped {
            fields: Fields(&work.fields),
        });
        let response = self.send(cx, &call).await?;
        let written = outcome::put(self.settings.api_version, &response)?;
        let (id, twins) = match (written, probed.first(), work.remote_id) {
            (Written::Created(Some(id)), ..) => (id, 0),
            (Written::Changed, Some(row), _) => (row.id, probed.len() - 1),
            // Or one that was imported in its place, which `newcomers` shows: the answer does not say.
            (Written::Changed, None, Some(id)) => (id, 0),
            _ => self.learn_profile(cx, known, work, written).await?,
        };
        // The filter matches the living only.
        self.alive.saw(id, cx.clock.now());
        let is_other = work.remote_id.is_some_and(|old| old != id);
        Ok(Receipt {
            remote_id: Some(id),
            // An id that is not the one we knew: the old profile was removed, and an attempt whose answer was
            // lost made this one.
            is_created: is_other || matches!(written, Written::Created(_)),
            is_orphaned: false,
            twins,
        })
    }

    /// Learns the id of a profile that was just written, and how many twins it has: of several the lowest counts.
    async fn learn_profile(
        &self,
        cx: &Cx,
        known: &Known,
        work: &Work,
        written: Written,
    ) -> Result<(i64, usize), ConnectorError> {
        let rows = self.rows(cx, known, work.kind, &work.key, class_of(work)).await;
        let found = rows.and_then(|rows| match rows.first() {
            Some(row) => Ok((row.id, rows.len() - 1)),
            None => Err(ConnectorError::Uncertain(
                "the profile just written is not found".to_owned(),
            )),
        });
        // "Not executed" would be wrong once something was made.
        found.map_err(|error| match (written, error) {
            (
                Written::Created(_),
                error @ (ConnectorError::Unavailable(_) | ConnectorError::RateLimited { .. }),
            ) => ConnectorError::Uncertain(format!("made, but its id is not known: {error}")),
            (_, error) => error,
        })
    }

    async fn put_subprofile(&self, cx: &Cx, known: &Known, work: &Work) -> Result<Receipt, ConnectorError> {
        let Some(parent) = work.parent else {
            return Err(ConnectorError::Missing("its parent has no profile".to_owned()));
        };
        let collection = collection(known, work.kind)?;
        let probed = match work.certainty {
            Certainty::Uncertain => Some(self.rows(cx, known, work.kind, &work.key, Class::Retry).await?),
            Certainty::Fresh | Certainty::Known => None,
        };
        let call = Call::new(
            Method::Put,
            format!("profile/{parent}/subprofiles/{collection}"),
            "PUT profile/{id}/subprofiles/{id}",
        );
        let call = upsert(call, work).json(&Fields(&work.fields));
        let response = self.send(cx, &call).await?;
        let written = outcome::put(self.settings.api_version, &response)?;
        let is_moved = work.remote_parent.is_some_and(|old| old != parent);
        let is_searched = is_moved && probed.is_none();
        // What went wrong after the write is no "not executed": a copy may be left where it stood before.
        let standing = self
            .clear_strays(cx, known, work, (parent, is_searched), probed.unwrap_or_default())
            .await
            .map_err(|error| {
                ConnectorError::Uncertain(format!("written, but copies may be left: {error}"))
            })?;
        let standing = standing
            .iter()
            .find(|row| row.profile == parent)
            .map(|row| row.id);
        let is_orphaned = match written {
            Written::Created(_) => self.is_removed(cx, work, parent).await?,
            // A lost attempt may have made it under a profile that was removed before.
            Written::Changed if work.certainty == Certainty::Uncertain => {
                self.is_removed(cx, work, parent).await?
            }
            // What was there lives, so its profile does: a profile takes its subprofiles along.
            Written::Changed => false,
        };
        let remembered = if is_moved { None } else { work.remote_id };
        let (remote_id, is_created) = match written {
            Written::Created(id) => (id.or(standing), true),
            Written::Changed => (standing.or(remembered), false),
        };
        Ok(Receipt {
            remote_id,
            is_created,
            is_orphaned,
            twins: 0,
        })
    }

    /// Tells whether the profile under which something was just made is removed: Copernica lets that happen, and nobody
    /// sees what stands there (copernica.md §5.4). A profile that was seen alive lately costs no call.
    async fn is_removed(&self, cx: &Cx, work: &Work, profile: i64) -> Result<bool, ConnectorError> {
        if self.alive.is_fresh(profile, cx.clock.now()) {
            return Ok(false);
        }
        let call =
            Call::new(Method::Get, format!("profile/{profile}"), "GET profile/{id}").class(class_of(work));
        let answer = self
            .send(cx, &call)
            .await
            .and_then(|response| outcome::document::<Row>(&response));
        let is_removed = match answer {
            Ok(row) => row.is_removed(),
            Err(ConnectorError::Missing(_)) => true,
            // What went wrong after the write is no "not executed".
            Err(error) => {
                return Err(ConnectorError::Uncertain(format!(
                    "written, but whether its profile still stands is not known: {error}"
                )));
            }
        };
        if is_removed {
            self.alive.lost(profile);
        } else {
            self.alive.saw(profile, cx.clock.now());
        }
        Ok(is_removed)
    }

    /// Removes what stands under other parents than `parent`, and twins under it but the one with the lowest id, looking
    /// first when `is_searched`; returns what stands.
    ///
    /// No call moves a subprofile: it was made anew, and what stands elsewhere goes. What stood under a removed
    /// parent is gone with it and is not among these.
    async fn clear_strays(
        &self,
        cx: &Cx,
        known: &Known,
        work: &Work,
        (parent, is_searched): (i64, bool),
        mut standing: Vec<Row>,
    ) -> Result<Vec<Row>, ConnectorError> {
        if is_searched {
            standing = self.rows(cx, known, work.kind, &work.key, class_of(work)).await?;
        }
        let kept = standing
            .iter()
            .find(|row| row.profile == parent)
            .map(|row| row.id);
        for stray in standing.iter().filter(|row| Some(row.id) != kept) {
            self.delete_subprofile(cx, stray.id, class_of(work)).await?;
        }
        Ok(standing)
    }

    async fn remove_profile(&self, cx: &Cx, known: &Known, work: &Work) -> Result<Receipt, ConnectorError> {
        let mut ids: Vec<i64> = work.remote_id.into_iter().collect();
        // An attempt whose answer was lost may have made another profile than the one we know.
        if ids.is_empty() || work.certainty == Certainty::Uncertain {
            let rows = self.rows(cx, known, work.kind, &work.key, class_of(work)).await?;
            ids.extend(rows.iter().map(|row| row.id));
            ids.sort_unstable();
            ids.dedup();
        }
        for id in &ids {
            let call = Call::new(Method::Delete, format!("profile/{id}"), "DELETE profile/{id}")
                .class(class_of(work));
            if self.delete(cx, &call, *id).await? == Removal::Done {
                let call =
                    Call::new(Method::Get, format!("profile/{id}"), "GET profile/{id}").class(class_of(work));
                self.confirm_removed(cx, &call).await?;
            }
        }
        Ok(removed(&ids))
    }

    async fn remove_subprofile(
        &self,
        cx: &Cx,
        known: &Known,
        work: &Work,
    ) -> Result<Receipt, ConnectorError> {
        let rows = self.rows(cx, known, work.kind, &work.key, class_of(work)).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        for id in &ids {
            if self.delete_subprofile(cx, *id, class_of(work)).await? == Removal::Done {
                let call = Call::new(Method::Get, format!("subprofile/{id}"), "GET subprofile/{id}");
                self.confirm_removed(cx, &call.class(class_of(work))).await?;
            }
        }
        Ok(removed(&ids))
    }

    async fn delete_subprofile(&self, cx: &Cx, id: i64, class: Class) -> Result<Removal, ConnectorError> {
        let call = Call::new(
            Method::Delete,
            format!("subprofile/{id}"),
            "DELETE subprofile/{id}",
        );
        self.delete(cx, &call.class(class), id).await
    }

    async fn delete(&self, cx: &Cx, call: &Call, id: i64) -> Result<Removal, ConnectorError> {
        let response = self.send(cx, call).await?;
        match outcome::delete(&response, id) {
            Ok(()) => Ok(Removal::Done),
            // Removed before, or never there: what was wanted.
            Err(ConnectorError::Missing(_)) => Ok(Removal::Before),
            Err(error) => Err(error),
        }
    }

    /// Reads a row after its removal: a database can be set to ignore removals (copernica.md §4.6).
    async fn confirm_removed(&self, cx: &Cx, call: &Call) -> Result<(), ConnectorError> {
        match outcome::document::<Row>(&self.send(cx, call).await?) {
            Ok(row) if row.is_removed() => Ok(()),
            Ok(_) => Err(ConnectorError::Rejected(
                "still there after its removal: the removal behaviour set in Copernica must be `remove`"
                    .to_owned(),
            )),
            Err(ConnectorError::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads the living rows under a natural key, by id.
    ///
    /// # Errors
    /// Any [`ConnectorError`]; [`ConnectorError::Structure`] when the answer holds a row with another key: a filter
    /// that is not understood is passed over, and the list would be everybody.
    async fn rows(
        &self,
        cx: &Cx,
        known: &Known,
        kind: ObjectKind,
        key: Key<'_>,
        class: Class,
    ) -> Result<Vec<Row>, ConnectorError> {
        let call = if kind == ObjectKind::Relation {
            let path = format!("database/{}/profiles", known.database);
            Call::new(Method::Get, path, "GET database/{id}/profiles")
        } else {
            let path = format!("collection/{}/subprofiles", collection(known, kind)?);
            Call::new(Method::Get, path, "GET collection/{id}/subprofiles")
        };
        let call = call
            .class(class)
            .filter(key.iter().map(|(name, number)| mapping::condition(name, *number)))
            .query("dataonly", "true")
            .query("total", "false")
            .query("limit", ROWS_MAX.to_string());
        let mut list: List<Row> = outcome::document(&self.send(cx, &call).await?)?;
        if !list.data.iter().all(|row| has_key(row, key)) {
            return Err(ConnectorError::Structure(
                "a filter on the key is not understood".to_owned(),
            ));
        }
        list.data.sort_by_key(|row| row.id);
        Ok(list.data)
    }

    /// Reads what stands under a natural key.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the calls.
    pub(crate) async fn states(
        &self,
        cx: &Cx,
        kind: ObjectKind,
        key: Key<'_>,
    ) -> Result<Vec<RemoteState>, ConnectorError> {
        let known = self.known()?;
        let rows = self.rows(cx, &known, kind, key, Class::Live).await?;
        let state = |row: &Row| RemoteState {
            remote_id: row.id,
            parent: (kind != ObjectKind::Relation).then_some(row.profile),
            fields: row
                .fields()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        };
        Ok(rows.iter().map(state).collect())
    }
}

/// What a removal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// The answer says that it is done now.
    Done,
    /// It was gone before.
    Before,
}

fn removed(ids: &[i64]) -> Receipt {
    Receipt {
        remote_id: ids.first().copied(),
        is_created: false,
        is_orphaned: false,
        twins: 0,
    }
}

/// Makes a PUT of what the key names an upsert. Never asynchronous: the answer would say nothing (reliability.md §5).
fn upsert(call: Call, work: &Work) -> Call {
    let conditions = work
        .key
        .iter()
        .map(|(name, number)| mapping::condition(name, *number));
    call.class(class_of(work)).filter(conditions).query("create", "1")
}

fn class_of(work: &Work) -> Class {
    match work.certainty {
        Certainty::Uncertain => Class::Retry,
        Certainty::Fresh | Certainty::Known => Class::Live,
    }
}

fn collection(known: &Known, kind: ObjectKind) -> Result<i64, ConnectorError> {
    known
        .collection(kind)
        .ok_or_else(|| ConnectorError::Structure(format!("no collection for {}", kind.as_str())))
}

fn has_key(row: &Row, key: Key<'_>) -> bool {
    key.iter().all(|(name, number)| row.number(name) == Some(*number))
}

/// Takes the values of the delivery out of a refusal's text, which may end up in logs.
fn without_values(error: ConnectorError, work: &Work) -> ConnectorError {
    let ConnectorError::Rejected(mut text) = error else {
        return error;
    };
    for (_, value) in &work.fields {
        if let Value::Text(value) = value
            && value.chars().count() >= VALUE_CHARS_MIN
            && text.contains(value)
        {
            text = text.replace(value, "(value)");
        }
    }
    ConnectorError::Rejected(text)
}
