//! Where PostgreSQL's programs are: Debian keeps them out of `PATH`, in a folder per version.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{find_program, variable};

/// The folder of an installed PostgreSQL server's programs.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Returns the newest server that is installed, or `None`.
    pub fn find() -> Option<Self> {
        let on_path = variable("PATH").unwrap_or_default();
        pg_config_folder()
            .into_iter()
            .chain(versioned_folders())
            .chain(on_path.split(':').map(PathBuf::from))
            .find(|folder| is_complete(folder))
            .map(|folder| Self { folder })
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of one of its programs.
    pub fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// Returns what the server says of its version.
    pub fn version(&self) -> String {
        let output = Command::new(self.path("postgres")).arg("--version").output();
        output
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .unwrap_or_default()
    }
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

fn pg_config_folder() -> Option<PathBuf> {
    let output = Command::new(find_program("pg_config")?)
        .arg("--bindir")
        .output()
        .ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(folder.trim()))
}

/// Returns Debian's folders, the newest version first.
fn versioned_folders() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}
