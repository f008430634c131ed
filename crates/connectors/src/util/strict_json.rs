//! A judge of JSON texts from outside: stricter than the standard, without building a tree.
//!
//! A body that passes is UTF-8, has no key twice, no raw control characters, no deep nesting and no giant parts,
//! and every JSON reader understands it in one way (reliability.md §11.1, 4). The judge keeps its own stack, so
//! the depth of the text is not the depth of ours. It knows no connector; each calls it before it parses.

use schakel_core::limits;

/// Why a text was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not UTF-8, or not JSON.
    #[error("not valid JSON")]
    Syntax,
    /// An object has one key twice.
    #[error("a key stands twice in one object")]
    DuplicateKey,
    /// Nested deeper than [`limits::JSON_DEPTH`].
    #[error("nested too deeply")]
    Depth,
    /// More values than allowed.
    #[error("too many values")]
    Nodes,
    /// A string longer than [`limits::JSON_STRING_BYTES`].
    #[error("a string is too long")]
    LongString,
    /// A number longer than [`limits::JSON_NUMBER_CHARS`], or with an exponent of three digits or more.
    #[error("a number is too long")]
    LongNumber,
}

/// Judges `body` with at most [`limits::JSON_NODES`] values, and gives it as text.
///
/// # Errors
/// The first [`Fault`] found.
pub fn check(body: &[u8]) -> Result<&str, Fault> {
    check_with(body, limits::JSON_NODES)
}

/// Judges `body` with at most `nodes_max` values, and gives it as text.
///
/// # Errors
/// The first [`Fault`] found.
pub fn check_with(body: &[u8], nodes_max: usize) -> Result<&str, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::Syntax)?;
    let mut judge = Judge {
        bytes: body,
        at: 0,
        nodes_left: nodes_max,
        keys: Vec::with_capacity(KEYS_USUAL),
        stack: [Level::default(); limits::JSON_DEPTH],
        depth: 0,
    };
    judge.document()?;
    Ok(text)
}

/// Keys of nested objects that are open at one time in a usual body; more make the list grow.
const KEYS_USUAL: usize = 256;

/// One open object or array.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    is_object: bool,
    /// Where its keys start in [`Judge::keys`].
    keys_start: usize,
}

/// A key: the hash of its decoded text, and where it stands between its quotes.
#[derive(Debug, Clone, Copy)]
struct Key {
    hash: u64,
    start: u32,
    end: u32,
}

struct Judge<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes_left: usize,
    keys: Vec<Key>,
    stack: [Level; limits::JSON_DEPTH],
    depth: usize,
}

impl Judge<'_> {
    fn document(&mut self) -> Result<(), Fault> {
        self.skip_blanks();
        loop {
            // Here a value must start; afterwards levels end until one goes on.
            let is_opened = self.value()?;
            if is_opened {
                continue;
            }
            loop {
                self.skip_blanks();
                if self.depth == 0 {
                    return if self.at == self.bytes.len() {
                        Ok(())
                    } else {
                        Err(Fault::Syntax)
                    };
                }
                if self.goes_on()? {
                    break;
                }
            }
        }
    }

    /// Reads a scalar or an empty container, or opens a container that has content and stops before its first
    /// value (returns true).
    fn value(&mut self) -> Result<bool, Fault> {
        self.nodes_left = self.nodes_left.checked_sub(1).ok_or(Fault::Nodes)?;
        match self.peek() {
            b'{' => self.open(true),
            b'[' => self.open(false),
            b'"' => self.string().map(|_| false),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Fault::Syntax),
        }
    }

    fn open(&mut self, is_object: bool) -> Result<bool, Fault> {
        self.at += 1;
        self.skip_blanks();
        let end = if is_object { b'}' } else { b']' };
        if self.peek() == end {
            self.at += 1;
            // An empty one is a level too.
            return if self.depth < self.stack.len() {
                Ok(false)
            } else {
                Err(Fault::Depth)
            };
        }
        let level = self.stack.get_mut(self.depth).ok_or(Fault::Depth)?;
        *level = Level {
            is_object,
            keys_start: self.keys.len(),
        };
        self.depth += 1;
        if is_object {
            self.key()?;
        }
        Ok(true)
    }

    /// After a value: a comma (true, and the next value's key is read) or the end of the level (false).
    fn goes_on(&mut self) -> Result<bool, Fault> {
        let level = self.stack[self.depth - 1];
        match (self.peek(), level.is_object) {
            (b',', is_object) => {
                self.at += 1;
                self.skip_blanks();
                if is_object {
                    self.key()?;
                }
                Ok(true)
            }
            (b'}', true) => {
                self.close_keys(level.keys_start)?;
                self.close();
                Ok(false)
            }
            (b']', false) => {
                self.close();
                Ok(false)
            }
            _ => Err(Fault::Syntax),
        }
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Reads a key with its colon and stops before the value.
    fn key(&mut self) -> Result<(), Fault> {
        if self.peek() != b'"' {
            return Err(Fault::Syntax);
        }
        let start = self.at + 1;
        let has_escape = self.string()?;
        let end = self.at - 1;
        let hash = if has_escape {
            hash(decoded(&self.bytes[start..end]).as_bytes())
        } else {
            hash(&self.bytes[start..end])
        };
        let place = |at: usize| u32::try_from(at).map_err(|_| Fault::LongString);
        self.keys.push(Key {
            hash,
            start: place(start)?,
            end: place(end)?,
        });
        self.skip_blanks();
        if self.peek() != b':' {
            return Err(Fault::Syntax);
        }
        self.at += 1;
        self.skip_blanks();
        Ok(())
    }

    /// Looks for a key that stands twice among those of the level that ends.
    fn close_keys(&mut self, start: usize) -> Result<(), Fault> {
        let bytes = self.bytes;
        let keys = &mut self.keys[start..];
        keys.sort_unstable_by_key(|key| key.hash);
        // Equal hashes stand in one run; different keys with one hash do not occur in practice, but may by design.
        for run in keys.chunk_by(|one, other| one.hash == other.hash) {
            let mut texts: Vec<_> = match run {
                [_] => continue,
                run => run
                    .iter()
                    .map(|key| decoded(&bytes[key.start as usize..key.end as usize]))
                    .collect(),
            };
            texts.sort_unstable();
            if texts.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(Fault::DuplicateKey);
            }
        }
        self.keys.truncate(start);
        Ok(())
    }

    /// Reads a string; returns whether it has escapes.
    fn string(&mut self) -> Result<bool, Fault> {
        self.at += 1;
        let start = self.at;
        let mut has_escape = false;
        loop {
            self.skip_plain();
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escape = true;
                    self.escape()?;
                }
                _ => return Err(Fault::Syntax),
            }
        }
        let length = self.at - start;
        self.at += 1;
        if length > limits::JSON_STRING_BYTES {
            return Err(Fault::LongString);
        }
        Ok(has_escape)
    }

    /// Steps over bytes that are neither quote, backslash nor control character, eight at a time.
    fn skip_plain(&mut self) {
        while let Some(chunk) = self.bytes[self.at..].first_chunk::<8>() {
            let found = specials(u64::from_le_bytes(*chunk));
            // Of the marks the lowest is right, and 64 zeros make eight bytes.
            self.at += found.trailing_zeros() as usize / 8;
            if found != 0 {
                return;
            }
        }
        let is_plain = |byte: &&u8| **byte >= 0x20 && **byte != b'"' && **byte != b'\\';
        self.at += self.bytes[self.at..].iter().take_while(is_plain).count();
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        let kind = self.peek();
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => self.unicode(),
            _ => Err(Fault::Syntax),
        }
    }

    /// Reads the digits of `\uXXXX`; a surrogate must stand in a pair.
    fn unicode(&mut self) -> Result<(), Fault> {
        match self.hex4()? {
            0xD800..=0xDBFF => {
                let is_pair = self.bytes[self.at..].starts_with(b"\\u");
                self.at += 2;
                match is_pair.then(|| self.hex4()).ok_or(Fault::Syntax)?? {
                    0xDC00..=0xDFFF => Ok(()),
                    _ => Err(Fault::Syntax),
                }
            }
            0xDC00..=0xDFFF => Err(Fault::Syntax),
            _ => Ok(()),
        }
    }

    fn hex4(&mut self) -> Result<u32, Fault> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Fault::Syntax)?;
        self.at += 4;
        digits.iter().try_fold(0, |number, &digit| {
            let value = char::from(digit).to_digit(16).ok_or(Fault::Syntax)?;
            Ok(number * 16 + value)
        })
    }

    fn number(&mut self) -> Result<bool, Fault> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        match self.peek() {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(1)?,
            _ => return Err(Fault::Syntax),
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits(1)?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            let exponent = self.at;
            self.digits(1)?;
            if self.at - exponent > 2 {
                return Err(Fault::LongNumber);
            }
        }
        if self.at - start > limits::JSON_NUMBER_CHARS {
            return Err(Fault::LongNumber);
        }
        Ok(false)
    }

    fn digits(&mut self, at_least: usize) -> Result<(), Fault> {
        let count = self.bytes[self.at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        if count < at_least {
            return Err(Fault::Syntax);
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<bool, Fault> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(Fault::Syntax);
        }
        self.at += word.len();
        Ok(false)
    }

    /// The byte here; 0 at the end, which is no part of any token.
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }
}

/// Marks quotes, backslashes and bytes below 0x20 among eight bytes, each by its highest bit; marks above the
/// lowest one may be wrong.
const fn specials(chunk: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quote = chunk ^ (ONES * b'"' as u64);
    let backslash = chunk ^ (ONES * b'\\' as u64);
    let zeros = (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash);
    let controls = chunk.wrapping_sub(ONES * 0x20) & !chunk;
    (zeros | controls) & HIGHS
}

/// Multiplies and folds, eight bytes at a time: keys are short, and equal hashes are compared in full anyway.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |hash: u64, part: u64| (hash ^ part).wrapping_mul(FACTOR).rotate_left(29);
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let hash = chunks.iter().fold(bytes.len() as u64, |hash, chunk| {
        step(hash, u64::from_le_bytes(*chunk))
    });
    step(hash, u64::from_le_bytes(last))
}

/// Gives the text between the quotes of a string that passed [`Judge::string`].
fn decoded(raw: &[u8]) -> String {
    let quoted = format!("\"{}\"", String::from_utf8_lossy(raw));
    serde_json::from_str(&quoted).unwrap_or(quoted)
}

#[cfg(test)]
mod tests;
