//! Texts from outside: what may stand in them, and what an e-mail address is.

use schakel_core::limits;

/// Takes control and direction characters out of `text` and blanks off its ends; also tells whether there were
/// such characters. Line ends and tabs become a blank, so that words stay apart.
pub(super) fn clean(text: &str) -> (String, bool) {
    let trimmed = text.trim();
    if !trimmed.chars().any(is_unwanted) {
        return (trimmed.to_owned(), false);
    }
    let mut kept = String::with_capacity(trimmed.len());
    for character in trimmed.chars() {
        if matches!(character, '\n' | '\r' | '\t') {
            if !kept.ends_with(' ') {
                kept.push(' ');
            }
        } else if !is_unwanted(character) {
            kept.push(character);
        }
    }
    (kept.trim().to_owned(), true)
}

/// Takes characters out of a cleaned address that nobody sees there and no mail server takes; in names some of them have a
/// meaning. Also tells whether there were any.
pub(super) fn clean_address(text: String) -> (String, bool) {
    if text.is_ascii() || !text.contains(is_unseen) {
        return (text, false);
    }
    (text.replace(is_unseen, ""), true)
}

/// Soft hyphens, and joiners and separators without a width.
fn is_unseen(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}')
}

/// Control characters, and those that turn the direction of writing and so hide what stands there.
fn is_unwanted(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// Tells whether a cleaned text can be an e-mail address: one `@`, a local part of at most 64 bytes, a domain,
/// no blank, at most [`limits::EMAIL_CHARS`] characters. More is not asked: only a mail server knows.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let has_parts = !local.is_empty() && local.len() <= 64 && !domain.is_empty();
    let is_domain = !domain.contains('@') && domain.split('.').all(|label| !label.is_empty());
    let has_blank = text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';'));
    has_parts && is_domain && !has_blank && text.chars().count() <= limits::EMAIL_CHARS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_that_are_not_seen_are_taken_out() {
        let cases = [
            ("  Jan  ", "Jan", false),
            ("Jan\r\nJansen\t", "Jan Jansen", true),
            ("Jan\u{0}sen", "Jansen", true),
            ("\u{202e}nesnaJ", "nesnaJ", true),
            ("\u{200e} Jan\u{85}", "Jan", true),
            ("Zoë 🚲", "Zoë 🚲", false),
            ("\u{7f}", "", true),
        ];
        for (text, expected, is_changed) in cases {
            assert_eq!(clean(text), (expected.to_owned(), is_changed), "{text:?}");
        }
    }

    #[test]
    fn nothing_unseen_stands_in_an_address() {
        let (address, is_changed) = clean_address("a\u{200b}\u{ad}@b\u{2060}.example".to_owned());
        assert_eq!((address.as_str(), is_changed), ("a@b.example", true));
        assert_eq!(
            clean_address("zo\u{eb}@b".to_owned()),
            ("zo\u{eb}@b".to_owned(), false)
        );
    }

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in [
            "a@b",
            "jan.voorbeeld+shop@example.org",
            "zoë@voorbeeld.example",
            "x@[192.0.2.1]",
        ] {
            assert!(is_email(good), "{good}");
        }
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long = format!("a@{}.example", "b".repeat(290));
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@example.org",
            "a@example..org",
            "a@.org",
            "a@org.",
            "none",
            "Jan <a@example.org>",
            "a@example.org,b@example.org",
            &long_local,
            &long,
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(text in any::<String>()) {
            let (once, _) = clean(&text);
            let (twice, is_changed) = clean(&once);
            prop_assert_eq!((twice, is_changed), (once, false));
        }
    }
}
