//! Every error code has a page in `docs/errors`, and every page a code.

use std::collections::BTreeMap;

use super::Finding;
use crate::workspace::TextFile;

/// How codes start; four digits follow.
const PREFIX: &str = "SCH-";

/// Where the pages are.
const PAGES: &str = "docs/errors/";

/// Checks the codes in the crates against the pages.
pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut first_uses: BTreeMap<&str, (&TextFile, usize)> = BTreeMap::new();
    let sources = files
        .iter()
        .filter(|file| file.crate_folder().is_some_and(|folder| folder != "testkit"));
    for file in sources.filter(|file| file.is_rust() || file.path.ends_with(".toml")) {
        for (index, line) in file.text.lines().enumerate() {
            for code in codes(line) {
                first_uses.entry(code).or_insert((file, index + 1));
            }
        }
    }
    let pages: BTreeMap<&str, &TextFile> = files
        .iter()
        .filter_map(|file| Some((page_code(file)?, file)))
        .collect();
    let without_page = first_uses.iter().filter(|(code, _)| !pages.contains_key(*code));
    let without_code = pages.iter().filter(|(code, _)| !first_uses.contains_key(*code));
    let mut findings: Vec<Finding> = without_page
        .map(|(code, (file, line))| Finding::at(file, *line, format!("{code} has no page {PAGES}{code}.md")))
        .collect();
    findings.extend(without_code.map(|(code, file)| Finding::at(file, 0, format!("no code uses {code}"))));
    findings
}

/// Returns the code that a file is the page of.
fn page_code(file: &TextFile) -> Option<&str> {
    let name = file.path.strip_prefix(PAGES)?.strip_suffix(".md")?;
    name.starts_with(PREFIX).then_some(name)
}

/// Returns the codes in a line.
fn codes(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices(PREFIX).filter_map(|(at, _)| {
        let code = line.get(at..at + PREFIX.len() + 4)?;
        code[PREFIX.len()..]
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{file, lines};

    #[test]
    fn finds_a_code_without_a_page_and_a_page_without_a_code() {
        let files = [
            file(
                "crates/schakel/src/error.rs",
                "const A: &str = \"SCH-0101\";\n// SCH-0102 and SCH-0101\n",
            ),
            file("docs/errors/SCH-0101.md", "# SCH-0101"),
            file("docs/errors/SCH-0199.md", "# SCH-0199"),
            file("docs/errors/README.md", "SCH-0000"),
        ];
        assert_eq!(
            lines(&check(&files)),
            [
                "crates/schakel/src/error.rs:2: SCH-0102 has no page docs/errors/SCH-0102.md",
                "docs/errors/SCH-0199.md: no code uses SCH-0199",
            ]
        );
    }

    #[test]
    fn leaves_alone_what_only_looks_like_a_code() {
        assert!(check(&[file("crates/core/src/lib.rs", "SCH-x SCH-01 SCH-{code:04}")]).is_empty());
    }
}
