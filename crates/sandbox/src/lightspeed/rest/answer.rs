//! What answers are made of: the body of a count, and objects cut down to the fields that were asked for.

use super::query::Query;
use crate::lightspeed::json::{Out, keep_members, push_u64};

/// Makes the body of a count.
pub(super) fn counted(count: usize) -> Vec<u8> {
    let mut body = b"{\"count\":".to_vec();
    push_u64(&mut body, count as u64);
    body.push(b'}');
    body
}

/// Reads the body of a count.
pub(super) fn count_of(body: &[u8]) -> Option<usize> {
    let digits = body.strip_prefix(b"{\"count\":")?.strip_suffix(b"}")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Lets `write` write one object, and keeps the fields of it that were asked for.
pub(super) fn kept(out: &mut Out<'_>, query: &Query, write: impl FnOnce(&mut Out<'_>)) {
    let before = out.buf.len();
    write(out);
    let Some(fields) = query.fields() else { return };
    let written = out.buf.split_off(before);
    let (comma, object) = match written.strip_prefix(b",") {
        Some(object) => (true, object),
        None => (false, written.as_slice()),
    };
    if comma {
        out.buf.push(b',');
    }
    out.buf.extend_from_slice(&keep_members(object, |key| {
        fields.iter().any(|field| field == key)
    }));
}
