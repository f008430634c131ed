//! Saves the shop and brings it back: everything a call can see.
//!
//! The form is a head line and one JSON object. Budgets, faults, logs and deliveries under way begin anew.

use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::language::Language;
use super::records::Webhook;
use super::state::Shop;
use super::webhooks;
use super::{Options, Simulator};
use crate::client::Target;
use crate::door::{Seed, SimClock};

const HEAD: &[u8] = b"schakel sandbox lightspeed 1\n";

/// Why a saved shop does not come back.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file ends early or cannot be read.
    #[error("cannot read the saved shop")]
    Read(#[from] io::Error),
    /// This is something else, of another version, or another shop than the options say.
    #[error("this is not a saved shop of this version and number")]
    Foreign,
    /// The records do not make sense.
    #[error("the saved shop does not make sense")]
    Broken(#[from] serde_json::Error),
}

/// A registration as it is saved: words instead of places in lists.
#[derive(Serialize, Deserialize)]
struct SavedWebhook {
    owner: usize,
    created_s: i64,
    updated_s: i64,
    is_active: bool,
    group: String,
    action: String,
    language: Language,
    address: String,
}

impl Serialize for Webhook {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = SavedWebhook {
            owner: self.owner,
            created_s: self.created_s,
            updated_s: self.updated_s,
            is_active: self.is_active,
            group: self.group.to_owned(),
            action: self.action.to_owned(),
            language: self.language,
            address: self.address.clone(),
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Webhook {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = SavedWebhook::deserialize(deserializer)?;
        Self::try_from(saved).map_err(serde::de::Error::custom)
    }
}

impl TryFrom<SavedWebhook> for Webhook {
    type Error = &'static str;

    fn try_from(saved: SavedWebhook) -> Result<Self, Self::Error> {
        let group = webhooks::group(&saved.group).ok_or("a group nobody knows")?;
        let target = Target::of(&saved.address).ok_or("an address that is none")?;
        Ok(Self {
            owner: saved.owner,
            created_s: saved.created_s,
            updated_s: saved.updated_s,
            is_active: saved.is_active,
            group,
            action: webhooks::action(group, &saved.action).ok_or("an action nobody knows")?,
            language: saved.language,
            format: "json",
            address: saved.address,
            target: Arc::new(target),
        })
    }
}

impl Simulator {
    /// Writes the whole shop; calls wait meanwhile.
    ///
    /// # Errors
    /// When `into` refuses.
    pub fn save(&self, into: &mut dyn Write) -> io::Result<()> {
        into.write_all(HEAD)?;
        serde_json::to_writer(&mut *into, &*self.shop())?;
        into.flush()
    }

    /// Opens the shop that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// When `from` holds no such shop, or one of another number than the options say.
    pub fn load(
        options: Options,
        clock: Arc<dyn SimClock>,
        seed: Seed,
        from: &mut dyn Read,
    ) -> Result<Self, LoadError> {
        let mut head = [0; HEAD.len()];
        from.read_exact(&mut head)?;
        if head != HEAD {
            return Err(LoadError::Foreign);
        }
        let mut shop: Shop = serde_json::from_reader(from)?;
        if shop.id != options.shop_id {
            return Err(LoadError::Foreign);
        }
        shop.installed.resize(options.apps.len(), None);
        share_people(&mut shop);
        let simulator = Self::new(options, clock, seed);
        *simulator.shop() = shop;
        Ok(simulator)
    }

    /// Gives a number that moves with everything that may change the shop.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.shop().revision
    }
}

/// Lets orders share the person of their customer again where he has not changed since.
fn share_people(shop: &mut Shop) {
    for at in 0..shop.orders.positions() {
        let customer = shop.orders.get(at).and_then(|order| order.customer);
        let known = customer.and_then(|at| shop.customers.get(at as usize));
        let Some(person) = known.map(|customer| Arc::clone(&customer.person)) else {
            continue;
        };
        if let Some(order) = shop.orders.get_mut(at)
            && order.person == person
        {
            order.person = person;
        }
    }
}
