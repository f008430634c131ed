//! Lists of rows: paging, ordering and the wrapper around them (copernica.md §2.1, §2.2).

use std::borrow::Cow;
use std::cmp::Ordering;

use super::call::{Call, Version};
use super::cell::Cells;
use super::field::Kind;
use super::filter::{Filter, compare_text};
use super::out::Out;
use super::table::{Row, Rows, Table, same_text};
use crate::door::Seed;

/// The page length when a call names none.
const LIMIT_USUAL: i64 = 100;
/// The longest page of the normal host.
const LIMIT_MAX: i64 = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Id,
    Random,
    Modified,
    Field(usize),
}

/// Which part of a list a call wants, in which order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paging {
    pub(crate) start: i64,
    pub(crate) limit: i64,
    pub(crate) wants_total: bool,
    pub(crate) data_only: bool,
    order: Order,
    is_descending: bool,
}

impl Paging {
    /// Reads the paging parameters of a call; strange values never fail.
    pub(crate) fn read(call: &Call, table: &Table) -> Self {
        let limit = call.number("limit", LIMIT_USUAL);
        let order = call.param("order").unwrap_or("");
        let by = call.param("orderby").unwrap_or("id");
        Self {
            start: call.number("start", 0),
            limit: if call.is_streaming_host {
                limit
            } else {
                limit.min(LIMIT_MAX)
            },
            wants_total: call.flag("total", true),
            data_only: call.flag("dataonly", false),
            // As a property, modified and id win over a field of that name when ordering (§2.3).
            order: if same_text(by, "id") {
                Order::Id
            } else if same_text(by, "modified") {
                Order::Modified
            } else if same_text(by, "random") {
                Order::Random
            } else {
                table.position_of(by, true).map_or(Order::Id, Order::Field)
            },
            is_descending: order.eq_ignore_ascii_case("desc") || order.eq_ignore_ascii_case("descending"),
        }
    }

    fn window(&self, count: usize) -> std::ops::Range<usize> {
        let (Ok(start), Ok(limit)) = (usize::try_from(self.start), usize::try_from(self.limit)) else {
            return 0..0;
        };
        start.min(count)..start.saturating_add(limit).min(count)
    }
}

/// One page: the ids on it and how many rows there are in all, when asked for.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) ids: Vec<u32>,
    total: Option<u64>,
}

/// What a page is taken from.
pub(crate) struct Source<'a> {
    pub(crate) table: &'a Table,
    pub(crate) rows: &'a Rows,
    /// The ids to look at, ascending.
    pub(crate) ids: &'a [u32],
    pub(crate) filter: &'a Filter,
    pub(crate) secret: &'a dyn Fn(u32) -> String,
    /// How many rows live in `ids`, when that is known and no filter applies.
    pub(crate) known_total: Option<u64>,
    /// Where a random order starts from.
    pub(crate) seed: u64,
}

impl Source<'_> {
    fn fits(&self, id: u32) -> bool {
        self.rows
            .get(id)
            .is_some_and(|row| self.filter.matches(self.table, row, id, self.secret))
    }

    /// Takes the page that `paging` asks for.
    pub(crate) fn page(&self, paging: &Paging) -> Page {
        if paging.order != Order::Id {
            return self.sorted_page(paging);
        }
        if paging.is_descending {
            self.walk(paging, self.ids.iter().rev())
        } else {
            self.walk(paging, self.ids.iter())
        }
    }

    fn walk<'i>(&self, paging: &Paging, ids: impl Iterator<Item = &'i u32>) -> Page {
        let window = paging.window(usize::MAX);
        let counts_all = paging.wants_total && self.known_total.is_none();
        let (mut page, mut seen) = (Vec::new(), 0);
        for id in ids {
            if !counts_all && seen >= window.end {
                break;
            }
            if self.fits(*id) {
                if window.contains(&seen) {
                    page.push(*id);
                }
                seen += 1;
            }
        }
        let total = self.known_total.unwrap_or(seen as u64);
        Page {
            ids: page,
            total: paging.wants_total.then_some(total),
        }
    }

    fn sorted_page(&self, paging: &Paging) -> Page {
        let mut ids: Vec<u32> = self.ids.iter().copied().filter(|id| self.fits(*id)).collect();
        match paging.order {
            Order::Random => {
                let mut seed = Seed::new(self.seed);
                for last in (1..ids.len()).rev() {
                    ids.swap(last, seed.below(last as u64 + 1) as usize);
                }
            }
            Order::Modified => ids.sort_by_key(|id| self.rows.get(*id).map_or(0, |row| row.modified)),
            Order::Field(position) => self.sort_by_field(&mut ids, position),
            Order::Id => {}
        }
        if paging.is_descending {
            ids.reverse();
        }
        let total = ids.len() as u64;
        Page {
            ids: ids[paging.window(ids.len())].to_vec(),
            total: paging.wants_total.then_some(total),
        }
    }

    fn sort_by_field(&self, ids: &mut [u32], position: usize) {
        let kind = self.table.fields()[position].kind;
        let value = |id: &u32| {
            self.rows
                .get(*id)
                .map_or(Cow::Borrowed(""), |row| self.table.value(row, position))
                .into_owned()
        };
        if kind.is_whole() || kind == Kind::Float {
            let number = |id: &u32| value(id).parse::<f64>().unwrap_or(0.0);
            ids.sort_by(|one, other| number(one).partial_cmp(&number(other)).unwrap_or(Ordering::Equal));
        } else {
            ids.sort_by_cached_key(|id| SortKey(value(id)));
        }
    }
}

/// A text that sorts without regard to case.
struct SortKey(String);

impl PartialEq for SortKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SortKey {}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_text(&self.0, &other.0)
    }
}

/// Writes the wrapper of a page around what `write` writes for each row.
pub(crate) fn write_page(
    call: &Call,
    paging: &Paging,
    page: &Page,
    has_next_id: bool,
    mut write: impl FnMut(&mut Out, u32),
) -> Vec<u8> {
    let mut out = Out::sized(128 + page.ids.len() * 1024);
    out.open(b'{')
        .key("start")
        .number(paging.start)
        .key("limit")
        .number(paging.limit);
    out.key("count")
        .number(page.ids.len() as i64)
        .key("data")
        .open(b'[');
    for id in &page.ids {
        write(&mut out, *id);
    }
    out.close(b']');
    // The reference has seen nextid from v3 on, and knows nothing of an empty page (§2.1, §14 no. 10).
    if let (true, Some(last)) = (has_next_id && call.version != Version::V2, page.ids.iter().max()) {
        out.key("nextid").number(i64::from(*last) + 1);
    }
    if let Some(total) = page.total {
        out.key("total").number(total as i64);
    }
    out.close(b'}');
    out.finish()
}

/// Writes a bare array of ids (copernica.md §2.2).
pub(crate) fn write_ids(page: &Page) -> Vec<u8> {
    let mut out = Out::sized(16 + page.ids.len() * 10);
    out.open(b'[');
    for id in &page.ids {
        out.digits(u64::from(*id));
    }
    out.close(b']');
    out.finish()
}

/// Writes the values of a row by field name; every field, always as text.
pub(crate) fn write_fields(out: &mut Out, table: &Table, row: &Row) {
    out.open(b'{');
    let mut cells = Cells::of(&row.cells);
    for field in table.fields() {
        let value = if row.removed == 0 {
            field.read(cells.next())
        } else {
            Cow::Borrowed("")
        };
        out.quoted_key(&field.json_key).text(&value);
    }
    out.close(b'}');
}
