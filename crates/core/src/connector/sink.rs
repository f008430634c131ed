//! The contract of a sink: a system that takes data.

use std::sync::Arc;

use serde::Serialize;

use super::{BoxFuture, CheckReport, ConnectorError, Cx};
use crate::delivery::{Certainty, ObjectKind, Value, Wish};
use crate::id::DeliveryId;
use crate::preset::Preset;

/// One delivery, as the sink gets it.
#[derive(Debug, Clone)]
pub struct Work {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// What kind of object.
    pub kind: ObjectKind,
    /// Whether the object shall be there or be gone.
    pub wish: Wish,
    /// The natural key: field names with whole numbers, such as `RelationID` 7.
    pub key: Vec<(Arc<str>, i64)>,
    /// All fields the object shall hold, key included, in the preset's order. Empty when it shall be gone.
    pub fields: Vec<(Arc<str>, Value)>,
    /// The object's id in the sink, when known.
    pub remote_id: Option<i64>,
    /// The parent under which it now stands in the sink, when known (subprofiles).
    pub remote_parent: Option<i64>,
    /// The parent under which it shall stand (subprofiles); `None` for objects without a parent.
    pub parent: Option<i64>,
    /// What is known about earlier attempts.
    pub certainty: Certainty,
}

/// What the sink confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The object's id in the sink; `None` when the sink did not say and nobody needs it.
    pub remote_id: Option<i64>,
    /// Whether the sink made a new object. For a parent that was there before this means: it was removed in the
    /// sink, and its children with it.
    pub is_created: bool,
    /// Whether the parent it was written under turned out to be removed in the sink: nobody sees it there, and the
    /// parent must be made anew before it is written again.
    pub is_orphaned: bool,
    /// How many further objects stand under the same natural key (I15); the one with the lowest id counts.
    pub twins: usize,
}

/// What a sink holds of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteState {
    /// The object's id in the sink.
    pub remote_id: i64,
    /// Its parent's id in the sink, for subprofiles.
    pub parent: Option<i64>,
    /// Field names with values as the sink gives them.
    pub fields: Vec<(String, String)>,
}

/// Persons that stand in a sink, a page of them in the order in which they were made there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomers {
    /// The highest id in the sink up to which all are known now.
    pub upto: i64,
    /// The number of each person with its id in the sink, ascending by id.
    pub found: Vec<(i64, i64)>,
    /// Whether more may stand above.
    pub has_more: bool,
}

/// What a step of a setup did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Was there and right.
    Kept,
    /// Was missing and was created.
    Created,
    /// Is there, but differs; nothing was changed.
    Differs,
}

/// One step of a setup: a database, collection or field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetupStep {
    /// What it is about, such as `Orders.OrderID`.
    pub subject: String,
    /// What was done.
    pub state: StepState,
    /// In which way it differs, or how it was made; empty when there is nothing to say.
    pub note: String,
}

/// The structure that a sink shall have for a preset.
#[derive(Debug, Clone)]
pub struct Structure {
    /// Name of the database.
    pub database: String,
    /// Its fields and collections.
    pub preset: Arc<Preset>,
}

/// A kind of objects that a sink has no place for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// Which kind.
    pub kind: ObjectKind,
    /// What its place lacks, by the names that a person sees in the sink.
    pub missing: Vec<String>,
}

/// Translates one delivery into calls to one outside system.
pub trait Sink: Send + Sync {
    /// Tests credentials and permissions.
    ///
    /// # Errors
    /// When the system can't be reached or refuses the credentials.
    fn check<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<CheckReport, ConnectorError>>;

    /// Creates what is missing of the structure and says what it found. Changes and removes nothing.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the calls; steps done before it stay done, and a repeat goes on from there.
    fn setup<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Vec<SetupStep>, ConnectorError>>;

    /// Reads the structure (ids of database and collections, names and types of fields) and remembers it; must
    /// succeed before the first [`Sink::deliver`], and again after [`ConnectorError::Structure`].
    ///
    /// # Errors
    /// [`ConnectorError::Structure`] when something is missing without which nothing can be delivered, with its name.
    fn connect<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<(), ConnectorError>>;

    /// Gives the kinds of objects for which the last [`Sink::connect`] found no place: nothing of them is delivered before
    /// one finds it. A sink where all stands in one place lacks nothing or cannot be connected.
    fn lacking(&self) -> Vec<Lack> {
        Vec::new()
    }

    /// Tells whether it takes objects of `kind` at all, as it is configured. What waits of a kind that was switched off waits on
    /// until that is switched on again.
    fn takes(&self, _kind: ObjectKind) -> bool {
        true
    }

    /// Tells which place of the other side is filled, such as account and database there, in words that stay the same as long
    /// as it does: by one call at most. Needs [`Sink::connect`] first.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the call.
    fn location<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<String, ConnectorError>>;

    /// Brings one object to its desired state. Called only when no other attempt for the object can still be
    /// executing (I11, I14).
    ///
    /// # Errors
    /// Any [`ConnectorError`]; the engine decides what follows.
    fn deliver<'a>(&'a self, cx: &'a Cx, work: &'a Work) -> BoxFuture<'a, Result<Receipt, ConnectorError>>;

    /// Reads the highest number under which a person stands in the sink, whoever wrote it, when it is above `above`; by one
    /// call. Needs [`Sink::connect`] first.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the call.
    fn highest<'a>(&'a self, cx: &'a Cx, above: i64) -> BoxFuture<'a, Result<Option<i64>, ConnectorError>>;

    /// Lists persons whose id in the sink is above `above`, whoever made them there, a page by one call; without `above`
    /// nobody, and only reads the highest id. Needs [`Sink::connect`] first.
    ///
    /// A person who was removed there and put back by hand stands under a new id, which is higher than all before.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the call.
    fn newcomers<'a>(
        &'a self,
        cx: &'a Cx,
        above: Option<i64>,
    ) -> BoxFuture<'a, Result<Newcomers, ConnectorError>>;

    /// Reads what the sink holds under a natural key, all of them when there are several.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the calls.
    fn look_up<'a>(
        &'a self,
        cx: &'a Cx,
        kind: ObjectKind,
        key: &'a [(Arc<str>, i64)],
    ) -> BoxFuture<'a, Result<Vec<RemoteState>, ConnectorError>>;
}
