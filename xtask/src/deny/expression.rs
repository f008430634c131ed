//! Licence expressions (SPDX 2.3, annex D): `A`, `A WITH E`, `x AND y`, `x OR y`, brackets; also the old `A/B` for OR.

use anyhow::{Result, bail};

/// Returns whether the licence in `text` can be met with the `allowed` ones alone.
///
/// # Errors
///
/// `text` is not a licence expression.
pub(super) fn is_allowed(text: &str, allowed: &[String]) -> Result<bool> {
    let spaced = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut parser = Parser {
        words: spaced.split_whitespace().collect(),
        at: 0,
        allowed,
    };
    let result = parser.alternatives()?;
    if let Some(word) = parser.peek() {
        bail!("unexpected `{word}`");
    }
    Ok(result)
}

/// A reader of one expression; each method returns whether its part can be met.
struct Parser<'a> {
    words: Vec<&'a str>,
    at: usize,
    allowed: &'a [String],
}

impl<'a> Parser<'a> {
    fn alternatives(&mut self) -> Result<bool> {
        let mut result = self.conjunction()?;
        while self.take("OR") {
            // Both sides are read whatever the left one gave, or the place in the text would be lost.
            result |= self.conjunction()?;
        }
        Ok(result)
    }

    fn conjunction(&mut self) -> Result<bool> {
        let mut result = self.single()?;
        while self.take("AND") {
            result &= self.single()?;
        }
        Ok(result)
    }

    fn single(&mut self) -> Result<bool> {
        if self.take("(") {
            let result = self.alternatives()?;
            if !self.take(")") {
                bail!("a bracket is not closed");
            }
            return Ok(result);
        }
        let licence = self.name()?;
        if !self.take("WITH") {
            return Ok(self.is_listed(licence));
        }
        let exception = self.name()?;
        // An exception only adds permissions, so the plain licence in the list is enough.
        Ok(self.is_listed(licence) || self.is_listed(&format!("{licence} WITH {exception}")))
    }

    fn is_listed(&self, licence: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == licence)
    }

    fn name(&mut self) -> Result<&'a str> {
        match self.peek() {
            Some(word) if !["AND", "OR", "WITH", "(", ")"].contains(&word) => {
                self.at += 1;
                Ok(word)
            }
            Some(word) => bail!("`{word}` stands where a licence should"),
            None => bail!("it ends too early"),
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        self.at += usize::from(is_next);
        is_next
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }
}
