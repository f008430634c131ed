//! Temporary folders that go away again.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

/// A new, empty folder, removed with everything in it when dropped.
#[derive(Debug)]
pub struct TempDir {
    path: PathBuf,
}

impl TempDir {
    /// Returns where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // A folder that stays behind is untidy, not wrong; the system's own clean-up takes it later.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Makes a new, empty folder in the system's place for temporary files.
///
/// # Panics
///
/// When the folder cannot be made: no test can go on without it.
pub fn tempdir() -> TempDir {
    let path = std::env::temp_dir().join(format!("schakel-test-{}", unique()));
    std::fs::create_dir_all(&path)
        .unwrap_or_else(|error| panic!("cannot make the temporary folder {}: {error}", path.display()));
    TempDir { path }
}

/// Returns a short text that no other process or call gets: lower-case letters and digits.
pub(crate) fn unique() -> String {
    // Each RandomState has fresh keys, so the hash of anything under it is a random number; no crate needed.
    format!(
        "{}_{:016x}",
        std::process::id(),
        RandomState::new().hash_one("schakel")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_the_folder_and_its_contents() {
        let folder = tempdir();
        let path = folder.path().to_owned();
        std::fs::write(path.join("a"), "b").unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn two_folders_differ() {
        assert_ne!(tempdir().path(), tempdir().path());
    }
}
