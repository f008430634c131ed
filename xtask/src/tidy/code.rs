//! A reader of Rust that knows just enough: words and strings with their lines, without comments and tests.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// One character of punctuation, or `::`.
    Sign,
    /// The content of a string, without its quotes.
    Text,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Its text.
    pub(super) text: String,
    /// Its line, counted from 1.
    pub(super) line: usize,
}

impl Token {
    /// Returns whether it is this word or sign, not a string of that content.
    pub(super) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }
}

/// A path such as `crate::plan::Preset`, in a `use` or anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// Its names; a glob is `*`.
    pub(super) segments: Vec<String>,
    /// Its line, counted from 1.
    pub(super) line: usize,
    /// Whether a `use` item names it.
    pub(super) is_import: bool,
}

impl Path {
    /// Returns the path from the crate's root, for code in `module`, or `None` when it starts outside this crate.
    pub(super) fn within<'a>(&'a self, module: &[&'a str]) -> Option<Vec<&'a str>> {
        let mut segments = self.segments.iter().map(String::as_str).peekable();
        let mut result = match segments.next()? {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            _ => return None,
        };
        while segments.next_if_eq(&"super").is_some() {
            result.pop()?;
        }
        result.extend(segments);
        Some(result)
    }
}

/// Returns the tokens of `source`.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let characters = source.chars().collect();
    let mut lexer = Lexer {
        characters,
        at: 0,
        line: 1,
        tokens: Vec::new(),
    };
    while let Some(character) = lexer.peek(0) {
        lexer.step(character);
    }
    lexer.tokens
}

/// Returns the tokens without the items under `#[cfg(test)]`.
pub(super) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut result = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let here = &tokens[at..];
        if here.len() >= MARK.len() && here.iter().zip(MARK).all(|(token, mark)| token.is(mark)) {
            at += MARK.len() + item_length(&here[MARK.len()..]);
        } else {
            result.push(tokens[at].clone());
            at += 1;
        }
    }
    result
}

/// Returns how many tokens an item has: up to its `;`, or to the end of its block.
fn item_length(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 && (token.is("}") || token.is(";")) {
            return index + 1;
        }
    }
    tokens.len()
}

/// Returns all paths with at least two names, and all that a `use` names.
pub(super) fn paths(tokens: &[Token]) -> Vec<Path> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].is("use") && tokens[at].kind == Kind::Word {
            at += 1;
            read_tree(tokens, &mut at, &[], &mut paths);
        } else {
            read_inline(tokens, &mut at, &mut paths);
        }
    }
    paths
}

/// Reads one branch of a `use` tree, such as `a::{b, c::*}`, and leaves `at` on the sign after it.
fn read_tree(tokens: &[Token], at: &mut usize, prefix: &[String], paths: &mut Vec<Path>) {
    let mut segments = prefix.to_vec();
    let line = tokens.get(*at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(*at) {
        if token.is("{") {
            *at += 1;
            while tokens.get(*at).is_some_and(|token| !token.is("}")) {
                read_tree(tokens, at, &segments, paths);
                *at += usize::from(tokens.get(*at).is_some_and(|token| token.is(",")));
            }
            *at += 1;
            return;
        }
        if token.is("as") {
            *at += 2;
            break;
        }
        if [",", "}", ";"].iter().any(|end| token.is(end)) {
            break;
        }
        if !token.is("::") {
            segments.push(token.text.clone());
        }
        *at += 1;
    }
    if segments.len() > prefix.len() {
        paths.push(Path {
            segments,
            line,
            is_import: true,
        });
    } else {
        // Nothing was read: step on, or a malformed file would hold us here.
        *at += 1;
    }
}

fn read_inline(tokens: &[Token], at: &mut usize, paths: &mut Vec<Path>) {
    let first = &tokens[*at];
    *at += 1;
    if first.kind != Kind::Word {
        return;
    }
    let mut segments = vec![first.text.clone()];
    while let [sign, name, ..] = &tokens[*at..]
        && sign.is("::")
        && name.kind == Kind::Word
    {
        segments.push(name.text.clone());
        *at += 2;
    }
    if segments.len() > 1 {
        paths.push(Path {
            segments,
            line: first.line,
            is_import: false,
        });
    }
}

/// The state of reading one file.
struct Lexer {
    characters: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(character == '\n');
        Some(character)
    }

    fn push(&mut self, kind: Kind, text: String, line: usize) {
        self.tokens.push(Token { kind, text, line });
    }

    fn step(&mut self, character: char) {
        let line = self.line;
        match (character, self.peek(1)) {
            ('/', Some('/')) => while self.peek(0).is_some_and(|c| c != '\n') && self.advance().is_some() {},
            ('/', Some('*')) => self.skip_block_comment(),
            ('"', _) => self.read_string(),
            ('\'', _) => self.skip_quote(),
            (':', Some(':')) => {
                self.at += 2;
                self.push(Kind::Sign, "::".to_owned(), line);
            }
            _ if character.is_alphanumeric() || character == '_' => self.read_word(),
            _ => {
                self.advance();
                if !character.is_whitespace() {
                    self.push(Kind::Sign, character.to_string(), line);
                }
            }
        }
    }

    fn read_word(&mut self) {
        let (start, line) = (self.at, self.line);
        while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.at += 1;
        }
        let word: String = self.characters[start..self.at].iter().collect();
        let hashes = self.characters[self.at..]
            .iter()
            .take_while(|&&c| c == '#')
            .count();
        if ["r", "br", "cr"].contains(&word.as_str()) && self.peek(hashes) == Some('"') {
            self.at += hashes;
            self.read_raw_string(hashes);
        } else if !(["b", "c"].contains(&word.as_str()) && self.peek(0) == Some('"')) {
            self.push(Kind::Word, word, line);
        }
    }

    fn read_string(&mut self) {
        let line = self.line;
        let mut text = String::new();
        self.advance();
        while let Some(character) = self.advance() {
            match character {
                '"' => break,
                '\\' => text.extend(self.advance()),
                _ => text.push(character),
            }
        }
        self.push(Kind::Text, text, line);
    }

    fn read_raw_string(&mut self, hashes: usize) {
        let line = self.line;
        let mut text = String::new();
        self.advance();
        while let Some(character) = self.advance() {
            if character == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
            text.push(character);
        }
        self.push(Kind::Text, text, line);
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(character) = self.advance() {
            match (character, self.peek(0)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => continue,
            }
            self.advance();
            if depth == 0 {
                return;
            }
        }
    }

    /// Skips a character literal, or the quote of a lifetime.
    fn skip_quote(&mut self) {
        self.advance();
        if self.peek(0) == Some('\\') {
            self.advance();
            self.advance();
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.advance();
            }
            self.advance();
        } else if self.peek(1) == Some('\'') {
            self.advance();
            self.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(source: &str) -> Vec<String> {
        paths(&tokens(source))
            .into_iter()
            .map(|path| path.segments.join("::"))
            .collect()
    }

    #[test]
    fn expands_use_trees() {
        let source = "use a::b;\npub use c::{d, e::{f, self}, g as h};\nuse k::*;";
        assert_eq!(
            imported(source),
            ["a::b", "c::d", "c::e::f", "c::e::self", "c::g", "k::*"]
        );
    }

    #[test]
    fn finds_paths_outside_use() {
        let source = "fn f(x: crate::plan::Row<'_>) -> u8 { super::g::<u8>('a'); h('\\'') }";
        assert_eq!(imported(source), ["crate::plan::Row", "super::g"]);
    }

    #[test]
    fn leaves_out_comments_and_keeps_strings_apart() {
        let source = "// use a::b;\n/* use /* c */ d::e */ let s = \"use f::g\"; r#\"x \" y\"#";
        assert!(imported(source).is_empty());
        let texts: Vec<Token> = tokens(source)
            .into_iter()
            .filter(|token| token.kind == Kind::Text)
            .collect();
        assert_eq!(texts[0].text, "use f::g");
        assert_eq!((texts[1].text.as_str(), texts[1].line), ("x \" y", 2));
    }

    #[test]
    fn leaves_out_tests_but_reads_on_after_them() {
        let source =
            "use a::b; #[cfg(test)] mod tests { use c::d; fn f() { e::f() } } #[cfg(test)] mod t; use g::h;";
        let kept = without_tests(&tokens(source));
        let found: Vec<String> = paths(&kept)
            .into_iter()
            .map(|path| path.segments.join("::"))
            .collect();
        assert_eq!(found, ["a::b", "g::h"]);
    }

    #[test]
    fn resolves_paths_from_their_module() {
        let resolve = |path: &str, module: &[&str]| {
            let segments = path.split("::").map(ToOwned::to_owned).collect();
            let path = Path {
                segments,
                line: 1,
                is_import: true,
            };
            path.within(module).map(|found| found.join("::"))
        };
        assert_eq!(
            resolve("super::wire::Order", &["shop", "mapping"]).unwrap(),
            "shop::wire::Order"
        );
        assert_eq!(
            resolve("super::super::util::x", &["shop", "mapping"]).unwrap(),
            "util::x"
        );
        assert_eq!(resolve("crate::a::B", &["shop"]).unwrap(), "a::B");
        assert_eq!(resolve("self::a", &["shop"]).unwrap(), "shop::a");
        assert_eq!(resolve("serde::Deserialize", &["shop"]), None);
        assert_eq!(resolve("super::x", &[]), None);
    }
}
