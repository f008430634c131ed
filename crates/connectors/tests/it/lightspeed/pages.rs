//! Pages of lists that the simulator never gives: other orders, repeats, odd shapes. The network is a script.

use schakel_core::connector::{ConnectorError, HttpError, Page, PageAsk, Part, Response, Source, Span};
use schakel_core::event::Origin;
use schakel_core::record::{Content, RecordKind};
use schakel_core::time::Timestamp;
use serde_json::{Value, json};

use super::world::{Script, answer, codes, doors, fixture, listed, shop};

type Answer = Result<Response, HttpError>;

/// Waits for a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Asks for one page, and gives it with the call that was made.
fn page(part: Part, cursor: &str, given: Answer) -> (Result<Page, ConnectorError>, String) {
    page_in(part, Span::default(), cursor, given)
}

fn page_in(part: Part, span: Span, cursor: &str, given: Answer) -> (Result<Page, ConnectorError>, String) {
    let script = Script::new(vec![given]);
    let ask = PageAsk {
        part,
        span,
        cursor,
        is_ids_only: false,
    };
    let page = now(shop().list(&doors(&script), ask));
    (page, script.calls().join(" "))
}

fn list(key: &str, ids: impl IntoIterator<Item = i64>) -> Answer {
    let items: Vec<Value> = ids
        .into_iter()
        .map(|id| json!({"id": id, "updatedAt": "2026-05-12T10:00:00+02:00"}))
        .collect();
    answer(200, json!({ key: items }).to_string())
}

fn remote_ids(page: &Page) -> Vec<i64> {
    page.items.iter().map(|item| item.remote_id).collect()
}

#[test]
fn a_list_in_another_order_is_begun_anew_by_number_up_to_now() {
    // Newest first, as many a list of a shop is.
    let (first, call) = page(Part::Orders, "", list("orders", (751..=1_000).rev()));
    assert_eq!(call, "GET nl/orders.json?limit=250&since_id=0");
    let first = first.unwrap();
    assert_eq!(first.items.len(), 250, "what was read is not thrown away");

    let frozen = "created_at_max=2026-05-13%2012%3A00%3A00&limit=250";
    let (second, call) = page(
        Part::Orders,
        &first.next.unwrap(),
        list("orders", (751..=1_000).rev()),
    );
    assert_eq!(call, format!("GET nl/orders.json?{frozen}&page=1"));
    // One came in meanwhile: the next page begins with the last one of the page before.
    let (third, call) = page(
        Part::Orders,
        &second.unwrap().next.unwrap(),
        list("orders", (502..=751).rev()),
    );
    assert_eq!(call, format!("GET nl/orders.json?{frozen}&page=2"));
    let (last, call) = page(
        Part::Orders,
        &third.unwrap().next.unwrap(),
        list("orders", (490..=501).rev()),
    );
    assert_eq!(call, format!("GET nl/orders.json?{frozen}&page=3"));
    assert_eq!(last.unwrap().next, None);
}

#[test]
fn a_shop_that_passes_over_the_bound_is_walked_by_number() {
    let (first, _) = page(Part::Customers, "", list("customers", 1..=250));
    let (again, call) = page(
        Part::Customers,
        &first.unwrap().next.unwrap(),
        list("customers", 1..=250),
    );
    assert_eq!(call, "GET nl/customers.json?limit=250&since_id=250");
    let (_, call) = page(
        Part::Customers,
        &again.unwrap().next.unwrap(),
        list("customers", 1..=250),
    );
    assert!(call.ends_with("&page=1"), "{call}");
}

#[test]
fn a_page_that_comes_once_more_is_not_the_end() {
    let (first, _) = page(Part::Quotes, "", list("quotes", (1..=250).rev()));
    let (one, _) = page(
        Part::Quotes,
        &first.unwrap().next.unwrap(),
        list("quotes", (1..=250).rev()),
    );
    let (two, _) = page(
        Part::Quotes,
        &one.unwrap().next.unwrap(),
        list("quotes", (1..=250).rev()),
    );
    assert!(matches!(two, Err(ConnectorError::Malformed(_))), "{two:?}");
}

#[test]
fn times_are_wall_times_of_the_shop() {
    let at = |text: &str| Timestamp::parse_rfc3339(text);
    let span = Span {
        created_from: at("2026-01-01T00:00:00Z"),
        created_to: at("2026-06-30T22:00:00Z"),
        updated_from: at("2026-05-12T10:00:00.9Z"),
    };
    let filters = "created_at_min=2026-01-01%2001%3A00%3A00&created_at_max=2026-07-01%2000%3A00%3A00\
                   &updated_at_min=2026-05-12%2012%3A00%3A00";
    let (_, call) = page_in(Part::Quotes, span, "", list("quotes", []));
    assert_eq!(call, format!("GET nl/quotes.json?{filters}&limit=250&since_id=0"));
    let (_, call) = page_in(Part::Groups, span, "", list("groupsCustomers", []));
    assert_eq!(
        call, "GET nl/groups/customers.json?limit=250&since_id=0",
        "they have no times"
    );

    let script = Script::new(vec![
        answer(200, r#"{"count":1284}"#),
        answer(200, r#"{"count":"7"}"#),
    ]);
    let cx = doors(&script);
    assert_eq!(now(shop().count(&cx, Part::QuoteRows, span)), Ok(1_284));
    assert_eq!(now(shop().count(&cx, Part::Customers, Span::default())), Ok(7));
    let counts = [
        format!("GET nl/quotes/count.json?{filters}"),
        "GET nl/customers/count.json".to_owned(),
    ];
    assert_eq!(script.calls(), counts);
}

#[test]
fn only_what_is_used_is_asked_for_where_that_is_proven_to_work() {
    let fields = |part, is_ids_only| {
        let script = Script::new(vec![answer(
            200,
            if part == Part::Checkouts { "[]" } else { "{}" },
        )]);
        let ask = PageAsk {
            part,
            span: Span::default(),
            cursor: "",
            is_ids_only,
        };
        now(shop().list(&doors(&script), ask)).unwrap();
        let call = script.calls().remove(0);
        call.split_once("&fields=").map(|(_, fields)| fields.to_owned())
    };
    let used = "id,createdAt,updatedAt,url,title,image";
    assert_eq!(fields(Part::Products, false).as_deref(), Some(used));
    for part in Part::ALL.into_iter().filter(|part| !part.is_per_thing()) {
        let has_choice = !matches!(part, Part::Groups | Part::Checkouts);
        assert_eq!(
            fields(part, true).as_deref(),
            has_choice.then_some("id,updatedAt"),
            "{part:?}"
        );
        assert!(
            part == Part::Products || fields(part, false).is_none(),
            "{part:?}"
        );
    }
}

/// A shop that knows no `fields` gives whole things.
#[test]
fn a_shop_that_passes_over_fields_is_understood() {
    let whole: Value = serde_json::from_str(&fixture("product.json")).unwrap();
    let body = json!({"products": [whole["product"]]}).to_string();
    let (found, _) = page(Part::Products, "", answer(200, body.clone()));
    let item = &found.unwrap().items[0];
    let normalised = shop().normalise(&listed(RecordKind::Product, item, Origin::Backfill));
    assert!(normalised.problems.is_empty(), "{:?}", normalised.problems);
    assert!(
        matches!(&normalised.records[0].content, Some(Content::Product(product)) if !product.url.is_empty())
    );

    let script = Script::new(vec![answer(200, body)]);
    let ask = PageAsk {
        part: Part::Products,
        span: Span::default(),
        cursor: "",
        is_ids_only: true,
    };
    let bare = now(shop().list(&doors(&script), ask)).unwrap();
    assert!(bare.items[0].body.is_empty());
}

#[test]
fn things_stay_as_they_were_written() {
    let body = r#"{"orders":[ {"id":42, "priceIncl":25.10,"x":"\u00e9\/"} ,{"id":"43"}]}"#;
    let (found, _) = page(Part::Orders, "", answer(200, body));
    let items = found.unwrap().items;
    assert_eq!(
        items[0].body,
        r#"{"order":{"id":42, "priceIncl":25.10,"x":"\u00e9\/"}}"#
    );
    assert_eq!((items[1].remote_id, items[1].updated_at), (43, None));

    let membership = r#"{"id":9,"group":{"resource":{"id":5}},"customer":{"resource":{"id":77}}}"#;
    let (found, _) = page(
        Part::Groups,
        "",
        answer(200, format!(r#"{{"groupsCustomers":[{membership}]}}"#)),
    );
    let item = &found.unwrap().items[0];
    assert_eq!(item.remote_id, 77);
    assert_eq!(item.body, format!(r#"{{"groupsCustomers":[{membership}]}}"#));
}

#[test]
fn what_has_no_id_keeps_its_body_and_what_stands_twice_comes_once() {
    let body = r#"{"customers":[{"id":1},{"id":{"a":1}},false,{"id":1},{"id":2}]}"#;
    let (found, _) = page(Part::Customers, "", answer(200, body));
    let found = found.unwrap();
    assert_eq!(remote_ids(&found), [1, 0, 0, 2]);
    for item in &found.items[1..3] {
        let normalised = shop().normalise(&listed(RecordKind::Customer, item, Origin::Backfill));
        assert!(normalised.records.is_empty() && !normalised.problems.is_empty());
    }
}

#[test]
fn memberships_lead_on_by_their_own_ids() {
    let memberships: Vec<Value> = (1_001..=1_250)
        .map(|id| json!({"id": id, "group": {"resource": {"id": 5}}, "customer": {"resource": {"id": 2_000 - id}}}))
        .collect();
    let (found, _) = page(
        Part::Groups,
        "",
        answer(200, json!({"groupsCustomers": memberships}).to_string()),
    );
    let (_, call) = page(
        Part::Groups,
        &found.unwrap().next.unwrap(),
        list("groupsCustomers", []),
    );
    assert_eq!(call, "GET nl/groups/customers.json?limit=250&since_id=1250");
}

#[test]
fn a_list_is_empty_only_when_it_says_so() {
    for body in [
        "{}",
        "[]",
        r#"{"orders":[]}"#,
        r#"{"orders":false}"#,
        r#"{"orders":null}"#,
    ] {
        let (found, _) = page(Part::Orders, "", answer(200, body));
        let found = found.unwrap();
        assert!(found.items.is_empty() && found.next.is_none(), "{body}");
    }
    for body in [r#"{"orders":7}"#, r#"{"orders":{"id":1}}"#, "7", "[1,2]"] {
        let (found, _) = page(Part::Orders, "", answer(200, body));
        assert!(
            matches!(found, Err(ConnectorError::Malformed(_))),
            "{body}: {found:?}"
        );
    }
    let unusable = [
        answer(404, fixture("error-404-resource.json")),
        answer(200, r#"{"message":"Please come back soon."}"#),
        answer(200, r#"{"errors":["busy"]}"#),
        answer(200, r#"{"orders":[{"id":1},"#),
        answer(200, "<html></html>"),
        answer(200, ""),
        Err(HttpError::Lost("half way".to_owned())),
    ];
    for given in unusable {
        let told = format!("{given:?}");
        let (found, _) = page(Part::Orders, "", given);
        assert!(
            matches!(found, Err(ConnectorError::Unavailable(_))),
            "{told}: {found:?}"
        );
    }
    for body in ["{}", r#"{"count":-1}"#, r#"{"count":false}"#, "7"] {
        let script = Script::new(vec![answer(200, body)]);
        let count = now(shop().count(&doors(&script), Part::Orders, Span::default()));
        assert!(
            matches!(count, Err(ConnectorError::Malformed(_))),
            "{body}: {count:?}"
        );
    }
}

#[test]
fn what_is_no_list_and_no_cursor_is_refused_without_a_call() {
    for (part, cursor) in [
        (Part::OrderRows, ""),
        (Part::QuoteRows, ""),
        (Part::Orders, "page two"),
    ] {
        let script = Script::new(Vec::new());
        let ask = PageAsk {
            part,
            span: Span::default(),
            cursor,
            is_ids_only: false,
        };
        assert!(now(shop().list(&doors(&script), ask)).is_err(), "{part:?}");
    }
}

fn checkouts(ids: impl IntoIterator<Item = i64>) -> Answer {
    let items: Vec<Value> = ids
        .into_iter()
        // Numbers as texts, as this resource may write them.
        .map(|id| json!({"id": id.to_string(), "created_at": "2026-05-12T08:00:00+00:00", "updated_at": "2026-05-12T08:00:00+00:00"}))
        .collect();
    answer(200, Value::from(items).to_string())
}

#[test]
fn checkouts_end_where_they_repeat() {
    let (few, call) = page(Part::Checkouts, "", checkouts(1..=49));
    let until = "created_at_max=2026-05-13%2012%3A00%3A00";
    assert_eq!(call, format!("GET nl/checkouts.json?{until}&limit=250&page=1"));
    assert_eq!(few.unwrap().next, None);

    // `limit` passed over, `page` obeyed; both obeyed; both passed over.
    for count in [50, 250, 1_200] {
        let (first, _) = page(Part::Checkouts, "", checkouts(1..=count));
        let first = first.unwrap();
        assert_eq!(first.items.len() as i64, count, "taken whole");
        let next = first.next.unwrap();
        let (again, call) = page(Part::Checkouts, &next, checkouts(1..=count));
        assert!(call.ends_with("&page=2"), "{call}");
        assert_eq!(again.unwrap().next, None, "{count}");
        let (further, _) = page(Part::Checkouts, &next, checkouts(count + 1..=2 * count));
        assert!(further.unwrap().next.is_some(), "{count}");
        let (shorter, _) = page(Part::Checkouts, &next, checkouts(count + 1..2 * count));
        assert_eq!(shorter.unwrap().next, None, "{count}");
    }
}

#[test]
fn a_checkout_is_read_in_every_form_of_its_values() {
    let full = json!({"id": "3628777", "created_at": "2026-05-12T16:01:11+00:00", "updated_at": "2026-05-12T16:03:42+00:00",
        "order_id": "315968433", "step": "payment", "mode": "account",
        "customer": {"id": "226983501", "email": " Kim@Example.org "}, "quote": {"id": "1501470233"}});
    let (found, _) = page(Part::Checkouts, "", answer(200, json!([full]).to_string()));
    let item = &found.unwrap().items[0];
    let normalised = shop().normalise(&listed(RecordKind::Checkout, item, Origin::Sweep));
    assert!(normalised.problems.is_empty(), "{:?}", normalised.problems);
    let Some(Content::Checkout(checkout)) = &normalised.records[0].content else {
        panic!("a checkout was listed");
    };
    assert_eq!(
        (checkout.quote_id, checkout.order_id, checkout.customer_id),
        (1_501_470_233, 315_968_433, 226_983_501)
    );
    assert_eq!(
        (checkout.email.as_str(), checkout.step.as_str()),
        ("Kim@Example.org", "payment")
    );
    assert_eq!(
        checkout.updated_at,
        Timestamp::parse_rfc3339("2026-05-12T16:03:42Z")
    );

    let empty = |change: Value| {
        let mut body = json!({"id": 7, "updated_at": "2026-05-12T16:03:42+00:00", "order_id": null, "customer": null,
            "billing_address": {"email": "billing@example.org"}, "quote": false, "step": ""});
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        let (found, _) = page(Part::Checkouts, "", answer(200, json!([body]).to_string()));
        shop().normalise(&listed(
            RecordKind::Checkout,
            &found.unwrap().items[0],
            Origin::Backfill,
        ))
    };
    let normalised = empty(json!({}));
    let Some(Content::Checkout(checkout)) = &normalised.records[0].content else {
        panic!("a checkout was listed");
    };
    assert_eq!(checkout.email, "billing@example.org");
    assert_eq!(
        (checkout.quote_id, checkout.order_id, checkout.customer_id),
        (0, 0, 0)
    );
    assert_eq!(
        codes(&empty(
            json!({"customer": {"email": "no address"}, "billing_address": []})
        )),
        ["bad_email"]
    );
    assert!(
        empty(json!({"updated_at": false})).records.is_empty(),
        "nothing tells how new it is"
    );
}

#[test]
fn rows_are_joined_only_with_what_has_them() {
    let source = shop();
    let rows = r#"{"orderProducts":[{"id":1}]}"#.into();
    let join = |body: &'static str| source.with_rows(Part::OrderRows, &body.into(), &rows);
    let whole = r#"{"order":{"id":42, "x":0.10},"orderProducts":[{"id":1}]}"#;
    assert_eq!(join(r#"{"order":{"id":42, "x":0.10}}"#).unwrap(), whole);
    assert_eq!(
        join(r#"[{"more":1,"order":{"id":42, "x":0.10},"orderProducts":[]}]"#).unwrap(),
        whole
    );
    for body in ["", "{", "{}", r#"{"order":false}"#, r#"{"quote":{"id":42}}"#] {
        assert_eq!(join(body), None, "{body}");
    }
    let order = r#"{"order":{"id":42}}"#.into();
    for rows in ["", "{}", r#"{"orderProducts":false}"#, r#"{"quoteProducts":[]}"#] {
        assert_eq!(
            source.with_rows(Part::OrderRows, &order, &rows.into()),
            None,
            "{rows}"
        );
    }
    assert_eq!(source.with_rows(Part::Orders, &order, &rows), None);
}
