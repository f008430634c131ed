//! The preset against its reference, rendered samples, and what holds for every input.

use std::collections::BTreeMap;

use proptest::prelude::*;

mod extras;
mod refused;

use super::*;
use crate::entity::{
    Address, Amount, Image, LanguageName, Order, OrderRow, Person, Product, Quote, QuoteRow, Shipment,
    Variant,
};
use crate::golden::{GroupView, OrderView, QuoteRowView, QuoteView, Relation, RowView};
use crate::problem::Code;
use crate::time::{Timestamp, Zone};

/// Column by column as in the reference: collection, field, type, max_length, position, copernica_type,
/// copernica_length, options, default, index, empty.
const REFERENCE: &str = include_str!("../../tests/fixtures/bookerz-fields.csv");

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn hub() -> Hub {
    Hub {
        number: 1207,
        shop_id: 24_501,
        guid: "5f0d1c3e-8a44-8b6f-9c21-0e5a7d3b9f10".to_owned(),
        is_historic: false,
        created_at: at("2026-06-02T08:24:43Z"),
        updated_at: at("2026-12-02T08:24:43Z"),
        zone: Zone::amsterdam(),
    }
}

fn table(object: ObjectKind) -> Table {
    let preset = Preset::bookerz().with_quote_rows().unwrap();
    preset.table(object).unwrap().clone()
}

fn shown(table: &Table, rendered: &Rendered) -> String {
    let fields = table.fields.iter().zip(&rendered.values);
    let mut text: String = fields
        .map(|(field, value)| match value {
            Value::Int(number) => format!("{} = {number}\n", field.name),
            Value::Text(text) => format!("{} = {text:?}\n", field.name),
        })
        .collect();
    for problem in &rendered.problems {
        text.push_str(&format!("! {} at {}\n", problem.code.as_str(), problem.field));
    }
    text
}

#[test]
fn the_built_in_preset_is_the_reference_field_by_field() {
    let preset = Preset::bookerz();
    let mut lines = REFERENCE.lines().skip(1);
    for table in &preset.tables {
        for (position, field) in table.fields.iter().enumerate() {
            let cells: Vec<&str> = lines.next().unwrap().split(',').collect();
            let length = field.length.map(|length| length.to_string()).unwrap_or_default();
            let ours = [
                table.collection.as_str(),
                &field.name,
                &(position + 1).to_string(),
                field.field_type.as_str(),
                &length,
                &field.options.join("|"),
                &field.default,
                if field.is_indexed { "yes" } else { "no" },
            ];
            let theirs = [
                cells[0], cells[1], cells[4], cells[5], cells[6], cells[7], cells[8], cells[9],
            ];
            assert_eq!(ours, theirs);
            // The manual's own type and length: a text has the manual's length, a date may be empty.
            assert!(field.field_type.as_str().contains(cells[2]), "{}", field.name);
            assert!(cells[3].is_empty() || cells[3] == length, "{}", field.name);
        }
    }
    assert_eq!(lines.next(), None);
    assert_eq!(
        preset
            .tables
            .iter()
            .map(|table| table.fields.len())
            .sum::<usize>(),
        127
    );
}

#[test]
fn nothing_is_stored_as_the_reference_says() {
    let hub = Hub {
        number: 0,
        shop_id: 0,
        guid: String::new(),
        is_historic: false,
        created_at: Timestamp::ZERO,
        updated_at: Timestamp::ZERO,
        zone: Zone::amsterdam(),
    };
    let empties: Vec<String> = Preset::bookerz()
        .tables
        .into_iter()
        .flat_map(|table| {
            let values = rendered_empty(&table, &hub).values;
            table
                .fields
                .iter()
                .zip(&values)
                .map(|(field, value)| stored(field, value))
                .collect::<Vec<_>>()
        })
        .collect();
    let expected: Vec<&str> = REFERENCE
        .lines()
        .skip(1)
        .map(|line| line.split(',').next_back().unwrap())
        .collect();
    assert_eq!(empties, expected);
}

fn rendered_empty(table: &Table, hub: &Hub) -> Rendered {
    let (order, row, quote) = (Order::default(), OrderRow::default(), Quote::default());
    match table.object {
        ObjectKind::Relation => render_relation(table, &Relation::default(), hub),
        ObjectKind::Order => render_order(table, &order_view(&order, &[]), hub),
        ObjectKind::OrderRow => render_order_row(table, &row_view(&row), hub),
        ObjectKind::Quote => render_quote(
            table,
            &QuoteView {
                id: 0,
                quote: &quote,
                is_gone: false,
                is_ordered: false,
                is_expired: false,
                recovery_url: "",
            },
            hub,
        ),
        ObjectKind::QuoteRow => render_quote_row(
            table,
            &QuoteRowView {
                quote_id: 0,
                row: &QuoteRow::default(),
                is_deleted: false,
                product: None,
                variant: None,
            },
            hub,
        ),
        ObjectKind::CustomerGroup => render_group(
            table,
            &GroupView {
                group_id: 0,
                is_gone: false,
            },
            hub,
        ),
    }
}

fn order_view<'a>(order: &'a Order, shipments: &'a [Shipment]) -> OrderView<'a> {
    OrderView {
        id: 0,
        order,
        is_deleted: false,
        shipments: shipments.iter().collect(),
        recovery_hash: "",
    }
}

fn row_view(row: &OrderRow) -> RowView<'_> {
    RowView {
        order_id: 0,
        order_number: 0,
        row,
        is_deleted: false,
        product: None,
        variant: None,
    }
}

fn sample_relation() -> Relation {
    let billing = Address {
        name: "Jan van Voorbeeld".to_owned(),
        street: "Proefstraat".to_owned(),
        number: "12".to_owned(),
        extension: "bis".to_owned(),
        zipcode: "1234 AB".to_owned(),
        city: "Utrecht".to_owned(),
        country_code: "nl".to_owned(),
        country_title: "Nederland".to_owned(),
        ..Address::default()
    };
    let person = Person {
        email: "Jan@example.org".to_owned(),
        gender: "male".to_owned(),
        firstname: "  Jan\u{7}\tPiet ".to_owned(),
        middlename: "van".to_owned(),
        lastname: "Voorbeeld".repeat(12),
        phone: "030 1234567".to_owned(),
        mobile: "0".repeat(51),
        birth_date: "1980-02-29".to_owned(),
        billing,
        language: LanguageName {
            code: "nl".to_owned(),
            title: "Nederlands".to_owned(),
        },
        ..Person::default()
    };
    Relation {
        person,
        newsletter: true,
        customer_id: 9_007_199_254_740_993,
        customer_type: "registered".to_owned(),
        is_confirmed_customer: true,
        customer_created_at: Some(at("2025-10-26T02:30:00+01:00")),
        customer_updated_at: Some(at("2026-07-01T00:00:00+02:00")),
        ..Relation::default()
    }
}

#[test]
fn a_person_is_rendered_by_the_rules() {
    let table = table(ObjectKind::Relation);
    let rendered = render_relation(&table, &sample_relation(), &hub());
    insta::assert_snapshot!(shown(&table, &rendered));
}

#[test]
fn an_order_is_rendered_with_its_newest_shipment_and_the_last_code() {
    let table = table(ObjectKind::Order);
    let order = Order {
        number: "ORD00042".to_owned(),
        status: "processing_awaiting_shipment".to_owned(),
        price_incl: Amount("74.3388".to_owned()),
        price_excl: Amount("7.4e1".to_owned()),
        discount_amount: Amount("0.1234567890123456789".to_owned()),
        is_discounted: true,
        shipment_title: "Thuisbezorgd op een avond naar keuze, of bij de buren".to_owned(),
        payment_id: "x".repeat(51),
        created_at: Some(at("2026-06-02T10:24:43+02:00")),
        ..Order::default()
    };
    let shipments = [
        Shipment {
            tracking_code: "3SABC".to_owned(),
            updated_at: Some(at("2026-06-03T10:00:00Z")),
            ..Shipment::default()
        },
        Shipment {
            notify_shipped: true,
            updated_at: Some(at("2026-06-04T10:00:00Z")),
            ..Shipment::default()
        },
    ];
    let view = OrderView {
        id: 42,
        recovery_hash: "a1b2",
        ..order_view(&order, &shipments)
    };
    let rendered = render_order(&table, &view, &hub());
    insta::assert_snapshot!(shown(&table, &rendered));
}

#[test]
fn a_row_takes_its_picture_from_the_product_else_from_the_variant() {
    let table = table(ObjectKind::OrderRow);
    let image = |name: &str| Image {
        thumb: format!("https://shop.example.org/{name}-t.jpg"),
        src: format!("https://shop.example.org/{name}.jpg"),
    };
    let row = OrderRow {
        id: 7,
        product_id: 70,
        variant_id: 71,
        product_title: "Stoel".to_owned(),
        ean: "8712345678906".to_owned(),
        quantity_ordered: Amount("2".to_owned()),
        price_excl: Amount("61.4370".to_owned()),
        ..OrderRow::default()
    };
    let mut product = Product {
        url: "stoel".to_owned(),
        image: Image::default(),
        ..Product::default()
    };
    let variant = Variant {
        image: image("variant"),
        ..Variant::default()
    };
    let of_variant = RowView {
        order_id: 42,
        product: Some(&product),
        variant: Some(&variant),
        ..row_view(&row)
    };
    insta::assert_snapshot!(shown(&table, &render_order_row(&table, &of_variant, &hub())));
    product.image = image("product");
    let of_product = RowView {
        is_deleted: true,
        product: Some(&product),
        variant: Some(&variant),
        ..row_view(&row)
    };
    let text = shown(&table, &render_order_row(&table, &of_product, &hub()));
    assert!(
        text.contains("ThumbnailURL = \"https://shop.example.org/product-t.jpg\""),
        "{text}"
    );
    assert!(text.contains("BookerzOrderRowsDeleted = \"Yes\""), "{text}");
}

#[test]
fn a_cart_that_is_gone_or_ordered_counts_as_deleted() {
    let table = table(ObjectKind::Quote);
    let quote = Quote {
        recovery_hash: "f00d".to_owned(),
        updated_at: Some(at("2026-06-02T10:24:43Z")),
        ..Quote::default()
    };
    let shown = |is_gone, is_ordered| {
        let view = QuoteView {
            id: 3_000_000_000,
            quote: &quote,
            is_gone,
            is_ordered,
            is_expired: false,
            recovery_url: "",
        };
        shown(&table, &render_quote(&table, &view, &hub()))
    };
    insta::assert_snapshot!(shown(false, false));
    for (is_gone, is_ordered) in [(true, false), (false, true), (true, true)] {
        assert!(shown(is_gone, is_ordered).contains("BookerzQuotesDeleted = \"Yes\""));
    }
}

#[test]
fn the_natural_keys_are_integers_that_name_one_row() {
    let keys = |object| {
        let table = table(object);
        let key = table.key_of(&rendered_empty(&table, &hub()).values);
        key.iter()
            .map(|(name, number)| format!("{name}={number}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(keys(ObjectKind::Relation), "RelationID=1207");
    assert_eq!(keys(ObjectKind::Order), "OrderID=0 ShopID=24501");
    assert_eq!(keys(ObjectKind::OrderRow), "OrderRowID=0 ShopID=24501");
    assert_eq!(keys(ObjectKind::Quote), "QuoteID=0 ShopID=24501");
    assert_eq!(keys(ObjectKind::QuoteRow), "QuoteRowID=0 ShopID=24501");
    assert_eq!(keys(ObjectKind::CustomerGroup), "CustomerGroupID=1207");
}

#[test]
fn hub_times_do_not_count() {
    for object in ObjectKind::ALL {
        let table = table(object);
        let values = rendered_empty(&table, &hub()).values;
        let later = Hub {
            updated_at: at("2030-01-01T00:00:00Z"),
            created_at: at("2030-01-01T00:00:00Z"),
            ..hub()
        };
        let other = rendered_empty(&table, &later).values;
        assert_ne!(values, other);
        assert_eq!(table.counted(&values), table.counted(&other));
        assert_eq!(table.counted(&values).len(), table.fields.len() - 2);
    }
}

#[test]
fn fields_are_renamed_and_keys_follow() {
    let names = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(old, new)| ((*old).to_owned(), (*new).to_owned()))
            .collect()
    };
    let preset = Preset::bookerz();
    let renamed = preset
        .renamed(&names(&[
            ("RelationID", "SchakelID"),
            ("Orders.OrderID", "Bestelnummer"),
        ]))
        .unwrap();
    assert_eq!(
        &*renamed.tables[0].fields[renamed.tables[0].key[0]].name,
        "SchakelID"
    );
    assert_eq!(
        &*renamed.tables[1].fields[renamed.tables[1].key[0]].name,
        "Bestelnummer"
    );
    let swapped = preset
        .renamed(&names(&[("Phone", "Mobile"), ("Mobile", "Phone")]))
        .unwrap();
    assert_eq!(swapped.tables[0].fields[10].path(), "person.phone");
    assert_eq!(&*swapped.tables[0].fields[10].name, "Mobile");
    for (pairs, message) in [
        (
            [("Relation", "X")],
            "Relation: there is no such field, did you mean `RelationID`?",
        ),
        ([("Phone", "email")], "email: the name is used twice"),
        (
            [("Phone", "2nd")],
            "Phone: `2nd` is not a letter followed by letters, digits or underscores",
        ),
        (
            [("Phone", "Modified")],
            "Phone: `Modified` has a meaning of its own in Copernica",
        ),
    ] {
        let error = preset.renamed(&names(&pairs)).unwrap_err().to_string();
        assert!(error.eq_ignore_ascii_case(message), "{error}");
    }
}

#[test]
fn the_empty_dates_of_all_types_agree() {
    let field = |name: &str| {
        table(ObjectKind::Order)
            .fields
            .iter()
            .find(|field| &*field.name == name)
            .unwrap()
            .clone()
    };
    let none = Value::Text(String::new());
    assert!(agrees(&field("CreatedAt"), &none, "0000-00-00 00:00:00"));
    assert!(agrees(&field("CreatedAt"), &none, ""));
    let moment = Value::Text("2026-06-02 10:24:43".to_owned());
    assert!(agrees(&field("CreatedAt"), &moment, "2026-06-02 10:24:43"));
    assert!(!agrees(&field("CreatedAt"), &moment, "0000-00-00 00:00:00"));
    assert!(agrees(&field("OrderID"), &Value::Int(-3), "-3"));
    assert!(!agrees(&field("OrderNumber"), &Value::Text("a".to_owned()), "a "));
}

fn person_of(text: &str) -> Person {
    let address = || Address {
        name: text.to_owned(),
        company: text.to_owned(),
        street: text.to_owned(),
        street2: text.to_owned(),
        number: text.to_owned(),
        extension: text.to_owned(),
        zipcode: text.to_owned(),
        city: text.to_owned(),
        region: text.to_owned(),
        country_code: text.to_owned(),
        country_title: text.to_owned(),
    };
    Person {
        email: text.to_owned(),
        gender: text.to_owned(),
        firstname: text.to_owned(),
        middlename: text.to_owned(),
        lastname: text.to_owned(),
        phone: text.to_owned(),
        mobile: text.to_owned(),
        birth_date: text.to_owned(),
        is_company: text.len().is_multiple_of(2),
        company_name: text.to_owned(),
        company_coc_number: text.to_owned(),
        company_vat_number: text.to_owned(),
        billing: address(),
        shipping: address(),
        language: LanguageName {
            code: text.to_owned(),
            title: text.to_owned(),
        },
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<String>().prop_map(Value::Text),
        "[ ]?[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?[ ]?".prop_map(Value::Text),
        "[ +-]{0,2}[0-9]{0,22}[a-z]?".prop_map(Value::Text),
        "(Yes|No|yes| No)".prop_map(Value::Text),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn rendered_text_fits_its_field_and_holds_no_control_character(
        (piece, times) in ("(\\PC|[\\u{0}-\\u{1f}\\u{7f}-\\u{9f}]){0,12}", 0usize..30),
        literal in "-?[0-9]{0,25}(\\.[0-9]{0,25})?",
        id: i64,
        us in 0i64..4_000_000_000_000_000,
    ) {
        let text = piece.repeat(times);
        let relation = Relation {
            person: person_of(&text),
            customer_id: id,
            customer_type: text.clone(),
            customer_created_at: Some(Timestamp::from_micros(us)),
            ..Relation::default()
        };
        let row = OrderRow {
            product_title: text.clone(),
            ean: text.clone(),
            price_excl: Amount(literal),
            weight: Amount(text),
            ..OrderRow::default()
        };
        let (people, rows) = (table(ObjectKind::Relation), table(ObjectKind::OrderRow));
        let person = render_relation(&people, &relation, &hub());
        prop_assert_eq!(&person, &render_relation(&people, &relation, &hub()));
        let row = render_order_row(&rows, &row_view(&row), &hub());
        for (table, rendered) in [(&people, &person), (&rows, &row)] {
            prop_assert_eq!(rendered.values.len(), table.fields.len());
            for (field, value) in table.fields.iter().zip(&rendered.values) {
                if let Value::Text(text) = value {
                    prop_assert!(text.chars().count() <= field.length.unwrap_or(50), "{}", field.name);
                    prop_assert!(!text.chars().any(char::is_control), "{}", field.name);
                }
                // What is sent is what is held: the sink changes nothing that we render.
                prop_assert!(agrees(field, value, &stored(field, value)));
                if let (Value::Text(text), true) = (value, field.field_type != FieldType::Datetime) {
                    prop_assert_eq!(text, &stored(field, value), "{}", field.name);
                }
            }
            prop_assert!(rendered.problems.iter().all(|problem| matches!(problem.code, Code::Cut | Code::LeftOut)));
        }
    }

    #[test]
    fn what_is_stored_is_stored_again_unchanged(value in value()) {
        for table in &Preset::bookerz().tables {
            for field in &table.fields {
                let once = stored(field, &value);
                prop_assert_eq!(stored(field, &Value::Text(once.clone())), once);
            }
        }
    }
}
