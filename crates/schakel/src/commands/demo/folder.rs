//! The folder of a demo's database.

use std::fs::DirBuilder;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::keys::draw;

/// A folder; a temporary one is removed with all that is in it when this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    /// Makes the folder `given` unless it is there, or a temporary one that no other user can read.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(given: Option<&Path>) -> anyhow::Result<Self> {
        let Some(given) = given else {
            return Self::temporary();
        };
        std::fs::create_dir_all(given)
            .with_context(|| format!("cannot make the folder {}", given.display()))?;
        Ok(Self {
            path: given.to_owned(),
            is_temporary: false,
        })
    }

    /// Makes a folder whose name nobody can foresee, so that nobody can be there before us.
    fn temporary() -> anyhow::Result<Self> {
        let mut drawn = [0; 16];
        draw(&mut drawn)?;
        let name = format!("schakel-demo-{:032x}", u128::from_le_bytes(drawn));
        let path = std::env::temp_dir().join(name);
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self {
            path,
            is_temporary: true,
        })
    }

    /// Gives where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // What can't be removed is a temporary folder of the system, which cleans up by itself.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
