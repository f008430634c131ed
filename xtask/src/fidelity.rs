//! `cargo xtask fidelity`: the report of what the simulators show like the real systems.
//!
//! Each listed behaviour of a reference has a test in `crates/sandbox/tests` named after its item (`c017_…`, `l042_…`).
//! The test's first sentence says the behaviour; its line `Fidelity: PAGE ITEM — exact` or
//! `Fidelity: PAGE ITEM — approximated: REASON` says how near the simulator comes. The report is made of these lines,
//! so that it can't promise what no test shows.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace::{self, TextFile};

/// Where the report stands.
const REPORT: &str = "docs/reference/sandbox-fidelity.md";

/// One list of behaviours.
struct List {
    /// What it is a list of.
    title: &'static str,
    /// The page of the reference, as tests name it.
    page: &'static str,
    /// The first letter of its tests.
    letter: char,
    /// How many items it has, numbered from 1.
    items: u32,
    /// The parts of the list: the first item of each, and which section of the page it is.
    parts: &'static [(u32, &'static str)],
}

impl List {
    /// Gives the section of the page that an item stands in.
    fn source(&self, item: u32) -> &'static str {
        let part = self.parts.iter().rev().find(|(first, _)| *first <= item);
        part.map_or("", |(_, section)| section)
    }
}

const LISTS: [List; 2] = [
    List {
        title: "Lightspeed eCom",
        page: "lightspeed-ecom.md",
        letter: 'l',
        items: 89,
        parts: &[(1, "§9.1"), (26, "§9.2"), (53, "§9.3"), (71, "§9.4")],
    },
    List {
        title: "Copernica",
        page: "copernica.md",
        letter: 'c',
        items: 80,
        parts: &[
            (1, "§11 Auth and routing"),
            (16, "§11 Lists"),
            (35, "§11 Creating and updating"),
            (55, "§11 Subprofiles"),
            (61, "§11 Removal"),
            (66, "§11 Values"),
            (73, "§11 Trouble and push"),
        ],
    },
];

/// What one test says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    says: String,
    state: String,
    test: String,
}

type Items = BTreeMap<u32, Vec<Shown>>;

/// Writes the report, or with `--check` compares it with the one that is there.
///
/// # Errors
///
/// An item has no test, a line can't be read, or the report that is there is another one.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let is_check = match arguments {
        [] => false,
        [one] if one == "--check" => true,
        _ => bail!(
            "`fidelity` takes --check or nothing, but got `{}`",
            arguments.join(" ")
        ),
    };
    let files = workspace::text_files()?;
    let report = report(&files)?;
    let path = workspace::root().join(REPORT);
    if is_check {
        let there = fs::read_to_string(&path).with_context(|| format!("{REPORT} can't be read"))?;
        if there != report {
            bail!("{REPORT} is not what the tests say; run `cargo xtask fidelity`");
        }
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, report).with_context(|| format!("{REPORT} can't be written"))
}

fn report(files: &[TextFile]) -> Result<String> {
    let mut text = String::from(
        "# What the simulators show like the real systems\n\n\
         Made from the tests of `crates/sandbox/tests` by `cargo xtask fidelity`; not edited by hand. *Item* is the \
         number in the list of\nbehaviours of the reference page that is named, *source* the section of that page; *exact* \
         is what the reference says, to \
         the byte where it says bytes.\n",
    );
    for list in &LISTS {
        let items = items(files, list)?;
        let missing: Vec<String> = (1..=list.items)
            .filter(|item| !items.contains_key(item))
            .map(|item| item.to_string())
            .collect();
        if !missing.is_empty() {
            bail!("{}: no test for item {}", list.page, missing.join(", "));
        }
        write_list(&mut text, list, &items)?;
    }
    Ok(text)
}

fn write_list(text: &mut String, list: &List, items: &Items) -> Result<()> {
    let shown = || items.values().flatten();
    let exact = shown().filter(|shown| shown.state == "exact").count();
    writeln!(
        text,
        "\n## {}\n\nSource: `{}`, its list of behaviours. {} items, {} tests: {exact} exact, {} approximated.\n",
        list.title,
        list.page,
        items.len(),
        shown().count(),
        shown().count() - exact,
    )?;
    text.push_str("| item | source | behaviour | state | test |\n| --- | --- | --- | --- | --- |\n");
    for (item, all) in items {
        for shown in all {
            let cell = |text: &str| text.replace('|', "\\|");
            writeln!(
                text,
                "| {item} | {} | {} | {} | `{}` |",
                list.source(*item),
                cell(&shown.says),
                cell(&shown.state),
                shown.test
            )?;
        }
    }
    Ok(())
}

fn items(files: &[TextFile], list: &List) -> Result<Items> {
    let mut items = Items::new();
    let tests = files
        .iter()
        .filter(|file| file.is_rust() && file.path.starts_with("crates/sandbox/tests/"));
    for file in tests {
        collect(file, list, &mut items).with_context(|| file.path.clone())?;
    }
    Ok(items)
}

/// Takes the tests of one list out of a file.
fn collect(file: &TextFile, list: &List, items: &mut Items) -> Result<()> {
    let mut docs: Vec<&str> = Vec::new();
    let mut attributes: Vec<&str> = Vec::new();
    for line in file.text.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.trim());
            continue;
        }
        if line.starts_with("#[") {
            attributes.push(line);
            continue;
        }
        if let Some((item, test)) = test_of(line, list.letter) {
            check_runs(&attributes, test)?;
            for (item, shown) in shown_by(&docs, list, item, test)? {
                if item == 0 || item > list.items {
                    bail!("`{test}`: {} has no item {item}", list.page);
                }
                items.entry(item).or_default().push(shown);
            }
        }
        docs.clear();
        attributes.clear();
    }
    Ok(())
}

/// Refuses a function that no test run ever calls.
fn check_runs(attributes: &[&str], test: &str) -> Result<()> {
    let has = |start: &str| attributes.iter().any(|line| line.starts_with(start));
    if !has("#[test]") && !has("#[tokio::test") {
        bail!("`{test}` has the name of a test and is none");
    }
    if has(concat!("#[", "ignore")) {
        bail!("`{test}` is never run");
    }
    Ok(())
}

/// Gives the item and the name of the test that `line` begins, if it is one of the list.
fn test_of(line: &str, letter: char) -> Option<(u32, &str)> {
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    let name = rest.split('(').next()?;
    let number = name.strip_prefix(letter)?.split('_').next()?;
    Some((number.parse().ok()?, name))
}

/// Reads the doc comment of a test; it may name several items.
fn shown_by(docs: &[&str], list: &List, own: u32, test: &str) -> Result<Vec<(u32, Shown)>> {
    let mut says = String::new();
    for line in docs.iter().take_while(|line| !line.is_empty()) {
        if !says.is_empty() {
            says.push(' ');
        }
        says.push_str(line);
    }
    let mut all = Vec::new();
    let mut lines = docs.iter().peekable();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("Fidelity: ") else {
            continue;
        };
        let mut rest = rest.to_owned();
        while let Some(more) = lines.next_if(|line| !line.is_empty() && !line.starts_with("Fidelity: ")) {
            rest.push(' ');
            rest.push_str(more);
        }
        let read = rest
            .strip_prefix(list.page)
            .and_then(|rest| rest.trim_start().split_once(" — "));
        let Some((item, state)) = read else {
            bail!(
                "`{test}`: `Fidelity: {rest}` is not `Fidelity: {} ITEM — STATE`",
                list.page
            );
        };
        let item: u32 = item
            .trim()
            .parse()
            .with_context(|| format!("`{test}`: `{item}` is no item"))?;
        let is_known = state == "exact" || state.starts_with("approximated: ");
        if !is_known {
            bail!("`{test}`: a state is `exact` or `approximated: REASON`, not `{state}`");
        }
        let state = state.to_owned();
        let (says, test) = (says.clone(), test.to_owned());
        all.push((item, Shown { says, state, test }));
    }
    if says.is_empty() || !all.iter().any(|(item, _)| *item == own) {
        bail!(
            "`{test}` has no sentence or no line `Fidelity: {} {own} — STATE`",
            list.page
        );
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: List = List {
        title: "Sample",
        page: "sample.md",
        letter: 's',
        items: 2,
        parts: &[(1, "§1"), (2, "§2")],
    };

    fn read(text: &str) -> Result<Items> {
        let path = "crates/sandbox/tests/it/sample.rs".to_owned();
        let text = text.to_owned();
        items(&[TextFile { path, text }], &LIST)
    }

    #[test]
    fn a_test_gives_its_item() {
        let items = read(
            "/// A page has\n/// ten rows.\n///\n/// Fidelity: sample.md 1 — approximated: nobody knows,\n/// really\n\
             #[tokio::test]\nasync fn s001_ten_rows() {\n/// Other.\nfn helper() {",
        )
        .unwrap();
        let shown = &items[&1][0];
        assert_eq!(shown.says, "A page has ten rows.");
        assert_eq!(shown.state, "approximated: nobody knows, really");
        assert_eq!(shown.test, "s001_ten_rows");
    }

    #[test]
    fn a_test_without_its_line_is_refused() {
        let without = "/// Ten rows.\n#[test]\nfn s001_ten_rows() {";
        assert!(read(without).is_err());
        let other = "/// Ten rows.\n///\n/// Fidelity: sample.md 2 — exact\n#[test]\nfn s001_ten_rows() {";
        assert!(read(other).is_err());
        let vague = "/// Ten rows.\n///\n/// Fidelity: sample.md 1 — nearly\n#[test]\nfn s001_ten_rows() {";
        assert!(read(vague).is_err());
        let beyond = "/// Ten rows.\n///\n/// Fidelity: sample.md 3 — exact\n#[test]\nfn s003_ten_rows() {";
        assert!(read(beyond).is_err());
    }

    #[test]
    fn what_never_runs_is_refused() {
        let doc = "/// Ten rows.\n///\n/// Fidelity: sample.md 1 — exact\n";
        let name = "fn s001_ten_rows() {";
        assert!(read(&format!("{doc}#[test]\n{name}")).is_ok());
        assert!(read(&format!("{doc}{name}")).is_err());
        let skipped = concat!("#[", "ignore]");
        assert!(read(&format!("{doc}#[test]\n{skipped}\n{name}")).is_err());
    }

    #[test]
    fn a_cell_keeps_its_bars() {
        let mut text = String::new();
        let items =
            read("/// One | two.\n///\n/// Fidelity: sample.md 1 — exact\n#[test]\nfn s001_bar() {").unwrap();
        write_list(&mut text, &LIST, &items).unwrap();
        assert!(
            text.ends_with("| 1 | §1 | One \\| two. | exact | `s001_bar` |\n"),
            "{text}"
        );
    }
}
