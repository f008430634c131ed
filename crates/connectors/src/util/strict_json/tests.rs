use proptest::prelude::*;
use schakel_core::limits;

use super::{Fault, check, check_with};

#[test]
fn what_every_reader_understands_passes() {
    for text in [
        "{}",
        "[]",
        " [ 1 , -0.5e10 , true , false , null , \"\" ] \r\n",
        r#"{"a":{"a":[{"a":1},{"a":2}]},"b":"\u00e9\ud83d\ude00 \/ \" é"}"#,
        "0",
        "\"x\"",
        "1E+22",
    ] {
        assert_eq!(check(text.as_bytes()), Ok(text), "{text}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[1",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "tru",
        "nul",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "{} {}",
        "[}",
        "{]",
        "'a'",
        "NaN",
        "\u{feff}{}",
        "{\"a\":1 \"b\":2}",
    ] {
        assert_eq!(check(text.as_bytes()), Err(Fault::Syntax), "{text}");
    }
    assert_eq!(check(b"\"\xff\""), Err(Fault::Syntax), "no UTF-8");
    assert_eq!(check(b"\"a\nb\""), Err(Fault::Syntax), "raw control character");
    assert_eq!(
        check(b"\"0123456789\x00\""),
        Err(Fault::Syntax),
        "raw NUL after a whole chunk"
    );
}

#[test]
fn a_key_may_stand_only_once_in_an_object_however_it_is_spelt() {
    for text in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"b":{"c":1,"c":2}}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"[{"x":{"y":1},"y":2,"x":3}]"#,
    ] {
        assert_eq!(check(text.as_bytes()), Err(Fault::DuplicateKey), "{text}");
    }
}

#[test]
fn sizes_are_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(check(nested(limits::JSON_DEPTH).as_bytes()).is_ok());
    assert_eq!(
        check(nested(limits::JSON_DEPTH + 1).as_bytes()),
        Err(Fault::Depth)
    );
    assert_eq!(check("[".repeat(100_000).as_bytes()), Err(Fault::Depth));
    assert_eq!(check("{\"a\":".repeat(100_000).as_bytes()), Err(Fault::Depth));

    let long = format!("\"{}\"", "x".repeat(limits::JSON_STRING_BYTES));
    assert!(check(long.as_bytes()).is_ok());
    let longer = format!("\"{}\"", "x".repeat(limits::JSON_STRING_BYTES + 1));
    assert_eq!(check(longer.as_bytes()), Err(Fault::LongString));

    assert!(check("9".repeat(limits::JSON_NUMBER_CHARS).as_bytes()).is_ok());
    let long = "9".repeat(limits::JSON_NUMBER_CHARS + 1);
    assert_eq!(check(long.as_bytes()), Err(Fault::LongNumber));
    assert_eq!(check(b"1e100"), Err(Fault::LongNumber));

    assert_eq!(check_with(b"[1,2,3]", 3), Err(Fault::Nodes));
    assert!(check_with(b"[1,2,3]", 4).is_ok());
}

#[test]
fn many_keys_cost_no_square() {
    let keys: Vec<String> = (0..40_000).map(|n| format!("\"k{n}\":0")).collect();
    assert!(check(format!("{{{}}}", keys.join(",")).as_bytes()).is_ok());
}

/// Pieces of JSON and of nearly-JSON, so that random sequences are often almost right.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just(":".to_owned()),
        Just("\"a\"".to_owned()),
        Just("\"a\":".to_owned()),
        Just("\"b\":".to_owned()),
        Just(" ".to_owned()),
        Just("true".to_owned()),
        Just("null".to_owned()),
        "-?[0-9]{1,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,3})?",
        "\"[ -~é\\\\u0-9]{0,12}\"",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|parts| parts.concat())
}

/// Any JSON tree, written out.
fn tree() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("false".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<String>().prop_map(|s| serde_json::Value::from(s).to_string()),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            proptest::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|fields| {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(key, value)| format!("{}:{value}", serde_json::Value::from(key.as_str())))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn what_passes_is_json_for_serde_json_too(text in pieces()) {
        if check(text.as_bytes()).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn every_tree_without_doubles_passes(text in tree()) {
        prop_assert_eq!(check(text.as_bytes()), Ok(text.as_str()));
    }

    #[test]
    fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if check(&bytes).is_ok() {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        }
    }

    #[test]
    fn a_cut_text_is_refused(text in tree(), at in any::<prop::sample::Index>()) {
        let opened = text.starts_with(['{', '[', '"']);
        let cut = at.index(text.len().max(1)).min(text.len());
        if opened && cut < text.len() {
            prop_assert!(check(&text.as_bytes()[..cut]).is_err());
        }
    }
}
