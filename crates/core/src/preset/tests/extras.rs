//! What can be switched on beside the 127 fields.

use super::*;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn everything() -> Preset {
    let all: Vec<String> = Preset::extras().map(str::to_owned).collect();
    Preset::bookerz()
        .with_extras(&all)
        .unwrap()
        .with_quote_rows()
        .unwrap()
}

/// Every field beside the preset, as it is made.
#[test]
fn the_extras_are_these_fields() {
    let mut text = String::new();
    for table in &everything().tables {
        let is_own = table.object == ObjectKind::QuoteRow;
        for field in &table.fields[if is_own { 0 } else { table.own }..] {
            let length = field.length.map_or(String::new(), |length| format!(" {length}"));
            let index = if field.is_indexed { " index" } else { "" };
            text.push_str(&format!(
                "{} {}{length} {:?} default {:?}{index} from {}\n",
                table.label(&field.name),
                field.field_type.as_str(),
                field.options,
                field.default,
                field.path()
            ));
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn each_extra_stands_behind_the_preset_and_off_changes_nothing() {
    let plain = Preset::bookerz();
    let count = |preset: &Preset| {
        preset
            .tables
            .iter()
            .map(|table| table.fields.len())
            .sum::<usize>()
    };
    assert_eq!(count(&plain.with_extras(&[]).unwrap()), 127);
    for (extra, fields) in [
        ("history", 2),
        ("quote_status", 1),
        ("quote_recovery_url", 1),
        ("row_price_incl", 1),
    ] {
        let preset = plain.with_extras(&names(&[extra, extra])).unwrap();
        assert_eq!(count(&preset), 127 + fields, "{extra}");
        for (with, without) in preset.tables.iter().zip(&plain.tables) {
            let own = with.fields.iter().zip(&without.fields);
            assert!(
                own.into_iter()
                    .all(|(a, b)| a.name == b.name && a.path() == b.path())
            );
            assert_eq!((with.own, &with.key), (without.fields.len(), &without.key));
        }
    }
    let listed: Vec<&str> = Preset::extras().collect();
    assert_eq!(
        listed,
        ["history", "quote_status", "quote_recovery_url", "row_price_incl"]
    );
}

#[test]
fn an_unknown_extra_is_refused_with_a_guess() {
    let error = Preset::bookerz().with_extras(&names(&["histery"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no extra `histery`, did you mean `history`?"
    );
}

#[test]
fn an_extra_does_not_hide_a_field_of_the_owner() {
    let renamed = BTreeMap::from([("Quotes.RecoveryHash".to_owned(), "RecoveryURL".to_owned())]);
    let preset = Preset::bookerz().renamed(&renamed).unwrap();
    let error = preset.with_extras(&names(&["quote_recovery_url"])).unwrap_err();
    assert_eq!(error.to_string(), "Quotes.RecoveryURL: the name is used twice");
}

#[test]
fn rows_of_carts_are_typed_like_rows_of_orders() {
    let preset = everything();
    let orders = preset.table(ObjectKind::OrderRow).unwrap();
    let carts = preset.table(ObjectKind::QuoteRow).unwrap();
    let mut alike = 0;
    for field in &carts.fields {
        if let Some(same) = orders.fields.iter().find(|known| known.name == field.name) {
            let shape = |field: &Field| {
                (
                    field.field_type,
                    field.length,
                    field.options.clone(),
                    field.default.clone(),
                )
            };
            assert_eq!(shape(field), shape(same), "{}", field.name);
            alike += 1;
        }
    }
    assert_eq!((carts.fields.len(), alike), (22, 16));
}

#[test]
fn values_that_were_rendered_with_other_extras_keep_their_names() {
    let plain = table(ObjectKind::Quote);
    let all = everything().table(ObjectKind::Quote).unwrap().clone();
    let values = rendered_empty(&plain, &hub()).values;
    let full = rendered_empty(&all, &hub()).values;
    let own = plain.named(values.clone()).unwrap();
    assert_eq!(all.named(values.clone()).unwrap(), own);
    assert_eq!(plain.named(full.clone()).unwrap(), own);
    assert_eq!(all.named(full).unwrap().len(), own.len() + 2);
    assert_eq!(all.named(values[1..].to_vec()), None);
}

#[test]
fn a_cart_is_open_ordered_or_expired() {
    let all = everything().table(ObjectKind::Quote).unwrap().clone();
    let quote = Quote::default();
    let status = |is_gone, is_ordered, is_expired| {
        let view = QuoteView {
            id: 1,
            quote: &quote,
            is_gone,
            is_ordered,
            is_expired,
            recovery_url: "https://shop.example.org/cart/recover/f00d",
        };
        let named = all.named(render_quote(&all, &view, &hub()).values).unwrap();
        let of = |name: &str| match named.iter().find(|(known, _)| **known == *name) {
            Some((_, Value::Text(text))) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(of("RecoveryURL"), "https://shop.example.org/cart/recover/f00d");
        (of("QuoteStatus"), of("BookerzQuotesDeleted"))
    };
    let told = |status: &str, deleted: &str| (status.to_owned(), deleted.to_owned());
    assert_eq!(status(false, false, false), told("Open", "No"));
    assert_eq!(status(false, true, false), told("Ordered", "Yes"));
    assert_eq!(status(true, true, true), told("Ordered", "Yes"));
    assert_eq!(status(false, false, true), told("Expired", "No"));
    assert_eq!(status(true, false, false), told("Expired", "Yes"));
}

#[test]
fn a_cart_row_shows_what_product_and_variant_tell() {
    let carts = everything().table(ObjectKind::QuoteRow).unwrap().clone();
    let row = QuoteRow {
        id: 2_299_871_001,
        product_id: 163_090_611,
        variant_id: 322_926_101,
        quantity: Amount("1".to_owned()),
        price_excl: Amount("74.3388".to_owned()),
        price_incl: Amount("89.95".to_owned()),
        ..QuoteRow::default()
    };
    let product = Product {
        url: "stoel".to_owned(),
        title: "Stoel".to_owned(),
        ..Product::default()
    };
    let variant = Variant {
        title: "Rood".to_owned(),
        article_code: "ST-1".to_owned(),
        sku: "ST-1-R".to_owned(),
        ean: "8712345678906".to_owned(),
        ..Variant::default()
    };
    let view = QuoteRowView {
        quote_id: 1_501_470_233,
        row: &row,
        is_deleted: true,
        product: Some(&product),
        variant: Some(&variant),
    };
    insta::assert_snapshot!(shown(&carts, &render_quote_row(&carts, &view, &hub())));
}
