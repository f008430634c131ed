//! Presets that could not be delivered.

use super::*;

fn preset_with(field: &str) -> String {
    format!(
        "name = \"own\"\n[[tables]]\nobject = \"relation\"\nkey = [\"RelationID\"]\nfields = [\n{{ name = \"RelationID\", type = \"integer\", default = \"0\", from = \"hub.number\", rule = \"integer\" }},\n{field}\n]\n"
    )
}

#[test]
fn a_preset_that_cannot_be_delivered_is_refused_with_the_field_and_the_reason() {
    assert!(Preset::parse(&preset_with("")).is_ok());
    for (field, message) in [
        (
            r#"{ name = "A", type = "text", length = 9, from = "person.fistname", rule = "prose" }"#,
            "A: unknown path `person.fistname`, did you mean `person.firstname`?",
        ),
        (
            r#"{ name = "A", type = "text", length = 9, from = "x", rule = "prose" }"#,
            "A: unknown path `x`",
        ),
        (
            r#"{ name = "A", type = "text", length = 9, from = "order.number", rule = "code" }"#,
            "A: unknown path `order.number`",
        ),
        (
            r#"{ name = "A", type = "integer", default = "0", from = "person.firstname", rule = "integer" }"#,
            "A: rule `integer` cannot write `person.firstname`, which is a text",
        ),
        (
            r#"{ name = "A", type = "integer", default = "0", from = "person.firstname", rule = "prose" }"#,
            "A: rule `prose` cannot fill type `integer`",
        ),
        (
            r#"{ name = "relationid", type = "text", length = 9, from = "hub.guid", rule = "code" }"#,
            "relationid: the name is used twice",
        ),
        (
            r#"{ name = "A", type = "text", from = "hub.guid", rule = "code" }"#,
            "A: a text needs a length",
        ),
        (
            r#"{ name = "A", type = "text", length = 300, from = "hub.guid", rule = "code" }"#,
            "A: length 300 is not between 1 and 255",
        ),
        (
            r#"{ name = "A", type = "phone", length = 30, from = "person.phone", rule = "phone" }"#,
            "A: type `phone` has no length",
        ),
        (
            r#"{ name = "A", type = "select", options = ["Ja", "Nee"], from = "relation.newsletter", rule = "choice" }"#,
            "A: rule `choice` cannot write `relation.newsletter`, which is a yes/no",
        ),
        (
            r#"{ name = "A", type = "select", options = ["Ja", "Nee"], from = "relation.newsletter", rule = "yes_no" }"#,
            "A: the options must hold `Yes` and `No`",
        ),
        (
            r#"{ name = "code", type = "text", length = 36, from = "hub.guid", rule = "code" }"#,
            "code: `code` has a meaning of its own in Copernica",
        ),
    ] {
        let error = Preset::parse(&preset_with(field)).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn unknown_keys_and_missing_keys_are_refused() {
    let unknown = preset_with(r#"{ name = "A", tpye = "text", from = "hub.guid", rule = "code" }"#);
    assert!(
        Preset::parse(&unknown)
            .unwrap_err()
            .to_string()
            .contains("unknown field `tpye`")
    );
    let keyless = preset_with("").replace("[\"RelationID\"]", "[\"RelationsID\"]");
    let error = Preset::parse(&keyless).unwrap_err().to_string();
    assert_eq!(error, "RelationsID: a key must be an integer field of its table");
}
