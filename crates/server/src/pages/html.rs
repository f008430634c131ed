//! HTML that is safe by its type: text goes in escaped, and there is no other way in for text.

use std::fmt::{Display, Write};

/// A piece of a page that is already HTML.
#[derive(Debug, Clone, Default)]
pub(super) struct Html(String);

impl Html {
    /// Takes markup that stands in our source.
    pub(super) fn markup(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// Makes an element around escaped text.
    pub(super) fn text(tag: &'static str, text: impl Display) -> Self {
        Self::default().element(tag, &[], |inner| inner.say(text))
    }

    /// Adds text, escaped.
    pub(super) fn say(mut self, text: impl Display) -> Self {
        // Writing to a string does not fail.
        let _ = write!(Escaping(&mut self.0), "{text}");
        self
    }

    /// Adds another piece.
    pub(super) fn add(mut self, piece: &Self) -> Self {
        self.0.push_str(&piece.0);
        self
    }

    /// Adds an element with attributes, whose values are escaped, and what `fill` puts into it.
    pub(super) fn element(
        mut self,
        tag: &'static str,
        attributes: &[(&'static str, &str)],
        fill: impl FnOnce(Self) -> Self,
    ) -> Self {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            let _ = Escaping(&mut self.0).write_str(value);
            self.0.push('"');
        }
        self.0.push('>');
        let mut filled = fill(self);
        filled.0.push_str("</");
        filled.0.push_str(tag);
        filled.0.push('>');
        filled
    }

    /// Gives the HTML.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Escapes what is written through it, for text and for attributes in double quotes.
struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let page = Html::default().element("a", &[("title", "\"><script>1</script>")], |a| {
            a.say("<script>x & 'y'</script>")
        });
        assert_eq!(
            page.into_string(),
            "<a title=\"&quot;&gt;&lt;script&gt;1&lt;/script&gt;\">&lt;script&gt;x &amp; &#39;y&#39;&lt;/script&gt;</a>"
        );
    }
}
