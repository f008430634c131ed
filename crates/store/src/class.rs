//! How the class of a call stands in tables.

use schakel_core::connector::Class;

/// The number of a class in tables.
pub(crate) fn number_of(class: Class) -> i64 {
    i64::try_from(class.index()).unwrap_or(i64::MAX)
}

/// Reads [`number_of`] back; unknown numbers go last.
pub(crate) fn class_of(number: i64) -> Class {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    Class::ALL.get(index).copied().unwrap_or(Class::Backfill)
}
