//! The size of files, work left open, and words that do not belong here.

use super::Finding;
use crate::workspace::TextFile;

/// The most lines of a Rust file, tests included; longer ones hold two subjects, or tests that want their own file.
const LINES_MAX: usize = 600;

/// Marks of work left open, in code: an issue is the place for them. Each is in two halves, so that this file passes.
const LEFT_OPEN: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[", "ignore"),
];

/// A word that must not be used, and what to write instead.
struct Unwanted {
    word: &'static str,
    instead: &'static str,
}

/// Words that must not stand in any text of ours, in lower case and in two halves each.
const UNWANTED: [Unwanted; 12] = [
    Unwanted {
        word: concat!("normal", "ize"),
        instead: "British spelling: normalise",
    },
    Unwanted {
        word: concat!("exactly", " once"),
        instead: "nobody can promise it: at least once, with the effect of once",
    },
    Unwanted {
        word: concat!("exactly", "-once"),
        instead: "nobody can promise it: at least once, with the effect of once",
    },
    Unwanted {
        word: concat!("/wo", "rk/"),
        instead: OWN_MACHINE,
    },
    Unwanted {
        word: concat!("/fa", "rm/"),
        instead: OWN_MACHINE,
    },
    Unwanted {
        word: concat!("static.", "crates.io"),
        instead: NO_HOST,
    },
    Unwanted {
        word: concat!("index.", "crates.io"),
        instead: NO_HOST,
    },
    Unwanted {
        word: concat!("registry.", "npmjs.org"),
        instead: NO_HOST,
    },
    Unwanted {
        word: concat!("py", "pi.org"),
        instead: NO_HOST,
    },
    Unwanted {
        word: concat!("sub", "agent"),
        instead: ABOUT_ITSELF,
    },
    Unwanted {
        word: concat!("ai", " agent"),
        instead: ABOUT_ITSELF,
    },
    Unwanted {
        word: concat!("language", " model"),
        instead: ABOUT_ITSELF,
    },
];

const OWN_MACHINE: &str = "a path of one machine: write it from the project's root";
const NO_HOST: &str = "cargo knows its registry; the project needs no host by name";
const ABOUT_ITSELF: &str = "the project speaks of itself alone";

/// Checks the texts of all files.
pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        check_size(file, &mut findings);
        for (index, line) in file.text.lines().enumerate() {
            if is_code(file)
                && let Some(mark) = LEFT_OPEN.iter().find(|mark| has_mark(line, mark))
            {
                findings.push(Finding::at(
                    file,
                    index + 1,
                    format!("`{mark}`: finish it, or make an issue of it"),
                ));
            }
            let lower = line.to_lowercase();
            for unwanted in UNWANTED.iter().filter(|unwanted| has_word(&lower, unwanted.word)) {
                let message = format!("`{}`: {}", unwanted.word, unwanted.instead);
                findings.push(Finding::at(file, index + 1, message));
            }
        }
    }
    findings
}

fn check_size(file: &TextFile, findings: &mut Vec<Finding>) {
    let lines = file.text.lines().count();
    if file.is_rust() && lines > LINES_MAX {
        findings.push(Finding::at(
            file,
            0,
            format!("{lines} lines, at most {LINES_MAX} are allowed"),
        ));
    }
}

fn is_code(file: &TextFile) -> bool {
    !file.path.ends_with(".md") && !file.path.ends_with(".txt")
}

/// Returns whether `mark` stands in `line` as a whole word.
fn has_mark(line: &str, mark: &str) -> bool {
    starts(line, mark).any(|at| !is_inside(mark.chars().next_back(), line[at + mark.len()..].chars().next()))
}

/// Returns whether a word in `line` starts with `start`, so that other forms of the word are found too.
fn has_word(line: &str, start: &str) -> bool {
    starts(line, start).next().is_some()
}

/// Returns where `text` stands in `line` and is not the rest of a longer word.
fn starts<'a>(line: &'a str, text: &'a str) -> impl Iterator<Item = usize> {
    let places = line.match_indices(text).map(|(at, _)| at);
    places.filter(move |&at| !is_inside(line[..at].chars().next_back(), text.chars().next()))
}

/// Returns whether no word ends between these two characters.
fn is_inside(before: Option<char>, after: Option<char>) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    is_letter(before) && is_letter(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{file, lines};

    #[test]
    fn finds_a_file_that_is_too_long() {
        let at_most = "//\n".repeat(LINES_MAX);
        assert!(check(&[file("crates/core/src/lib.rs", &at_most)]).is_empty());
        let found = lines(&check(&[file(
            "crates/core/src/lib.rs",
            &format!("{at_most}//\n"),
        )]));
        assert_eq!(
            found,
            ["crates/core/src/lib.rs: 601 lines, at most 600 are allowed"]
        );
        assert!(check(&[file("docs/long.md", &format!("{at_most}//\n"))]).is_empty());
    }

    #[test]
    fn finds_every_mark_of_open_work() {
        for mark in LEFT_OPEN {
            let found = check(&[file(
                "crates/core/src/lib.rs",
                &format!("fn f() {{\n    {mark}(x)]\n}}"),
            )]);
            assert!(found.iter().any(|finding| finding.line == 2), "{mark}");
        }
    }

    #[test]
    fn leaves_longer_words_alone() {
        let innocent = format!(
            "let {}_list = Maestro::{}S;",
            concat!("to", "do"),
            concat!("TO", "DO")
        );
        assert!(check(&[file("a.rs", &innocent)]).is_empty());
        assert!(check(&[file("a.md", &format!("an email{}", concat!("ai", " agent")))]).is_empty());
    }

    #[test]
    fn finds_every_unwanted_word_in_any_case() {
        for unwanted in &UNWANTED {
            let found = lines(&check(&[file(
                "docs/a.md",
                &format!("x\nsee {} y", unwanted.word.to_uppercase()),
            )]));
            assert_eq!(
                found,
                [format!("docs/a.md:2: `{}`: {}", unwanted.word, unwanted.instead)]
            );
        }
        let verb = format!("fn {}d_email()", concat!("normal", "ize"));
        assert_eq!(check(&[file("a.rs", &verb)]).len(), 1);
    }
}
