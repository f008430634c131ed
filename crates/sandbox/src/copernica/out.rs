//! Writes JSON answers by hand, in the key order seen on the wire.

/// A JSON text under construction; commas are set by the writer.
#[derive(Debug, Default)]
pub(crate) struct Out(Vec<u8>);

impl Out {
    /// Starts a text of about `size` bytes.
    pub(crate) fn sized(size: usize) -> Self {
        Self(Vec::with_capacity(size))
    }

    /// Ends the text.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn comma(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(b',');
        }
    }

    /// Opens an object or array: `{` or `[`.
    pub(crate) fn open(&mut self, bracket: u8) -> &mut Self {
        self.comma();
        self.0.push(bracket);
        self
    }

    /// Closes an object or array: `}` or `]`.
    pub(crate) fn close(&mut self, bracket: u8) -> &mut Self {
        self.0.push(bracket);
        self
    }

    /// Writes a member name.
    pub(crate) fn key(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self.0.push(b':');
        self
    }

    /// Writes a member name that is already quoted and followed by a colon.
    pub(crate) fn quoted_key(&mut self, name: &[u8]) -> &mut Self {
        self.comma();
        self.0.extend_from_slice(name);
        self
    }

    /// Writes a text value.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.comma();
        self.0.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.0.extend_from_slice(&[b'\\', byte]),
                b'\n' => self.0.extend_from_slice(b"\\n"),
                b'\r' => self.0.extend_from_slice(b"\\r"),
                b'\t' => self.0.extend_from_slice(b"\\t"),
                0..0x20 => self.0.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.0.push(byte),
            }
        }
        self.0.push(b'"');
        self
    }

    /// Writes a number.
    pub(crate) fn number(&mut self, number: i64) -> &mut Self {
        self.comma();
        self.0.extend_from_slice(number.to_string().as_bytes());
        self
    }

    /// Writes a number as a text, the way ids are given.
    pub(crate) fn digits(&mut self, number: u64) -> &mut Self {
        self.comma();
        self.0.extend_from_slice(format!("\"{number}\"").as_bytes());
        self
    }

    /// Writes `true` or `false`.
    pub(crate) fn truth(&mut self, truth: bool) -> &mut Self {
        self.comma();
        self.0.extend_from_slice(if truth { b"true" } else { b"false" });
        self
    }

    /// Writes a list wrapper around `items` (copernica.md §2.1), for lists that are always whole.
    pub(crate) fn whole_list<T>(&mut self, limit: i64, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        let shown = items.len().min(usize::try_from(limit).unwrap_or(0));
        self.open(b'{').key("start").number(0).key("limit").number(limit);
        self.key("count").number(shown as i64).key("data").open(b'[');
        for item in &items[..shown] {
            write(self, item);
        }
        self.close(b']')
            .key("total")
            .number(items.len() as i64)
            .close(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_sets_commas() {
        let mut out = Out::default();
        out.open(b'{')
            .key("a")
            .text("\"\\\n\u{1}ü")
            .key("b")
            .open(b'[')
            .digits(1)
            .truth(false)
            .number(-2);
        out.close(b']').close(b'}');
        let text = out.finish();
        let value: serde_json::Value = serde_json::from_slice(&text).expect("this is JSON");
        assert_eq!(
            value,
            serde_json::json!({"a": "\"\\\n\u{1}ü", "b": ["1", false, -2]})
        );
    }
}
