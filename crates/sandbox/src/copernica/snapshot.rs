//! Saves the account and brings it back: everything a call can see, and what was put off.
//!
//! The form is a head line, the length and text of a JSON part (definitions, settings, lists), then all rows as
//! they are in memory. Counters of calls, faults and bearer tokens begin anew.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use super::account::Account;
use super::call::Call;
use super::outbox::Notice;
use super::table::{Row, Rows};
use super::{Options, Simulator, lock};
use crate::door::SimClock;

const HEAD: &[u8] = b"schakel sandbox copernica 1\n";
/// The longest JSON part and the longest row that are believed, in bytes.
const META_BYTES_MAX: u64 = 4 << 30;
const CELLS_BYTES_MAX: u32 = 256 << 20;

/// Why a saved account does not come back.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file ends early or cannot be read.
    #[error("cannot read the saved account")]
    Read(#[from] io::Error),
    /// This is something else, or of another version.
    #[error("this is not a saved account of this version")]
    Foreign,
    /// The definitions do not make sense.
    #[error("the saved account does not make sense")]
    Broken(#[from] serde_json::Error),
}

/// A call that waits for its time, with the parts that doing it needs.
#[derive(Serialize, Deserialize)]
struct Waiting {
    due_us: i64,
    order: u64,
    method: String,
    target: String,
    segments: Vec<String>,
    is_form: bool,
    body: String,
}

impl Simulator {
    /// Writes the whole account; calls wait meanwhile.
    ///
    /// # Errors
    /// When `into` refuses.
    pub fn save(&self, into: &mut dyn Write) -> io::Result<()> {
        let tokens = lock(&self.0.gate).names();
        let account = self.account();
        let mut meta = account.meta();
        meta["tokens"] = json!(tokens);
        let meta = meta.to_string();
        into.write_all(HEAD)?;
        into.write_all(&(meta.len() as u64).to_le_bytes())?;
        into.write_all(meta.as_bytes())?;
        write_rows(into, &account.profiles)?;
        write_rows(into, &account.subprofiles)?;
        into.flush()
    }

    /// Makes a simulator with the account that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// When `from` holds no such account.
    pub fn load(
        options: Options,
        clock: Arc<dyn SimClock>,
        seed: u64,
        from: &mut dyn Read,
    ) -> Result<Self, LoadError> {
        let mut head = [0; HEAD.len()];
        from.read_exact(&mut head)?;
        let mut length = [0; 8];
        from.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if head != HEAD || length > META_BYTES_MAX {
            return Err(LoadError::Foreign);
        }
        let mut text = Vec::new();
        from.take(length).read_to_end(&mut text)?;
        let mut meta: Value = serde_json::from_slice(&text)?;
        let simulator = Self::new(options, clock, seed);
        let tokens: Vec<String> = part(&mut meta, "tokens")?;
        let mut all = simulator.0.access_tokens.clone();
        all.extend(
            tokens
                .into_iter()
                .filter(|token| !simulator.0.access_tokens.contains(token)),
        );
        simulator.set_access_tokens(&all);
        {
            let mut account = lock(&simulator.0.account);
            account.take_meta(&mut meta)?;
            account.profiles = read_rows(from)?;
            account.subprofiles = read_rows(from)?;
            account.settle_rows();
        }
        Ok(simulator)
    }

    /// Gives a number that moves with everything that may change the account.
    #[must_use]
    pub fn revision(&self) -> u64 {
        lock(&self.0.account).revision
    }
}

impl Account {
    fn meta(&self) -> Value {
        let later: Vec<Waiting> = self
            .later
            .iter()
            .map(|((due_us, order), call)| Waiting {
                due_us: *due_us,
                order: *order,
                method: call.method().to_owned(),
                target: call.target(),
                segments: call.segments.clone(),
                is_form: call.is_form,
                body: STANDARD.encode(&call.body),
            })
            .collect();
        let outbox: Vec<(&str, &str)> = self
            .outbox
            .iter()
            .map(|notice| {
                let body = std::str::from_utf8(&notice.body).unwrap_or("");
                (notice.handler.as_str(), body)
            })
            .collect();
        json!({
            "seed": self.seed, "databases": self.databases, "collections": self.collections,
            "last": [self.last_database, self.last_collection, self.last_interest, self.last_webhook,
                     self.last_view, self.last_rule],
            "imports": self.imports, "webhooks": self.webhooks, "outbox": outbox,
            "failures": self.failures, "data_requests": self.data_requests, "minted": self.minted,
            "views": self.views, "interested": self.interested, "secrets": self.secrets,
            "arrivals": self.arrivals, "later": later,
        })
    }

    fn take_meta(&mut self, meta: &mut Value) -> Result<(), LoadError> {
        // Secrets are made from the seed: those of the saved account must stay what they were.
        self.seed = part(meta, "seed")?;
        self.databases = part(meta, "databases")?;
        self.collections = part(meta, "collections")?;
        [
            self.last_database,
            self.last_collection,
            self.last_interest,
            self.last_webhook,
            self.last_view,
            self.last_rule,
        ] = part(meta, "last")?;
        self.imports = part(meta, "imports")?;
        self.webhooks = part(meta, "webhooks")?;
        let outbox: Vec<(String, String)> = part(meta, "outbox")?;
        self.outbox = outbox
            .into_iter()
            .map(|(handler, body)| Notice {
                handler,
                body: body.into(),
                was_held_back: false,
            })
            .collect();
        self.failures = part(meta, "failures")?;
        self.data_requests = part(meta, "data_requests")?;
        self.minted = part(meta, "minted")?;
        self.views = part(meta, "views")?;
        self.interested = part::<HashMap<u32, Vec<u32>>>(meta, "interested")?;
        self.secrets = part(meta, "secrets")?;
        self.arrivals = part(meta, "arrivals")?;
        for waiting in part::<Vec<Waiting>>(meta, "later")? {
            let body = STANDARD.decode(&waiting.body).unwrap_or_default();
            let call = Call::again(&waiting.method, &waiting.target, waiting.is_form, body.into());
            if let Some(mut call) = call {
                call.segments = waiting.segments;
                self.later.insert((waiting.due_us, waiting.order), call);
            }
        }
        Ok(())
    }

    /// Works out what is not saved because it follows from the rest.
    fn settle_rows(&mut self) {
        let coercion = self.coercion();
        for database in &mut self.databases {
            database.table.settle(coercion, &self.clock);
        }
        for collection in &mut self.collections {
            collection.table.settle(coercion, &self.clock);
        }
        let mut places: HashMap<u32, usize> = HashMap::new();
        for (place, database) in self.databases.iter().enumerate() {
            places.insert(database.id, place);
        }
        for (id, row) in self.profiles.all() {
            if let Some(place) = places.get(&row.table) {
                self.databases[*place].table.know(id, row);
            }
        }
        places.clear();
        for (place, collection) in self.collections.iter().enumerate() {
            places.insert(collection.id, place);
        }
        for (id, row) in self.subprofiles.all() {
            if let Some(place) = places.get(&row.table) {
                self.collections[*place].table.know(id, row);
            }
        }
    }
}

fn part<T: DeserializeOwned>(meta: &mut Value, name: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(meta[name].take())
}

fn write_rows(into: &mut dyn Write, rows: &Rows) -> io::Result<()> {
    into.write_all(&(rows.len() as u32).to_le_bytes())?;
    for (_, row) in rows.all() {
        for number in [
            row.table,
            row.parent,
            row.link,
            row.created,
            row.modified,
            row.removed,
            row.cells.len() as u32,
        ] {
            into.write_all(&number.to_le_bytes())?;
        }
        into.write_all(&row.cells)?;
    }
    Ok(())
}

fn read_number(from: &mut dyn Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn read_rows(from: &mut dyn Read) -> Result<Rows, LoadError> {
    let mut rows = Rows::default();
    for _ in 0..read_number(from)? {
        let mut row = Row {
            table: read_number(from)?,
            parent: read_number(from)?,
            link: read_number(from)?,
            created: read_number(from)?,
            modified: read_number(from)?,
            removed: read_number(from)?,
            cells: Box::default(),
        };
        let length = read_number(from)?;
        if length > CELLS_BYTES_MAX {
            return Err(LoadError::Foreign);
        }
        let mut cells = vec![0; length as usize];
        from.read_exact(&mut cells)?;
        row.cells = cells.into_boxed_slice();
        rows.add(row);
    }
    Ok(rows)
}
