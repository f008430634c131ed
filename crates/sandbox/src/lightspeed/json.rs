//! Writes JSON the way the platform's PHP does, straight into a byte buffer.
//!
//! `/` is written `\/`, everything outside ASCII `\uXXXX`, whole amounts as integers
//! (lightspeed-ecom.md §3.2). No tree is built: an order with its relations is some 12 KB and is
//! made hundreds of times per second.

use serde_json::Value;

use super::wall::Wall;

/// A record being written.
pub(crate) struct Out<'a> {
    /// The bytes so far.
    pub(crate) buf: Vec<u8>,
    /// Scheme, host and language of every link, already escaped, with a closing slash.
    link_base: &'a [u8],
    wall: &'a Wall,
}

impl<'a> Out<'a> {
    /// Starts with an empty buffer of `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize, link_base: &'a [u8], wall: &'a Wall) -> Self {
        Self {
            buf: Vec::with_capacity(capacity),
            link_base,
            wall,
        }
    }

    /// Opens an object, as a value or as a list element.
    pub(crate) fn open(&mut self) {
        self.comma();
        self.buf.push(b'{');
    }

    /// Closes an object.
    pub(crate) fn close(&mut self) {
        self.buf.push(b'}');
    }

    /// Opens a list under `key`.
    pub(crate) fn open_list(&mut self, key: &str) {
        self.key(key);
        self.buf.push(b'[');
    }

    /// Closes a list.
    pub(crate) fn close_list(&mut self) {
        self.buf.push(b']');
    }

    /// Writes `"key":`, with a comma before it where one is due. Keys need no escaping.
    pub(crate) fn key(&mut self, key: &str) {
        self.comma();
        self.buf.push(b'"');
        self.buf.extend_from_slice(key.as_bytes());
        self.buf.extend_from_slice(b"\":");
    }

    /// Opens an object under `key`.
    pub(crate) fn open_at(&mut self, key: &str) {
        self.key(key);
        self.buf.push(b'{');
    }

    /// Writes a value that already is JSON.
    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.buf.extend_from_slice(json.as_bytes());
    }

    /// Writes a text.
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.quoted(text);
    }

    /// Writes a text, or `false` when it is empty.
    pub(crate) fn text_or_false(&mut self, key: &str, text: &str) {
        if text.is_empty() {
            self.raw(key, "false");
        } else {
            self.text(key, text);
        }
    }

    /// Writes a whole number.
    pub(crate) fn int(&mut self, key: &str, n: u64) {
        self.key(key);
        push_u64(&mut self.buf, n);
    }

    /// Writes `true` or `false`.
    pub(crate) fn bool(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// Writes any JSON value, with PHP's escapes.
    pub(crate) fn value(&mut self, key: &str, value: &Value) {
        self.key(key);
        push_value(&mut self.buf, value);
    }

    /// Writes an instant, given in seconds since 1970 (UTC).
    pub(crate) fn time(&mut self, key: &str, utc_s: i64) {
        self.key(key);
        self.buf.push(b'"');
        self.wall.write(&mut self.buf, utc_s);
        self.buf.push(b'"');
    }

    /// Writes an amount given in ten-thousandths, without needless decimals.
    pub(crate) fn amount(&mut self, key: &str, e4: i64) {
        self.key(key);
        push_amount(&mut self.buf, e4);
    }

    /// Writes a link to one record (lightspeed-ecom.md §3.3).
    pub(crate) fn link_one(&mut self, key: &str, path: &str, id: u64) {
        self.open_link_one(key, path, id);
        self.close_link();
    }

    /// Begins a link to one record; the caller may add `embedded`, then [`Self::close_link`].
    pub(crate) fn open_link_one(&mut self, key: &str, path: &str, id: u64) {
        self.key(key);
        self.buf.extend_from_slice(b"{\"resource\":{\"id\":");
        push_u64(&mut self.buf, id);
        self.buf.extend_from_slice(b",\"url\":\"");
        self.path_and_id(path, id);
        self.buf.extend_from_slice(b"\",\"link\":\"");
        self.buf.extend_from_slice(self.link_base);
        self.path_and_id(path, id);
        self.buf.extend_from_slice(b".json\"");
    }

    /// Writes a link to a filtered list, such as `orders?customer=42`.
    pub(crate) fn link_filter(&mut self, key: &str, path: &str, filter: &str, id: u64) {
        self.open_link_filter(key, path, filter, id);
        self.close_link();
    }

    /// Begins a link to a filtered list.
    pub(crate) fn open_link_filter(&mut self, key: &str, path: &str, filter: &str, id: u64) {
        self.open_link_many(key);
        self.path(path);
        self.filter(filter, id);
        self.buf.extend_from_slice(b"\",\"link\":\"");
        self.buf.extend_from_slice(self.link_base);
        self.path(path);
        self.buf.extend_from_slice(b".json");
        self.filter(filter, id);
        self.buf.push(b'"');
    }

    /// Writes a link to a list below a record, such as `orders/42/products`.
    pub(crate) fn link_sub(&mut self, key: &str, path: &str, id: u64, sub: &str) {
        self.open_link_sub(key, path, id, sub);
        self.close_link();
    }

    /// Begins a link to a list below a record.
    pub(crate) fn open_link_sub(&mut self, key: &str, path: &str, id: u64, sub: &str) {
        self.open_link_many(key);
        self.path_and_id(path, id);
        self.buf.extend_from_slice(b"\\/");
        self.path(sub);
        self.buf.extend_from_slice(b"\",\"link\":\"");
        self.buf.extend_from_slice(self.link_base);
        self.path_and_id(path, id);
        self.buf.extend_from_slice(b"\\/");
        self.path(sub);
        self.buf.extend_from_slice(b".json\"");
    }

    /// Writes a link to a fixed path, such as `shop/company`.
    pub(crate) fn link_path(&mut self, key: &str, path: &str) {
        self.open_link_many(key);
        self.path(path);
        self.buf.extend_from_slice(b"\",\"link\":\"");
        self.buf.extend_from_slice(self.link_base);
        self.path(path);
        self.buf.extend_from_slice(b".json\"");
        self.close_link();
    }

    /// Ends a link.
    pub(crate) fn close_link(&mut self) {
        self.buf.extend_from_slice(b"}}");
    }

    fn open_link_many(&mut self, key: &str) {
        self.key(key);
        self.buf
            .extend_from_slice(b"{\"resource\":{\"id\":false,\"url\":\"");
    }

    fn path_and_id(&mut self, path: &str, id: u64) {
        self.path(path);
        self.buf.extend_from_slice(b"\\/");
        push_u64(&mut self.buf, id);
    }

    fn filter(&mut self, filter: &str, id: u64) {
        self.buf.push(b'?');
        self.buf.extend_from_slice(filter.as_bytes());
        self.buf.push(b'=');
        push_u64(&mut self.buf, id);
    }

    fn path(&mut self, path: &str) {
        for byte in path.bytes() {
            if byte == b'/' {
                self.buf.push(b'\\');
            }
            self.buf.push(byte);
        }
    }

    fn quoted(&mut self, text: &str) {
        push_quoted(&mut self.buf, text);
    }

    fn comma(&mut self) {
        match self.buf.last() {
            None | Some(b'{' | b'[' | b':') => {}
            Some(_) => self.buf.push(b','),
        }
    }
}

/// Appends the digits of `n`.
pub(crate) fn push_u64(buf: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(n % 10).unwrap_or(0);
        n /= 10;
        if n == 0 {
            break;
        }
    }
    buf.extend_from_slice(&digits[at..]);
}

/// Appends an amount given in ten-thousandths: `5`, `89.95`, `74.3388`.
pub(crate) fn push_amount(buf: &mut Vec<u8>, e4: i64) {
    if e4 < 0 {
        buf.push(b'-');
    }
    let e4 = e4.unsigned_abs();
    push_u64(buf, e4 / 10_000);
    let mut rest = e4 % 10_000;
    if rest == 0 {
        return;
    }
    buf.push(b'.');
    let mut unit = 1_000;
    while rest > 0 {
        buf.push(b'0' + u8::try_from(rest / unit).unwrap_or(0));
        rest %= unit;
        unit /= 10;
    }
}

/// Appends any JSON value with PHP's escapes; members of objects come in the order of their keys.
pub(crate) fn push_value(buf: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => buf.extend_from_slice(b"null"),
        Value::Bool(flag) => buf.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Number(number) => buf.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => push_quoted(buf, text),
        Value::Array(items) => {
            buf.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    buf.push(b',');
                }
                push_value(buf, item);
            }
            buf.push(b']');
        }
        Value::Object(members) => {
            buf.push(b'{');
            for (at, (key, item)) in members.iter().enumerate() {
                if at > 0 {
                    buf.push(b',');
                }
                push_quoted(buf, key);
                buf.push(b':');
                push_value(buf, item);
            }
            buf.push(b'}');
        }
    }
}

fn push_quoted(buf: &mut Vec<u8>, text: &str) {
    buf.push(b'"');
    push_escaped(buf, text);
    buf.push(b'"');
}

/// Appends `text` with PHP's escapes, without quotes.
pub(crate) fn push_escaped(buf: &mut Vec<u8>, text: &str) {
    if text.bytes().all(is_plain) {
        buf.extend_from_slice(text.as_bytes());
        return;
    }
    for c in text.chars() {
        match c {
            '"' => buf.extend_from_slice(b"\\\""),
            '\\' => buf.extend_from_slice(b"\\\\"),
            '/' => buf.extend_from_slice(b"\\/"),
            '\n' => buf.extend_from_slice(b"\\n"),
            '\r' => buf.extend_from_slice(b"\\r"),
            '\t' => buf.extend_from_slice(b"\\t"),
            '\u{8}' => buf.extend_from_slice(b"\\b"),
            '\u{c}' => buf.extend_from_slice(b"\\f"),
            ' '..='\u{7f}' => buf.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            _ => push_utf16(buf, c),
        }
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=0x7f) && !matches!(byte, b'"' | b'\\' | b'/')
}

fn push_utf16(buf: &mut Vec<u8>, c: char) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    for unit in c.encode_utf16(&mut [0; 2]) {
        buf.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            buf.push(HEX[usize::from(*unit >> shift) & 0xf]);
        }
    }
}

/// Keeps only the members of the object in `json` whose key is wanted, in their order.
///
/// `json` must be an object written by [`Out`]: no blanks between its tokens.
pub(crate) fn keep_members(json: &[u8], is_wanted: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut kept = vec![b'{'];
    let mut start = 1;
    let (mut depth, mut in_text, mut at) = (0_usize, false, 1);
    while at < json.len() {
        let byte = json[at];
        match byte {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text && depth > 0 => depth -= 1,
            b',' | b'}' if !in_text && depth == 0 => {
                keep_member(&mut kept, &json[start..at], &is_wanted);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    kept.push(b'}');
    kept
}

fn keep_member(kept: &mut Vec<u8>, member: &[u8], is_wanted: &impl Fn(&str) -> bool) {
    let Some(rest) = member.strip_prefix(b"\"") else {
        return;
    };
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
    if std::str::from_utf8(&rest[..end]).is_ok_and(is_wanted) {
        if kept.len() > 1 {
            kept.push(b',');
        }
        kept.extend_from_slice(member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(e4: i64) -> String {
        let mut buf = Vec::new();
        push_amount(&mut buf, e4);
        String::from_utf8(buf).unwrap()
    }

    #[test]
    fn amounts_carry_no_needless_decimals() {
        assert_eq!(amount(50_000), "5");
        assert_eq!(amount(899_500), "89.95");
        assert_eq!(amount(743_388), "74.3388");
        assert_eq!(amount(-10_050), "-1.005");
        assert_eq!(amount(0), "0");
    }

    #[test]
    fn escapes_like_php() {
        let mut buf = Vec::new();
        push_escaped(&mut buf, "a/b \"Zoë\" \u{1f600}\n\u{1}");
        let expected = r#"a\/b \"Zo\u00eb\" \ud83d\ude00\n\u0001"#;
        assert_eq!(String::from_utf8(buf).unwrap(), expected);
    }

    #[test]
    fn keeps_wanted_members_only() {
        let json = br#"{"id":1,"a":{"id":2,"x":[1,{"b":"},\""}]},"email":"q,\"}","c":[]}"#;
        let kept = keep_members(json, |key| key == "id" || key == "email" || key == "c");
        assert_eq!(
            String::from_utf8(kept).unwrap(),
            r#"{"id":1,"email":"q,\"}","c":[]}"#
        );
    }
}
