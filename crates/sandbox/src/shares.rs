//! Shares of 100: which of several things happens, decided by one throw.

use serde_json::Value;

use crate::control::{Given, Trouble};
use crate::door::Seed;

/// The most calls that can be told beforehand to go wrong.
const NEXT_MAX: u32 = 100_000;

/// Chooses at most one kind with one throw, so that each has exactly its own share.
pub(crate) fn thrown<K: Copy>(seed: &mut Seed, shares: &[(K, f64)]) -> Option<K> {
    if shares.is_empty() {
        return None;
    }
    let mut left = seed.below(1_000_000) as f64 / 10_000.0;
    shares.iter().find_map(|(kind, share)| {
        left -= share;
        (left < 0.0).then_some(*kind)
    })
}

/// Says whether these are shares of one whole: none below 0, and not more than 100 together.
pub(crate) fn is_whole<K>(shares: &[(K, f64)]) -> bool {
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    // Fractions add up to a little more than they are.
    shares.iter().all(|(_, share)| *share >= 0.0) && sum <= 100.000_001
}

/// Gives the share `name` that was given, in whole percents, or the `old` one.
///
/// # Errors
/// When it is not between 0 and 100.
pub(crate) fn of<T: TryFrom<u64> + Into<u64>>(given: &Given, name: &str, old: T) -> Result<T, Trouble> {
    let share = given.number(name)?.unwrap_or(old.into());
    match T::try_from(share) {
        Ok(share_of_type) if share <= 100 => Ok(share_of_type),
        _ => Err(no_share()),
    }
}

fn no_share() -> Trouble {
    Trouble::new("a share is between 0 and 100")
}

/// Gives the `kind` of which the next `count` calls are to suffer, one unless it says otherwise.
///
/// # Errors
/// When it names no kind, or the count is no number.
pub(crate) fn next<K: Copy>(given: &Given, kinds: &[(&str, K)]) -> Result<(K, u32), Trouble> {
    let name = given.needed("kind")?;
    let known = kinds.iter().find(|(known, _)| *known == name);
    let (_, kind) = known.ok_or_else(|| Trouble::unknown("fault"))?;
    let count: u32 = given.number("count")?.unwrap_or(1);
    Ok((*kind, count.min(NEXT_MAX)))
}

/// Takes over the shares that were given by the names of the kinds, at the top or in `percent`.
///
/// # Errors
/// When a share is not between 0 and 100, or they are more than 100 together.
pub(crate) fn take_over<K: Copy>(
    given: &Given,
    kinds: &[(&str, K)],
    shares: &mut Vec<(K, f64)>,
    is_same: impl Fn(K, K) -> bool,
) -> Result<(), Trouble> {
    for (name, kind) in kinds {
        let in_object = given.value("percent").and_then(|shares| shares.get(*name));
        let share = match in_object.and_then(Value::as_f64) {
            Some(share) => Some(share),
            None => given.number(name)?,
        };
        let Some(share) = share else { continue };
        if !(0.0..=100.0).contains(&share) {
            return Err(no_share());
        }
        shares.retain(|(known, _)| !is_same(*known, *kind));
        if share > 0.0 {
            shares.push((*kind, share));
        }
    }
    if is_whole(shares) {
        Ok(())
    } else {
        Err(Trouble::new("the shares are more than 100 together"))
    }
}
