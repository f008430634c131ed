//! Decimal numbers as texts: never through binary floating point (lightspeed-ecom.md §6.0, NUM).

use std::borrow::Cow;

/// Longest plain number that is made of a literal, in characters; prices and weights have a tenth of it.
const PLAIN_CHARS: usize = 64;

/// Gives a decimal literal without exponent and with a digit before the point, or `None` when it is no number.
///
/// A literal that is plain already stays as it is, with all its noughts.
pub(super) fn plain(literal: &str) -> Option<Cow<'_, str>> {
    let (digits, sign) = match literal.strip_prefix('-') {
        Some(rest) => (rest, "-"),
        None => (literal, ""),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = !(whole.is_empty() && fraction.is_empty())
        && whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    if !is_number || literal.len() > PLAIN_CHARS {
        return None;
    }
    let has_good_point = fraction.is_empty() != mantissa.contains('.');
    let has_whole = !whole.is_empty() && (whole == "0" || !whole.starts_with('0'));
    if exponent == 0 && has_good_point && has_whole && !digits.contains(['e', 'E']) {
        return Some(Cow::Borrowed(literal));
    }
    shifted(sign, whole, fraction, exponent).map(Cow::Owned)
}

/// Writes `whole.fraction` × 10^`exponent`.
fn shifted(sign: &str, whole: &str, fraction: &str, exponent: i32) -> Option<String> {
    let all = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let (whole, fraction) = if point <= 0 {
        let noughts = usize::try_from(point.unsigned_abs()).ok()?;
        if noughts > PLAIN_CHARS {
            return None;
        }
        (String::new(), "0".repeat(noughts) + &all)
    } else {
        let point = usize::try_from(point).ok()?;
        if point > PLAIN_CHARS {
            return None;
        }
        let padded = format!("{all:0<point$}");
        (padded[..point].to_owned(), padded[point..].to_owned())
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    };
    let text = if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    };
    (text.len() <= PLAIN_CHARS).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_become_plain() {
        let cases = [
            ("74.3388", Some("74.3388")),
            ("0.0000", Some("0.0000")),
            ("-12.50", Some("-12.50")),
            ("1e3", Some("1000")),
            ("1.25E-2", Some("0.0125")),
            ("-1.25e+1", Some("-12.5")),
            ("5e0", Some("5")),
            ("007.5", Some("7.5")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("0e5", Some("0")),
            ("1e99", None),
            ("1e-99", None),
            ("", None),
            ("-", None),
            (".", None),
            ("1,5", None),
            ("1 000", None),
            ("--1", None),
            ("0x10", None),
            ("NaN", None),
            ("1e", None),
        ];
        for (literal, expected) in cases {
            assert_eq!(plain(literal).as_deref(), expected, "{literal}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_number_stays_and_keeps_its_value(literal in "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,6})?(e-?[0-9])?") {
            let once = plain(&literal).map(Cow::into_owned).unwrap_or_default();
            let twice = plain(&once);
            prop_assert_eq!(twice.as_deref(), Some(once.as_str()));
            let (before, after): (f64, f64) = (literal.parse().unwrap(), once.parse().unwrap());
            prop_assert!((before - after).abs() <= before.abs() * 1e-12, "{} {}", literal, once);
        }
    }
}
