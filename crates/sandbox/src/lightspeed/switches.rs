//! What can be changed while the shop runs: its languages, what its keys may do, how far its counts are off, and
//! how much of a limit is left.
//!
//! A saved shop does not keep these: it comes back as its options say.

use std::collections::BTreeMap;

use super::language::Language;
use super::options::{DeletionBody, Key, Options, Permissions};
use super::{Simulator, locked};

/// The present position of every switch.
#[derive(Debug)]
pub(crate) struct Switches {
    /// The active languages.
    pub(crate) languages: Vec<Language>,
    /// What each key may do, in the order of the keys.
    pub(crate) permissions: Vec<Permissions>,
    pub(crate) rules: Rules,
    /// How far the count of a list is off, by the path of the list.
    pub(crate) count_offsets: BTreeMap<String, isize>,
}

impl Switches {
    /// Starts as the options say.
    pub(crate) fn new(languages: Vec<Language>, keys: &[Key], rules: Rules) -> Self {
        Self {
            rules,
            languages,
            permissions: keys.iter().map(|key| key.permissions).collect(),
            count_offsets: BTreeMap::new(),
        }
    }
}

/// What is not known of the real platform, and so can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Times in filters are UTC and not wall time of the shop.
    pub is_filter_time_utc: bool,
    /// A page longer than 250 is refused and not shortened.
    pub is_limit_strict: bool,
    /// Status of a refusal for want of permission: 403, or 401.
    pub refusal_status: u16,
    /// What a deletion carries.
    pub deletion_body: DeletionBody,
}

impl Rules {
    /// Takes those of the options.
    pub(crate) fn of(options: &Options) -> Self {
        Self {
            is_filter_time_utc: options.is_filter_time_utc,
            is_limit_strict: options.is_limit_strict,
            refusal_status: options.refusal_status,
            deletion_body: options.webhooks.deletion_body,
        }
    }
}

/// A window of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Window {
    FiveMinutes,
    Hour,
    Day,
}

impl Window {
    /// Every window, in the order of the headers.
    pub const ALL: [Self; 3] = [Self::FiveMinutes, Self::Hour, Self::Day];

    /// Returns the name on the control port.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5min",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl Simulator {
    /// Switches a language on or off; `false` when the platform has no such language.
    ///
    /// Every path below one that is off is answered with 404 (lightspeed-ecom.md §9.1 #4).
    pub fn set_language_active(&self, code: &str, is_active: bool) -> bool {
        let Some(language) = Language::of(code) else {
            return false;
        };
        let mut switches = locked(&self.inner.switches);
        switches.languages.retain(|known| *known != language);
        if is_active {
            switches.languages.push(language);
        }
        true
    }

    /// Returns the rules that hold.
    #[must_use]
    pub fn rules(&self) -> Rules {
        locked(&self.inner.switches).rules
    }

    /// Replaces the rules, from the next call on.
    pub fn set_rules(&self, rules: Rules) {
        locked(&self.inner.switches).rules = rules;
    }

    /// Returns the codes of the active languages.
    #[must_use]
    pub fn active_languages(&self) -> Vec<&'static str> {
        let switches = locked(&self.inner.switches);
        switches
            .languages
            .iter()
            .map(|language| language.code())
            .collect()
    }

    /// Grants and withdraws what a key may do, from the next call on; `false` when there is no such key.
    pub fn set_permissions(&self, api_key: &str, permissions: Permissions) -> bool {
        let Some(place) = self.key_place(api_key) else {
            return false;
        };
        locked(&self.inner.switches).permissions[place] = permissions;
        true
    }

    /// Returns what a key may do; `None` when there is no such key.
    #[must_use]
    pub fn permissions(&self, api_key: &str) -> Option<Permissions> {
        let place = self.key_place(api_key)?;
        Some(locked(&self.inner.switches).permissions[place])
    }

    fn key_place(&self, api_key: &str) -> Option<usize> {
        self.inner.keys.iter().position(|key| key.api_key == api_key)
    }

    /// Lets the count of a list, such as `orders` or `groups/customers`, be off by so many; 0 makes it true again.
    ///
    /// A count never falls below 0.
    pub fn set_count_offset(&self, list: &str, by: isize) {
        let mut switches = locked(&self.inner.switches);
        if by == 0 {
            switches.count_offsets.remove(list);
        } else {
            switches.count_offsets.insert(list.to_owned(), by);
        }
    }

    /// Uses up a window of every key: calls are refused with 429 until it ends on the wall clock of the shop.
    pub fn use_up(&self, window: Window) {
        let now_s = self.now_s();
        for budget in locked(&self.inner.budgets).iter_mut() {
            budget.use_up(window as usize, &self.inner.wall, now_s);
        }
    }

    /// Makes every window of every key whole again.
    pub fn refill_limits(&self) {
        for budget in locked(&self.inner.budgets).iter_mut() {
            budget.refill();
        }
    }
}
