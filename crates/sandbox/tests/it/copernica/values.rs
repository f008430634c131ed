//! Values of fields (copernica.md §11 no. 66-72); the tables of cases are beside the code.

use super::*;

/// Every value of a field is a text, and the marks of a definition are truth values.
///
/// Fidelity: copernica.md 66 — exact
#[tokio::test]
async fn c066_every_value_is_a_text() {
    let world = World::new().await;
    let id = world
        .profile(json!({"Score": 6, "Rate": 2.5, "LastName": true}))
        .await;
    let fields = world.fields(id).await;
    assert!(
        fields
            .as_object()
            .expect("an object")
            .values()
            .all(Value::is_string)
    );
    assert_eq!(
        (&fields["Score"], &fields["Rate"], &fields["LastName"]),
        (&json!("6"), &json!("2.5"), &json!("1"))
    );
    let definition = &world.get("database/1/fields").await.json()["data"][1];
    assert_eq!(
        (&definition["type"], &definition["length"]),
        (&json!("email"), &json!("255"))
    );
    assert_eq!(
        (&definition["index"], &definition["hidden"]),
        (&json!(true), &json!(false))
    );
}

/// A mail address is not checked and not trimmed.
///
/// Fidelity: copernica.md 67 — exact
#[tokio::test]
async fn c067_a_mail_address_is_kept_as_it_is() {
    let world = World::new().await;
    let id = world.profile(json!({"Email": " value "})).await;
    assert_eq!(world.fields(id).await["Email"], " value ");
}

/// A value that is not among the options becomes nothing.
///
/// Fidelity: copernica.md 68 — exact
#[tokio::test]
async fn c068_an_unknown_option_is_nothing() {
    let world = World::new().await;
    for option in ["Maybe", "yes", "Yes "] {
        let id = world.profile(json!({"Newsletter": option})).await;
        assert_eq!(world.fields(id).await["Newsletter"], "", "{option}");
    }
    let id = world.profile(json!({"Newsletter": "Yes"})).await;
    assert_eq!(world.fields(id).await["Newsletter"], "Yes");
}

/// Dates are read with the rules of PHP, in the time of Amsterdam.
///
/// Fidelity: copernica.md 69 — approximated: the observed table and common forms; not every text that PHP understands
#[tokio::test]
async fn c069_dates_are_read_as_php_reads_them() {
    let world = World::new().await;
    let id = world.profile(json!({})).await;
    for (given, kept) in [
        ("2020-01-02 03:04:05", "2020-01-02 03:04:05"),
        ("2020-01-02t03:04:05.98", "2020-01-02 03:04:05"),
        ("2020-01-02 03:4", "2020-01-02 03:04:00"),
        ("2020-2", "2020-02-01 00:00:00"),
        ("2020-01-02 03:04:05z", "2020-01-02 04:04:05"),
        ("2020-01-02 03:04:05+03:00", "2020-01-02 01:04:05"),
        ("@1577934245", "2020-01-02 04:04:05"),
        ("now", "2024-05-02 11:30:15"),
        ("a", "2024-05-02 11:30:15"),
        ("yesterday", "2024-05-01 00:00:00"),
        ("1960", "1960-05-02 11:30:15"),
        ("1959", "2024-05-02 19:59:00"),
        ("1596979546", ""),
        ("999", ""),
        ("10000", ""),
        ("2020-01-02 03:", ""),
        ("2020 2", ""),
        ("aa", ""),
        ("true", ""),
        ("0000-00-00 23:59:59", ""),
        ("0000-00-01", "0000-00-00 00:00:00"),
    ] {
        world
            .put(&format!("profile/{id}"), json!({"fields": {"Seen": given}}))
            .await;
        assert_eq!(world.fields(id).await["Seen"], kept, "{given}");
    }
}

/// An empty date has the form of its type.
///
/// Fidelity: copernica.md 70 — exact
#[tokio::test]
async fn c070_no_date_has_a_form_per_type() {
    let world = World::new().await;
    let id = world.profile(json!({"Since": "", "Birthday": ""})).await;
    let fields = world.fields(id).await;
    assert_eq!(
        (&fields["Since"], &fields["Birthday"]),
        (&json!("0000-00-00"), &json!(""))
    );
}

/// A field added to existing rows reads as zero there, not as its default.
///
/// Fidelity: copernica.md 71 — exact
#[tokio::test]
async fn c071_a_new_field_is_zero_on_old_rows() {
    let world = World::new().await;
    let old = world.profile(json!({})).await;
    for (name, kind, value) in [
        ("Points", "integer", "5"),
        ("Last", "empty_date", ""),
        ("Note", "text", "x"),
    ] {
        world
            .post(
                "database/1/fields",
                json!({"name": name, "type": kind, "value": value}),
            )
            .await
            .created();
    }
    let fields = world.fields(old).await;
    assert_eq!(
        (&fields["Points"], &fields["Last"], &fields["Note"]),
        (&json!("0"), &json!("0000-00-00"), &json!(""))
    );
    let new = world.profile(json!({})).await;
    let fields = world.fields(new).await;
    assert_eq!(
        (&fields["Points"], &fields["Last"], &fields["Note"]),
        (&json!("5"), &json!(""), &json!("x"))
    );
    // Writing what is there already changes nothing; writing something else does.
    world.pass_seconds(1);
    world
        .put(&format!("profile/{old}"), json!({"fields": {"Points": 0}}))
        .await;
    assert_eq!(world.simulator.counts().rows_unchanged, 1);
    world
        .put(&format!("profile/{old}"), json!({"fields": {"Last": ""}}))
        .await;
    let fields = world.fields(old).await;
    assert_eq!(
        (&fields["Points"], &fields["Last"], &fields["Note"]),
        (&json!("0"), &json!(""), &json!(""))
    );
}

/// A write against a restriction is refused with a generic message.
///
/// Fidelity: copernica.md 72 — approximated: conditions are uniqueness, a text that may not be contained and a minimum; how restrictions act on PUT is not known
#[tokio::test]
async fn c072_restrictions_refuse_with_a_generic_message() {
    let world = World::new().await;
    let rules = vec![
        Restriction::Unique(vec!["Email".to_owned()]),
        Restriction::NotContaining("Email".to_owned(), "@blocked.example.org".to_owned()),
    ];
    world
        .simulator
        .set_restrictions(At::Database("shop"), rules)
        .expect("there is a shop");
    let id = world.profile(json!({"Email": "a@example.org"})).await;
    world.profile(json!({})).await;
    for email in ["A@example.org", "x@blocked.example.org"] {
        let answer = world
            .post("database/1/profiles", json!({"fields": {"Email": email}}))
            .await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (StatusCode::BAD_REQUEST, "Failed to create profile")
        );
    }
    let path = "database/1/profiles?fields[]=CustomerId==7&create=1";
    let answer = world
        .put(path, json!({"fields": {"Email": "a@example.org"}}))
        .await;
    assert_eq!(answer.message(), "Failed to create profile");
    // The row itself may be written again; another row may not take its address.
    let body = json!({"fields": {"Email": "a@example.org", "LastName": "x"}});
    assert_eq!(
        world.put(&format!("profile/{id}"), body.clone()).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(world.put("profile/2", body).await.status, StatusCode::BAD_REQUEST);
    let rule = vec![Restriction::Unique(vec![
        "order_id".to_owned(),
        "Score".to_owned(),
    ])];
    world
        .simulator
        .set_restrictions(At::Collection("shop", "Orders"), rule)
        .expect("there are orders");
    world.order(id, json!({"order_id": 1, "Score": 1})).await;
    world.order(id, json!({"order_id": 1, "Score": 2})).await;
    let answer = world
        .post(
            &format!("profile/{id}/subprofiles/1"),
            json!({"order_id": 1, "Score": 2}),
        )
        .await;
    assert_eq!(answer.message(), "Subprofile could not be created");
}

#[tokio::test]
async fn texts_are_cut_or_refused() {
    let long = json!({"fields": {"LastName": "é".repeat(300)}});
    let world = World::new().await;
    let id = world.post("database/1/profiles", long.clone()).await.created();
    let name = world.fields(id).await["LastName"]
        .as_str()
        .map(|name| name.chars().count());
    assert_eq!(name, Some(255));
    let strict = World::with(Options {
        refuse_long_text: true,
        ..Options::default()
    })
    .await;
    assert_eq!(
        strict.post("database/1/profiles", long).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn integers_may_be_cut_to_32_bits() {
    for (keep_integers_64, wanted) in [(true, "4294967296"), (false, "2147483647")] {
        let world = World::with(Options {
            keep_integers_64,
            ..Options::default()
        })
        .await;
        let id = world.profile(json!({"Score": 4_294_967_296_i64})).await;
        assert_eq!(world.fields(id).await["Score"], wanted);
    }
}

#[tokio::test]
async fn interests_are_switched_on_and_off() {
    let world = World::new().await;
    for name in ["news", "sales"] {
        world
            .post("database/1/interests", json!({"name": name, "group": "mail"}))
            .await
            .created();
    }
    let body = json!({"fields": {}, "interests": ["News", "bogus"]});
    let id = world.post("database/1/profiles", body).await.created();
    let path = format!("profile/{id}");
    assert_eq!(world.get(&path).await.json()["interests"], json!(["news"]));
    world
        .put(&path, json!({"interests": {"sales": 1, "news": 0}}))
        .await;
    assert_eq!(
        world.get(&format!("{path}/interests")).await.json(),
        json!(["sales"])
    );
    world.post(&format!("{path}/interests"), json!(["news"])).await;
    assert_eq!(
        world.get(&format!("{path}/interests?return=ids")).await.json(),
        json!(["1", "2"])
    );
    world.put(&format!("{path}/interests"), json!(["news"])).await;
    let objects = world
        .get(&format!("{path}/interests?return=objects"))
        .await
        .json();
    assert_eq!(objects, json!([{"ID": "1", "name": "news", "group": "mail"}]));
}
