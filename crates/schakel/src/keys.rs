//! The hub key: the one secret of an installation, from which unguessable things are cut. It never stands in the
//! database, so that a copy of the database alone opens nothing (reliability.md I27).

use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use schakel_core::privacy::Secret;
use schakel_store::Store;
use sha2::Sha256;

use crate::error::Failure;

/// Name of the key's file in the folder of the hub.
const FILE_NAME: &str = "hub.key";
/// The setting by which a database knows its key; says nothing about the key itself.
const CHECK: &str = "hub_key_check";

/// 32 random bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct HubKey([u8; 32]);

impl fmt::Debug for HubKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubKey(secret)")
    }
}

impl HubKey {
    /// Takes the key of the configuration, else that of the file in `folder`, which is made for a new database; checks
    /// that it is the key of `store`.
    ///
    /// # Errors
    /// `SCH-0209` when the key is missing, can't be read, or is not the one with which the database was begun.
    pub(crate) async fn open(store: &Store, given: &Secret, folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(FILE_NAME);
        let known = store.setting(CHECK).await.map_err(Failure::from)?;
        let (key, is_new) = if given.is_empty() {
            Self::of_file(&file, known.is_some())?
        } else {
            let key = Self::read(given.expose()).ok_or_else(|| malformed("`hub.key`"))?;
            (key, false)
        };
        let check = key.cut(&[b"check"]);
        let kept = store
            .setting_or_insert(CHECK, &check)
            .await
            .map_err(Failure::from)?;
        if kept != check {
            if is_new {
                // Another process began the database at the same moment; this key was never used.
                std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            }
            return Err(another(&file).into());
        }
        Ok(key)
    }

    /// Gives the bytes, for what the engine cuts from them.
    pub(crate) const fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Cuts 16 bytes for `parts`, which hold no byte 0: the same parts give the same bytes, and nobody without the key
    /// can guess them.
    pub(crate) fn cut(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part);
            // A byte that is in no part keeps them apart.
            mac.update(&[0]);
        }
        let digest = mac.finalize().into_bytes();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }

    /// Reads 64 hexadecimal digits; `None` for anything else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// Reads the file; makes it when it is not there, unless the database already has a key. Tells whether it is new.
    fn of_file(file: &Path, has_known: bool) -> anyhow::Result<(Self, bool)> {
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let key = Self::read(&text).ok_or_else(|| malformed(&file.display().to_string()))?;
                Ok((key, false))
            }
            Err(error) if error.kind() == ErrorKind::NotFound && has_known => Err(missing(file).into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let is_new = Self::make(file)?;
                let (key, _) = Self::of_file(file, true)?;
                Ok((key, is_new))
            }
            Err(error) => Err(missing(file).caused_by(error).into()),
        }
    }

    /// Draws a key and writes it to a file that only its owner may read; false when another process was first, whose key
    /// is left alone.
    ///
    /// The file has its name only once it is whole and durable, so that a start that is killed leaves none or a good one.
    fn make(file: &Path) -> anyhow::Result<bool> {
        let (mut bytes, mut mark) = ([0; 32], [0; 4]);
        for drawn in [&mut bytes[..], &mut mark[..]] {
            draw(drawn)?;
        }
        let mut options = std::fs::File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = || format!("cannot write the key of the hub to {}", file.display());
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(written)?;
        }
        let beside = file.with_extension(format!("key.{}", hex(&mark)));
        let mut opened = options.open(&beside).with_context(written)?;
        writeln!(opened, "{}", hex(&bytes)).with_context(written)?;
        opened.sync_all().with_context(written)?;
        let linked = std::fs::hard_link(&beside, file);
        std::fs::remove_file(&beside).with_context(written)?;
        match linked {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            linked => linked.with_context(written)?,
        }
        #[cfg(unix)]
        if let Some(folder) = file.parent() {
            let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
            synced.with_context(written)?;
        }
        Ok(true)
    }
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn malformed(place: &str) -> Failure {
    Failure::new(
        "SCH-0209",
        format!("the key of the hub in {place} cannot be read"),
    )
    .hint("it is 64 hexadecimal digits on one line; put it back from a copy, it belongs to the database")
}

fn missing(file: &Path) -> Failure {
    Failure::new("SCH-0209", format!("the key of this database is missing: {}", file.display())).hint(
        "put the file back from a copy, or copy it from the machine that began the database; `hub.key_file` names another place",
    )
}

fn another(file: &Path) -> Failure {
    Failure::new("SCH-0209", "this database was begun with another key").hint(format!(
        "the key of the hub comes from `hub.key`, `hub.key_file` or {}; all processes of one database need the same",
        file.display()
    ))
}

/// Fills `bytes` with what nobody can foresee.
///
/// # Errors
/// When the operating system gives none.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the door through which randomness comes in"
)]
pub(crate) fn draw(bytes: &mut [u8]) -> anyhow::Result<()> {
    getrandom::fill(bytes).context("the operating system gives no random bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_there_is_never_replaced_and_nothing_stays_beside_it() {
        let folder = schakel_testkit::tempdir();
        let file = folder.path().join(FILE_NAME);
        let (first, is_new) = HubKey::of_file(&file, false).unwrap();
        assert!(is_new);
        assert!(!HubKey::make(&file).unwrap());
        let (second, is_new) = HubKey::of_file(&file, false).unwrap();
        assert!(first == second && !is_new);
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, [FILE_NAME]);
    }
}
