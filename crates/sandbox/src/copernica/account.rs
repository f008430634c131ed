//! The account behind the calls: databases, collections, rows and what is still to be done later.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::Options;
use super::call::{Call, Refusal};
use super::cell::Patch;
use super::dates::LocalClock;
use super::deliver::Failure;
use super::field::{Coercion, TooLong};
use super::outbox::Outbox;
use super::rules::Rules;
use super::state::{DataRequest, Import, Interest, View, Webhook};
use super::table::{Rows, Table, same_text};
use super::wire::Json;

/// One database.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Database {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) archived: bool,
    pub(crate) created: u32,
    pub(crate) table: Table,
    pub(crate) rules: Rules,
    pub(crate) interests: Vec<Interest>,
    pub(crate) intentions: [bool; 4],
}

/// One collection.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Collection {
    pub(crate) id: u32,
    pub(crate) database: u32,
    pub(crate) name: String,
    pub(crate) table: Table,
    pub(crate) rules: Rules,
    pub(crate) intentions: [bool; 4],
}

/// What happened to rows, since the start.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) created: u64,
    pub(crate) changed: u64,
    pub(crate) unchanged: u64,
    pub(crate) removed: u64,
}

/// The whole state of one simulated account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) options: Options,
    pub(crate) clock: LocalClock,
    /// Microseconds since 1970.
    pub(crate) now_us: i64,
    pub(crate) seed: u64,
    pub(crate) databases: Vec<Database>,
    pub(crate) collections: Vec<Collection>,
    pub(crate) last_database: u32,
    pub(crate) last_collection: u32,
    pub(crate) last_interest: u32,
    pub(crate) profiles: Rows,
    pub(crate) subprofiles: Rows,
    /// All imports, by id from 1.
    pub(crate) imports: Vec<Import>,
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) last_webhook: u32,
    /// Messages of webhooks that wait for their delivery.
    pub(crate) outbox: Outbox,
    /// Selections of profiles, then miniselections.
    pub(crate) views: [Vec<View>; 2],
    pub(crate) last_view: u32,
    /// The newest id of a rule or condition.
    pub(crate) last_rule: u32,
    pub(crate) data_requests: Vec<DataRequest>,
    /// How many codes and tokens were made for applications.
    pub(crate) minted: u64,
    /// Deliveries that failed, oldest first.
    pub(crate) failures: Vec<Failure>,
    /// The interests of the profiles that have some, by interest id.
    pub(crate) interested: HashMap<u32, Vec<u32>>,
    /// Secrets that were set by a call: profiles, then subprofiles.
    pub(crate) secrets: [HashMap<u32, String>; 2],
    /// Work to do at a time, in microseconds since 1970; the second number keeps the order of arrival.
    pub(crate) later: BTreeMap<(i64, u64), Call>,
    /// How many calls were ever put off.
    pub(crate) arrivals: u64,
    /// Moves with everything that may change the account.
    pub(crate) revision: u64,
    pub(crate) tally: Tally,
    pub(crate) calls_by_kind: BTreeMap<&'static str, u64>,
}

/// Which number space a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    Profiles,
    Subprofiles,
}

impl Account {
    /// Makes an empty account.
    pub(crate) fn new(options: Options, seed: u64) -> Self {
        Self {
            options,
            clock: LocalClock::new(),
            now_us: 0,
            seed,
            databases: Vec::new(),
            collections: Vec::new(),
            last_database: 0,
            last_collection: 0,
            last_interest: 0,
            profiles: Rows::default(),
            subprofiles: Rows::default(),
            imports: Vec::new(),
            webhooks: Vec::new(),
            last_webhook: 0,
            outbox: Outbox::default(),
            views: [Vec::new(), Vec::new()],
            last_view: 0,
            last_rule: 0,
            data_requests: Vec::new(),
            minted: 0,
            failures: Vec::new(),
            interested: HashMap::new(),
            secrets: [HashMap::new(), HashMap::new()],
            later: BTreeMap::new(),
            arrivals: 0,
            revision: 0,
            tally: Tally::default(),
            calls_by_kind: BTreeMap::new(),
        }
    }

    /// Moves the account to `now_us` and does what was put off until then.
    pub(crate) fn advance(&mut self, now_us: i64) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now_us {
                break;
            }
            let ((due_us, _), call) = entry.remove_entry();
            self.clock.now = due_us.div_euclid(1_000_000);
            self.revision += 1;
            // Nobody waits for this answer any more.
            let _ = self.dispatch(&call);
        }
        self.now_us = now_us;
        self.clock.now = now_us.div_euclid(1_000_000);
    }

    /// Puts a call off until `due_us`.
    pub(crate) fn put_off(&mut self, due_us: i64, mut call: Call) {
        call.is_late = true;
        self.arrivals += 1;
        self.later.insert((due_us, self.arrivals), call);
    }

    /// Gives the present time in seconds, as rows keep it.
    pub(crate) fn now(&self) -> u32 {
        u32::try_from(self.clock.now).unwrap_or(0)
    }

    /// Gives how values are converted.
    pub(crate) fn coercion(&self) -> Coercion {
        Coercion {
            keeps_64_bits: self.options.keep_integers_64,
            refuses_long_text: self.options.refuse_long_text,
        }
    }

    /// Finds a database by id or name: its place (copernica.md §1.8 rule 4).
    pub(crate) fn database_at(&self, text: &str) -> Option<usize> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let id: u32 = text.parse().ok()?;
            return self.databases.iter().position(|database| database.id == id);
        }
        self.databases
            .iter()
            .position(|database| same_text(&database.name, text))
    }

    /// Finds a collection by id: its place.
    pub(crate) fn collection_at(&self, id: u32) -> Option<usize> {
        self.collections.iter().position(|collection| collection.id == id)
    }

    /// Finds a collection of a database by id or name: its place.
    pub(crate) fn collection_of(&self, database: u32, text: &str) -> Option<usize> {
        let id: Option<u32> = text.parse().ok();
        self.collections.iter().position(|collection| {
            collection.database == database
                && id.map_or_else(|| same_text(&collection.name, text), |id| id == collection.id)
        })
    }

    /// Gives the secret code of a row: set by a call, else 28 hex digits made from the seed.
    pub(crate) fn secret(&self, space: Space, id: u32) -> Cow<'_, str> {
        secret_of(&self.secrets[space as usize], self.seed, space, id)
    }

    /// Says whether a profile or subprofile is of a database that still exists.
    pub(crate) fn row_exists(&self, space: Space, id: u32) -> bool {
        match space {
            Space::Profiles => self
                .profiles
                .get(id)
                .is_some_and(|row| self.databases.iter().any(|each| each.id == row.table)),
            Space::Subprofiles => self
                .subprofiles
                .get(id)
                .is_some_and(|row| self.collection_at(row.table).is_some()),
        }
    }
}

/// Works out the secret of a row without the whole account.
pub(crate) fn secret_of(set: &HashMap<u32, String>, seed: u64, space: Space, id: u32) -> Cow<'_, str> {
    if let Some(secret) = set.get(&id) {
        return Cow::Borrowed(secret);
    }
    let digest = Md5::digest(format!("{seed} {space:?} {id}"));
    let mut text = hex::encode(digest);
    text.truncate(28);
    Cow::Owned(text)
}

/// Converts the values of a body to cells; names the table does not know are passed over (§5.2).
///
/// # Errors
/// When a text is too long and the account refuses such texts.
pub(crate) fn patch_of(
    fields: &[(Cow<'_, str>, Json<'_>)],
    table: &Table,
    coercion: Coercion,
    clock: &LocalClock,
) -> Result<Patch, TooLong> {
    let mut patch = Patch::new(table.fields().len());
    for (name, value) in fields {
        let Some(position) = table.position(name) else {
            continue;
        };
        let field = &table.fields()[position];
        patch.set(
            position,
            &field.coerce(value, coercion, clock)?,
            field.kind.empty(),
        );
    }
    Ok(patch)
}

/// Reads an id of a path: a positive number.
pub(crate) fn id_of(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|id| *id > 0 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Refuses a text that is too long for its field; the words are not known (copernica.md §14 no. 4).
pub(crate) fn too_long(_: TooLong) -> Refusal {
    Refusal::new("Invalid data provided")
}
