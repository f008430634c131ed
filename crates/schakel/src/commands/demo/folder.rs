//! The folder of a demo's database.

use std::fs::{DirBuilder, File};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::keys::draw;

/// How the name of a temporary folder begins; 32 hexadecimal digits follow.
const PREFIX: &str = "schakel-demo-";

/// The file in a temporary folder that its process holds locked for as long as it lives.
const LOCK: &str = "demo.lock";

/// A folder; a temporary one is removed with all that is in it when this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    /// The lock of a temporary folder. The operating system drops it with the process, however that ends.
    lock: Option<File>,
}

impl Folder {
    /// Makes the folder `given` unless it is there, or a temporary one that no other user can read.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(given: Option<&Path>) -> anyhow::Result<Self> {
        let Some(given) = given else {
            return Self::temporary(&std::env::temp_dir());
        };
        std::fs::create_dir_all(given)
            .with_context(|| format!("cannot make the folder {}", given.display()))?;
        Ok(Self {
            path: given.to_owned(),
            lock: None,
        })
    }

    /// Makes a folder in `root` whose name nobody can foresee, so that nobody can be there before us, after removing those
    /// of demos that were killed.
    fn temporary(root: &Path) -> anyhow::Result<Self> {
        remove_left_over(root);
        let mut drawn = [0; 16];
        draw(&mut drawn)?;
        let path = root.join(format!("{PREFIX}{:032x}", u128::from_le_bytes(drawn)));
        let failed = || format!("cannot make the folder {}", path.display());
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).with_context(failed)?;
        // It gets its name once it is locked: nobody finds it before.
        let unnamed = path.join("lock");
        let lock = File::create(&unnamed).with_context(failed)?;
        lock.lock().with_context(failed)?;
        std::fs::rename(&unnamed, path.join(LOCK)).with_context(failed)?;
        Ok(Self {
            path,
            lock: Some(lock),
        })
    }

    /// Gives where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.lock.is_some() {
            // What can't be removed is a temporary folder of the system, which cleans up by itself.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes the temporary folders in `root` whose process is gone: those of our name with a lock that nobody holds. What
/// cannot be removed, such as another user's, stays.
fn remove_left_over(root: &Path) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && entry.file_name().to_str().is_some_and(is_ours) {
            let lock = File::options().write(true).open(entry.path().join(LOCK));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn is_ours(name: &str) -> bool {
    let drawn = name.strip_prefix(PREFIX).unwrap_or_default();
    drawn.len() == 32 && drawn.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_killed_demo_left_behind_is_removed() {
        let root = schakel_testkit::tempdir();
        let killed = Folder::temporary(root.path()).unwrap();
        std::fs::write(killed.path().join("hub.db"), "of nobody").unwrap();
        let left = killed.path().to_owned();
        let dead = root.path().join("away");
        // A kill: the lock goes with the process, and the folder stays.
        std::fs::rename(&left, &dead).unwrap();
        drop(killed);
        std::fs::rename(&dead, &left).unwrap();
        let alive = Folder::temporary(root.path()).unwrap();
        assert!(!left.exists());
        let digits = "0".repeat(32);
        let others = [format!("{PREFIX}{digits}"), format!("{PREFIX}mine"), digits];
        for name in &others {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        std::fs::write(root.path().join(&others[1]).join(LOCK), "").unwrap();
        let next = Folder::temporary(root.path()).unwrap();
        assert!(alive.path().exists() && next.path().exists());
        for name in &others {
            assert!(root.path().join(name).exists(), "{name}");
        }
        let path = next.path().to_owned();
        drop(next);
        assert!(!path.exists());
    }
}
