//! Query strings and form bodies the way PHP reads them.

use percent_encoding::percent_decode;

/// A value of a form body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Nested {
    /// A text.
    Text(String),
    /// The members of an array, in the order of the body; a name may stand there twice.
    Members(Vec<(String, Nested)>),
}

/// Splits a query string or a form body into decoded pairs; both `+` and `%20` are a space.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((unescape(name, true), unescape(value, true)));
    }
    pairs
}

/// Decodes one percent-encoded text.
pub(crate) fn unescape(text: &str, is_plus_a_space: bool) -> String {
    let text = if is_plus_a_space && text.contains('+') {
        text.replace('+', " ")
    } else {
        text.to_owned()
    };
    if !text.contains('%') {
        return text;
    }
    percent_decode(text.as_bytes()).decode_utf8_lossy().into_owned()
}

/// Builds the tree of a form body: `fields[email]=a@example.org`, `profiles[]=1`.
pub(crate) fn nest(pairs: Vec<(String, String)>) -> Vec<(String, Nested)> {
    let mut root = Vec::new();
    for (name, value) in pairs {
        let (head, rest) = name.split_once('[').unwrap_or((name.as_str(), ""));
        let mut keys = vec![head];
        keys.extend(
            rest.trim_end_matches(']')
                .split("][")
                .filter(|_| name.contains('[')),
        );
        put_at(&mut root, &keys, value);
    }
    root
}

fn put_at(members: &mut Vec<(String, Nested)>, keys: &[&str], value: String) {
    let Some((first, rest)) = keys.split_first() else {
        return;
    };
    // PHP numbers an empty key.
    let key = if first.is_empty() {
        members.len().to_string()
    } else {
        (*first).to_owned()
    };
    if rest.is_empty() {
        members.push((key, Nested::Text(value)));
        return;
    }
    let place = members
        .iter()
        .position(|(name, _)| *name == key)
        .unwrap_or_else(|| {
            members.push((key, Nested::Members(Vec::new())));
            members.len() - 1
        });
    if let Nested::Members(inner) = &mut members[place].1 {
        put_at(inner, rest, value);
    }
}
