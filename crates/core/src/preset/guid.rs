//! GUIDs: stable, not guessable, the same after a restore.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::delivery::ObjectKind;

/// Gives the GUID of the object `number` of `kind`: a UUID of version 8, cut from
/// HMAC-SHA-256(hub key, kind, number), in lower case with hyphens (architecture §3, Hub-owned values).
///
/// # Panics
/// Never: HMAC takes a key of any length.
#[must_use]
pub fn guid(hub_key: &[u8; 32], kind: ObjectKind, number: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(hub_key).expect("HMAC takes a key of any length");
    mac.update(kind.as_str().as_bytes());
    // A byte that is in no word keeps word and number apart.
    mac.update(&[0]);
    mac.update(&number.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    // RFC 9562 §5.8: version 8 in the seventh byte, variant 10 in the ninth.
    bytes[6] = (bytes[6] & 0x0F) | 0x80;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    written(&bytes)
}

fn written(bytes: &[u8; 16]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_a_uuid_of_version_8_and_stable() {
        let guid = |kind, number| super::guid(&[7; 32], kind, number);
        let first = guid(ObjectKind::Relation, 1);
        assert_eq!(first, "33002dff-369d-8c14-8842-37d215922eb3");
        assert_eq!(first, guid(ObjectKind::Relation, 1));
        assert_ne!(first, guid(ObjectKind::Relation, 2));
        assert_ne!(first, guid(ObjectKind::Order, 1));
        assert_ne!(first, super::guid(&[8; 32], ObjectKind::Relation, 1));
    }

    #[test]
    fn every_guid_has_the_form_of_a_uuid() {
        for number in 0..200 {
            let guid = guid(&[3; 32], ObjectKind::Order, number);
            let hyphens: Vec<usize> = guid.match_indices('-').map(|(at, _)| at).collect();
            assert_eq!((guid.len(), hyphens), (36, vec![8, 13, 18, 23]), "{guid}");
            assert_eq!(&guid[14..15], "8", "{guid}");
            assert!("89ab".contains(&guid[19..20]), "{guid}");
        }
    }
}
