//! The files of the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use schakel_testkit::variable;

/// File types that hold text of ours.
const TEXT_ENDINGS: [&str; 12] = [
    "rs", "toml", "md", "sql", "html", "css", "js", "svg", "sh", "yml", "yaml", "txt",
];

/// Text files of ours without an ending.
const TEXT_NAMES: [&str; 2] = ["justfile", "run"];

/// Returns the folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        // Cargo names the folder when it starts us. The compiled-in one may be that of another clone with which we
        // share a target folder, and serves only when the program is started by hand.
        let own = variable("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&own)
            .parent()
            .expect("xtask lies in a folder of the workspace");
        root.to_owned()
    })
}

/// One text file of the project.
#[derive(Debug, Clone)]
pub(crate) struct TextFile {
    /// The path from the root, with `/`.
    pub(crate) path: String,
    /// The whole content.
    pub(crate) text: String,
}

impl TextFile {
    /// Returns the name of the folder under `crates/` that the file is in.
    pub(crate) fn crate_folder(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Returns whether the file holds Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Returns all text files under the root, in the order of their paths; build output and hidden folders but those of
/// the project are left out.
///
/// # Errors
///
/// A folder or file cannot be read, or a text file is not UTF-8.
pub(crate) fn text_files() -> Result<Vec<TextFile>> {
    let mut files = Vec::new();
    collect(root(), &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<TextFile>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let kind = entry
            .file_type()
            .with_context(|| format!("cannot look at {}", path.display()))?;
        if kind.is_dir() {
            if is_ours(&name, folder) {
                collect(&path, files)?;
            }
        } else if kind.is_file() && is_text(&name) {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(TextFile {
                path: from_root(&path),
                text,
            });
        }
    }
    Ok(())
}

fn is_ours(name: &str, parent: &Path) -> bool {
    let is_output = parent == root() && (name == "target" || name.starts_with("target-") || name == "data");
    let is_hidden = name.starts_with('.') && ![".ci", ".cargo", ".config"].contains(&name);
    !is_output && !is_hidden
}

fn is_text(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    TEXT_NAMES.contains(&name) || ending.is_some_and(|ending| TEXT_ENDINGS.contains(&ending))
}

fn from_root(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}
