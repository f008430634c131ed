//! Links in Markdown lead to files that exist.

use super::Finding;
use crate::workspace::TextFile;

/// Checks the links to files; `exists` answers for a path from the root.
pub(super) fn check(files: &[TextFile], exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in links(&file.text) {
            let path = target.split(['#', '?']).next().unwrap_or_default();
            if path.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            match resolve(folder, path) {
                Some(path) if exists(&path) => {}
                Some(_) => findings.push(Finding::at(
                    file,
                    line,
                    format!("the link {target} leads nowhere"),
                )),
                None => findings.push(Finding::at(
                    file,
                    line,
                    format!("the link {target} leads out of the project"),
                )),
            }
        }
    }
    findings
}

/// Returns the targets of the links of a text with their lines; code is left out.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            // An odd number of backticks before it: the link is shown, not meant.
            if line[..at].matches('`').count() % 2 == 1
                && line[at..].contains('`')
                && !line[at..].starts_with("](`")
            {
                continue;
            }
            let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
            found.push((index + 1, target));
        }
    }
    found
}

/// Returns `path` from the root, for a file in `folder`; `None` when it leaves the project.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    if path.starts_with('/') {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::testing::{file, lines};

    fn found(text: &str) -> Vec<String> {
        let exists = |path: &str| ["docs/adr/0001.md", "README.md", ""].contains(&path);
        lines(&check(&[file("docs/guide/a.md", text)], exists))
    }

    #[test]
    fn finds_a_link_that_leads_nowhere() {
        assert_eq!(
            found("one\nsee [it](../adr/0002.md#top)"),
            ["docs/guide/a.md:2: the link ../adr/0002.md#top leads nowhere"]
        );
        assert_eq!(
            found("[x](../../../other/README.md)"),
            ["docs/guide/a.md:1: the link ../../../other/README.md leads out of the project"]
        );
    }

    #[test]
    fn leaves_good_links_and_code_alone() {
        let good = "[a](../adr/0001.md) [b](https://example.org/x) [c](#here) [d](../../README.md \"t\") [e](mailto:a@example.org)";
        assert!(found(good).is_empty());
        assert!(found("```\n[a](nowhere.md)\n```\nand `[b](nowhere.md)` too").is_empty());
    }
}
