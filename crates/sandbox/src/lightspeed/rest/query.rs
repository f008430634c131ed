//! List parameters (lightspeed-ecom.md §3.4).

use super::Refusal;
pub(crate) use crate::form::pairs;
use crate::lightspeed::span::Span;
use crate::lightspeed::wall::Wall;

/// Records on a page unless asked otherwise.
const LIMIT_DEFAULT: usize = 50;
/// Records on a page at most; a greater wish is cut to this.
const LIMIT_MAX: usize = 250;

/// What a list was asked for.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// Counted from 1.
    pub(crate) page: usize,
    pub(crate) limit: usize,
    pub(crate) since_id: Option<u64>,
    created: Window,
    updated: Window,
    /// Keys the records shall have; all when absent.
    fields: Option<Vec<String>>,
    /// Everything else, by name.
    filters: Vec<(String, String)>,
}

/// Inclusive bounds in seconds since 1970 (UTC).
#[derive(Debug, Default)]
struct Window {
    min_s: Option<i64>,
    max_s: Option<i64>,
}

impl Window {
    fn holds(&self, at_s: i64) -> bool {
        self.min_s.is_none_or(|min_s| at_s >= min_s) && self.max_s.is_none_or(|max_s| at_s <= max_s)
    }
}

impl Window {
    /// Says whether no time in a range fits.
    fn misses(&self, (first_s, last_s): (i64, i64)) -> bool {
        self.min_s.is_some_and(|min_s| last_s < min_s) || self.max_s.is_some_and(|max_s| first_s > max_s)
    }
}

impl Query {
    /// Reads a query string; times are those of `wall`.
    ///
    /// # Errors
    /// When a number or a time cannot be read, or when `is_limit_strict` and the page is too long.
    pub(crate) fn of(text: &str, wall: &Wall, is_limit_strict: bool) -> Result<Self, Refusal> {
        let mut query = Self {
            page: 1,
            limit: LIMIT_DEFAULT,
            ..Self::default()
        };
        for (key, value) in pairs(text) {
            let number = || value.trim().parse::<u64>().map_err(|_| Refusal::INVALID);
            let time = || wall.parse(&value).map(Some).ok_or(Refusal::INVALID);
            match key.as_str() {
                "page" => query.page = usize::try_from(number()?).unwrap_or(usize::MAX).max(1),
                "limit" => {
                    if is_limit_strict && number()? > LIMIT_MAX as u64 {
                        return Err(Refusal::INVALID);
                    }
                    query.limit = usize::try_from(number()?)
                        .unwrap_or(LIMIT_MAX)
                        .clamp(1, LIMIT_MAX);
                }
                "since_id" => query.since_id = Some(number()?),
                "created_at_min" => query.created.min_s = time()?,
                "created_at_max" => query.created.max_s = time()?,
                "updated_at_min" => query.updated.min_s = time()?,
                "updated_at_max" => query.updated.max_s = time()?,
                "fields" => query.fields = Some(value.split(',').map(|key| key.trim().to_owned()).collect()),
                _ => query.filters.push((key, value)),
            }
        }
        Ok(query)
    }

    /// Returns how many records lie on the pages before this one.
    pub(crate) fn skipped(&self) -> usize {
        (self.page - 1).saturating_mul(self.limit)
    }

    /// Says whether a record of these times is meant.
    pub(crate) fn holds(&self, created_s: i64, updated_s: i64) -> bool {
        self.created.holds(created_s) && self.updated.holds(updated_s)
    }

    /// Says whether no record of a block can be meant.
    pub(crate) fn misses(&self, span: &Span) -> bool {
        span.live == 0 || self.created.misses(span.created_s) || self.updated.misses(span.updated_s)
    }

    /// Says whether every living record of a block is meant.
    pub(crate) fn means_all(&self, span: &Span) -> bool {
        let are_in = |window: &Window, (first_s, last_s)| window.holds(first_s) && window.holds(last_s);
        self.filters.is_empty()
            && are_in(&self.created, span.created_s)
            && are_in(&self.updated, span.updated_s)
    }

    /// Says whether the filter `key` is absent or asks for the text that `make` makes.
    pub(crate) fn made_text_fits(&self, key: &str, make: impl FnOnce() -> String) -> bool {
        self.filter(key).is_none_or(|wanted| wanted == make())
    }

    /// Says whether the filter `key` is absent or asks for this text.
    pub(crate) fn text_fits(&self, key: &str, text: &str) -> bool {
        self.filter(key).is_none_or(|wanted| wanted == text)
    }

    /// Says whether the filter `key` is absent or asks for this text in any case.
    pub(crate) fn text_fits_any_case(&self, key: &str, text: &str) -> bool {
        self.filter(key)
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(text))
    }

    /// Says whether the filter `key` is absent or asks for this id.
    pub(crate) fn id_fits(&self, key: &str, id: Option<u64>) -> bool {
        self.filter(key)
            .is_none_or(|wanted| id.is_some() && wanted.parse().ok() == id)
    }

    /// Says whether every filter fits what `known` says of its key; a key unknown there fits always.
    pub(crate) fn fits(&self, known: impl Fn(&str) -> Option<String>) -> bool {
        self.filters
            .iter()
            .all(|(key, wanted)| known(key).is_none_or(|value| value.eq_ignore_ascii_case(wanted)))
    }

    /// Returns the keys records shall have.
    pub(crate) fn fields(&self) -> Option<&[String]> {
        self.fields.as_deref()
    }

    fn filter(&self, key: &str) -> Option<&str> {
        self.filters
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }
}
