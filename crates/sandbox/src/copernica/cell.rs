//! How field values are kept: one packed run of bytes per row.
//!
//! A simulated account holds a million profiles with 48 fields, most of them empty, in less than a
//! gigabyte. So a row is one boxed slice with one *cell* per field, in definition order, instead of a map:
//!
//! - a cell begins with a varint: 0 is the empty form of the field's type ("", "0", "0000-00-00" …), any
//!   other number is the length of the value times two, plus one when the value is packed;
//! - a packed value is made of the sixteen characters of numbers and dates only, two to a byte;
//! - a row may have fewer cells than the table has fields: the missing ones were added later and hold what
//!   [`Field::fill`](super::field::Field::fill) says.
//!
//! Equal values always have equal cells, so "did anything change" is a comparison of bytes.

use std::borrow::Cow;

/// The characters of a packed value; the position is the code.
const ALPHABET: &[u8; 16] = b"0123456789-:. +,";

/// Returns the code of a packable character.
fn code(byte: u8) -> Option<u8> {
    Some(match byte {
        b'0'..=b'9' => byte - b'0',
        b'-' => 10,
        b':' => 11,
        b'.' => 12,
        b' ' => 13,
        b'+' => 14,
        b',' => 15,
        _ => return None,
    })
}

/// Appends the cell of `value` to `into`; `empty` is the empty form of the field's type.
pub(crate) fn push(into: &mut Vec<u8>, value: &str, empty: &str) {
    if value == empty {
        into.push(0);
        return;
    }
    let bytes = value.as_bytes();
    let is_packed = !bytes.is_empty() && bytes.iter().all(|byte| code(*byte).is_some());
    // The value "" of a type whose empty form is something else: an odd header with no characters.
    push_varint(
        into,
        if bytes.is_empty() {
            1
        } else {
            bytes.len() * 2 + usize::from(is_packed)
        },
    );
    if is_packed {
        for pair in bytes.chunks(2) {
            let low = pair.get(1).and_then(|byte| code(*byte)).unwrap_or(0);
            into.push(code(pair[0]).unwrap_or(0) << 4 | low);
        }
    } else {
        into.extend_from_slice(bytes);
    }
}

fn push_varint(into: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        into.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    into.push((number & 0x7F) as u8);
}

/// Reads the header at the start of `bytes`: its value and its own length in bytes.
fn header(bytes: &[u8]) -> (usize, usize) {
    let (mut value, mut shift, mut used) = (0, 0, 0);
    for byte in bytes {
        used += 1;
        value |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    (value, used)
}

/// Returns the length of the cell at the start of `bytes`, in bytes.
fn cell_len(bytes: &[u8]) -> usize {
    let (head, used) = header(bytes);
    used + if head & 1 == 1 {
        (head >> 1).div_ceil(2)
    } else {
        head >> 1
    }
}

/// Gives the value of one cell; `empty` is the empty form of the field's type.
pub(crate) fn decode<'a>(cell: &'a [u8], empty: &'a str) -> Cow<'a, str> {
    let (head, used) = header(cell);
    if head == 0 {
        return Cow::Borrowed(empty);
    }
    let len = head >> 1;
    if head & 1 == 0 {
        return String::from_utf8_lossy(&cell[used..used + len]);
    }
    let mut text = String::with_capacity(len + 1);
    for byte in &cell[used..] {
        text.push(char::from(ALPHABET[usize::from(byte >> 4)]));
        text.push(char::from(ALPHABET[usize::from(byte & 0x0F)]));
    }
    text.truncate(len);
    Cow::Owned(text)
}

/// Walks the cells of a row, in definition order.
#[derive(Debug, Clone)]
pub(crate) struct Cells<'a>(&'a [u8]);

impl<'a> Cells<'a> {
    /// Starts at the first cell of `row`.
    pub(crate) fn of(row: &'a [u8]) -> Self {
        Self(row)
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let (cell, rest) = self.0.split_at(cell_len(self.0).min(self.0.len()));
        self.0 = rest;
        Some(cell)
    }
}

/// The coerced values of one write, as cells by field position.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    bytes: Vec<u8>,
    places: Vec<(u32, u32)>,
}

impl Patch {
    /// Makes a patch without values for a table of `fields` fields.
    pub(crate) fn new(fields: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(fields * 12),
            places: vec![(0, 0); fields],
        }
    }

    /// Sets the value at `position`; a later value wins.
    pub(crate) fn set(&mut self, position: usize, value: &str, empty: &str) {
        let start = self.bytes.len();
        push(&mut self.bytes, value, empty);
        self.places[position] = (start as u32, self.bytes.len() as u32);
    }

    /// Gives the cell at `position`, when the write has one.
    pub(crate) fn get(&self, position: usize) -> Option<&[u8]> {
        match self.places.get(position) {
            Some((start, end)) if end > start => Some(&self.bytes[*start as usize..*end as usize]),
            _ => None,
        }
    }

    /// Says whether the write names no field of the table.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn gives_back_what_was_pushed(values in proptest::collection::vec(".{0,90}", 0..20), empty in "(0|)") {
            let mut row = Vec::new();
            for value in &values {
                push(&mut row, value, &empty);
            }
            let back: Vec<String> = Cells::of(&row).map(|cell| decode(cell, &empty).into_owned()).collect();
            prop_assert_eq!(back, values);
        }

        #[test]
        fn packs_numbers_and_dates(value in "[0-9:. +,-]{1,30}") {
            let mut row = Vec::new();
            push(&mut row, &value, "");
            prop_assert_eq!(row.len(), 1 + value.len().div_ceil(2));
            prop_assert_eq!(decode(&row, ""), value);
        }
    }
}
