//! What is read beside a thing, page by page: the rows of an order or cart, the groups of a customer.
//!
//! Several answers are put together as one JSON object, each part as the API wrote it.

use std::fmt::Write;

use bytes::Bytes;
use schakel_core::connector::{ConnectorError, Cx, Fetched, Part};
use schakel_core::limits;

use super::call::{self, Call};
use super::config::Settings;
use super::cursor::PAGE;
use super::wire::{self, CART_ROWS_KEY, GROUPS_KEY, ROWS_KEY};

/// Most groups of one customer that are read; whoever is in more has a page that goes on for ever.
const GROUPS_MAX: usize = 1_000;

/// Key of the thing and of its rows in a fetched answer.
const fn keys(part: Part) -> Option<(&'static str, &'static str)> {
    match part {
        Part::OrderRows => Some(("order", ROWS_KEY)),
        Part::QuoteRows => Some(("quote", CART_ROWS_KEY)),
        _ => None,
    }
}

/// Reads the rows of the order or cart `id`: `{"orderProducts":[…]}`.
pub(super) async fn rows(
    cx: &Cx,
    settings: &Settings,
    part: Part,
    id: i64,
) -> Result<Fetched, ConnectorError> {
    let Some((_, key)) = keys(part) else {
        return Err(ConnectorError::Unsupported("rows of this part"));
    };
    let (path, label) = match part {
        Part::QuoteRows => (format!("quotes/{id}/products"), "GET quotes/{id}/products"),
        _ => (format!("orders/{id}/products"), "GET orders/{id}/products"),
    };
    // One more than allowed is enough for the mapping to say that there are too many.
    let wanted = Wanted {
        call: Call::get(&path, label, "orders"),
        key,
        most: limits::ORDER_ROWS,
    };
    gather(cx, settings, wanted, |_| true).await
}

/// Puts rows beside the order or cart that `body` holds, whatever else it holds: `{"order":…,"orderProducts":[…]}`.
pub(super) fn with_rows(part: Part, body: &[u8], rows: &[u8]) -> Option<Bytes> {
    let (key, rows_key) = keys(part)?;
    let thing = *wire::members(body)?.get(key)?;
    let rows = *wire::members(rows)?.get(rows_key)?;
    let is_whole = thing.get().starts_with(['{', '[']) && rows.get().starts_with('[');
    is_whole.then(|| format!("{{\"{key}\":{thing},\"{rows_key}\":{rows}}}").into())
}

/// Reads the groups of one customer: `{"groupsCustomers":[…]}`, a call for 250 of them, so one (§6.5).
///
/// No webhook tells of a change and the list has no times (§8 #25, #40): the engine asks when the customer changed.
pub(super) async fn groups(cx: &Cx, settings: &Settings, id: i64) -> Result<Fetched, ConnectorError> {
    let filter = format!("customer={id}&");
    let wanted = Wanted {
        call: Call {
            query: &filter,
            ..Call::get("groups/customers", "GET groups/customers", "customers")
        },
        key: GROUPS_KEY,
        most: GROUPS_MAX,
    };
    // A filter that is passed over would make everybody's groups his, and then end them.
    let answer = gather(cx, settings, wanted, |one| wire::is_of_customer(one, id)).await?;
    there(answer, GROUPS_KEY)
}

/// Joins memberships from a list: the answer to a fetch of the groups of one customer, who may have none.
pub(super) fn join(bodies: &[Bytes]) -> Option<Bytes> {
    let mut whole = Whole::new(GROUPS_KEY);
    for body in bodies {
        for item in wire::items(body, GROUPS_KEY)? {
            whole.push(item.get());
        }
    }
    Some(whole.close())
}

/// Takes a 404 for what it is where the thing was there a moment ago: either it went just now or the 404 is one of the
/// passing ones (§8 #13).
pub(super) fn there(answer: Fetched, what: &str) -> Result<Fetched, ConnectorError> {
    if answer.status == 404 {
        return Err(ConnectorError::Unavailable(format!("`{what}` is not there")));
    }
    Ok(answer)
}

/// A list that belongs to one thing.
struct Wanted<'a> {
    /// The call without its page; its query ends in `&` when it has one.
    call: Call<'a>,
    key: &'static str,
    /// Reads no further than one page beyond so many items.
    most: usize,
}

/// Reads every page of a list into one object with that list. A 404 of the first page is an answer.
async fn gather(
    cx: &Cx,
    settings: &Settings,
    wanted: Wanted<'_>,
    is_asked_for: impl Fn(&str) -> bool,
) -> Result<Fetched, ConnectorError> {
    let (call, key) = (&wanted.call, wanted.key);
    let malformed = |what: &str| ConnectorError::Malformed(format!("`{key}` {what}"));
    let mut whole = Whole::new(key);
    let mut page = 0;
    loop {
        page += 1;
        let query = format!("{}limit={PAGE}&page={page}", call.query);
        let call = Call {
            query: &query,
            ..Call::get(call.path, call.label, call.section)
        };
        let answer = call::ask(cx, settings, call).await?;
        let Some(body) = answer.body else {
            let refusal = Fetched {
                status: 404,
                body: answer.refusal,
                at: answer.at,
            };
            return if page == 1 {
                Ok(refusal)
            } else {
                there(refusal, key)
            };
        };
        let items = wire::items(&body, key).ok_or_else(|| malformed("is no list"))?;
        for item in &items {
            if !is_asked_for(item.get()) {
                return Err(malformed("holds what was not asked for"));
            }
            whole.push(item.get());
        }
        if items.len() < PAGE || whole.count > wanted.most {
            return Ok(Fetched {
                status: 200,
                body: whole.close(),
                at: answer.at,
            });
        }
    }
}

/// An object with one list, while it is written.
struct Whole {
    text: String,
    count: usize,
}

impl Whole {
    fn new(key: &str) -> Self {
        Self {
            text: format!("{{\"{key}\":["),
            count: 0,
        }
    }

    fn push(&mut self, item: &str) {
        let comma = if self.count == 0 { "" } else { "," };
        write!(self.text, "{comma}{item}").expect("writing to a text cannot fail");
        self.count += 1;
    }

    fn close(mut self) -> Bytes {
        self.text.push_str("]}");
        self.text.into()
    }
}
