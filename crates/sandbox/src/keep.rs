//! A file that holds the state of a simulator between runs, always whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The buffer of reading and writing, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// The file of one simulator.
///
/// It is written beside its place and then moved there: a process that is killed leaves the old state or the
/// new one, never half of one.
#[derive(Debug, Clone)]
pub struct DataFile(PathBuf);

impl DataFile {
    /// Names the file; it need not be there.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Keeps other processes out for as long as the returned file is open; `None` when one is in already.
    ///
    /// # Errors
    /// When the folder refuses a file beside this one.
    pub fn lock(&self) -> io::Result<Option<File>> {
        let file = File::create(self.beside(".lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.0.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    }

    /// Opens it for reading; `None` when there is none yet.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn open(&self) -> io::Result<Option<impl Read + use<>>> {
        match File::open(&self.0) {
            Ok(file) => Ok(Some(BufReader::with_capacity(BUFFER_BYTES, file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces it with what `write` writes.
    ///
    /// # Errors
    /// When the folder or the disk refuses; the old file is as it was.
    pub fn replace(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let beside = self.beside(".new");
        let mut into = BufWriter::with_capacity(BUFFER_BYTES, File::create(&beside)?);
        write(&mut into)?;
        into.into_inner()?.sync_all()?;
        fs::rename(&beside, &self.0)?;
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        // The move itself is only safe once the folder is on the disk.
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Saves whenever `revision` has moved, looking once in `every`; returns only when a save fails.
    ///
    /// Whoever stops this saves once more with [`replace`](Self::replace): up to `every` may be missing.
    pub async fn keep(
        &self,
        every: Duration,
        revision: impl Fn() -> u64,
        save: impl Fn(&mut dyn Write) -> io::Result<()>,
    ) -> io::Error {
        let mut saved = None;
        loop {
            // Read before the save: a change meanwhile is saved at the next look.
            let now = revision();
            if saved != Some(now) {
                if let Err(error) = self.replace(&save) {
                    return error;
                }
                saved = Some(now);
            }
            tokio::time::sleep(every).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn saves_when_something_changed() {
        let path = std::env::temp_dir().join(format!("schakel-sandbox-keep-{}", std::process::id()));
        let file = DataFile::at(&path);
        let (looks, saves) = (Cell::new(0), Cell::new(0));
        let error = file
            .keep(
                Duration::from_millis(1),
                || {
                    looks.set(looks.get() + 1);
                    looks.get() / 10
                },
                |into| {
                    saves.set(saves.get() + 1);
                    if saves.get() == 4 {
                        return Err(io::Error::other("full"));
                    }
                    into.write_all(&[saves.get()])
                },
            )
            .await;
        assert_eq!((error.to_string().as_str(), looks.get()), ("full", 30));
        let mut held = Vec::new();
        let mut from = file.open().expect("it can be read").expect("it is there");
        from.read_to_end(&mut held).expect("it can be read");
        assert_eq!(held, [3]);
        fs::remove_file(&path).expect("it is ours");
        fs::remove_file(path.with_extension("new")).expect("the failed save left it");
    }
}
