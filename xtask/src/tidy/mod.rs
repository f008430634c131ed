//! `cargo xtask tidy`: what neither the compiler nor clippy can check.
//!
//! Each rule is a function from the files to [`Finding`]s, in the file of its subject, with a bad example in its tests.
//! Borders that Cargo keeps between crates are checked here too, because one new line in a manifest moves them.

mod code;
mod crates;
mod errors;
mod links;
mod modules;
mod words;

use std::fmt;

use anyhow::{Result, bail};

use crate::workspace::{self, TextFile};

/// One thing to mend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from 1; 0 stands for the file as a whole.
    line: usize,
    message: String,
}

impl Finding {
    /// A finding at a line of a file.
    fn at(file: &TextFile, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Checks all text files of the project.
///
/// # Errors
///
/// A file cannot be read, or something is to be mended; the findings are printed.
pub(crate) fn run() -> Result<()> {
    let files = workspace::text_files()?;
    let findings = check(&files);
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    match findings.len() {
        0 => {
            eprintln!("tidy: {} files, nothing found", files.len());
            Ok(())
        }
        count => bail!("tidy: {count} to mend"),
    }
}

/// Applies all rules.
fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = crates::check(files);
    findings.extend(modules::check(files));
    findings.extend(words::check(files));
    findings.extend(errors::check(files));
    findings.extend(links::check(files, |path| workspace::root().join(path).exists()));
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod testing {
    //! Small things that the rules' tests share.

    use super::{Finding, TextFile};

    /// A file with this path and text.
    pub(super) fn file(path: &str, text: &str) -> TextFile {
        TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The findings as `path:line: message`.
    pub(super) fn lines(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }
}
