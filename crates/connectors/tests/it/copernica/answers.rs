//! Answers of the API, as scripts give them.

use bytes::Bytes;
use schakel_core::connector::{ConnectorError, HttpError, Response};
use schakel_core::preset::Preset;

pub(super) const PAGE: &str = "<html><head><title>Loadbalancer Error</title></head></html>";

pub(super) type Answer = Result<Response, HttpError>;

/// What a failure must be.
pub(super) type Is = fn(&ConnectorError) -> bool;

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<String>) -> Answer {
    Ok(Response {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: Bytes::from(body.into()),
    })
}

pub(super) fn empty(status: u16) -> Answer {
    answer(status, &[], "")
}

pub(super) fn created(id: i64) -> Answer {
    answer(201, &[("x-created", &id.to_string())], "")
}

pub(super) fn refused(message: &str) -> Answer {
    answer(400, &[], format!("{{\"error\":{{\"message\":\"{message}\"}}}}"))
}

pub(super) fn profiles(rows: &[(i64, i64)]) -> Answer {
    let row = |(id, relation): &(i64, i64)| {
        format!("{{\"ID\":\"{id}\",\"fields\":{{\"RelationID\":\"{relation}\"}}}}")
    };
    answer(
        200,
        &[],
        format!(
            "{{\"data\":[{}]}}",
            rows.iter().map(row).collect::<Vec<_>>().join(",")
        ),
    )
}

pub(super) fn orders(rows: &[(i64, i64, i64)]) -> Answer {
    let row = |(id, profile, order): &(i64, i64, i64)| {
        format!(
            "{{\"ID\":\"{id}\",\"profile\":\"{profile}\",\"fields\":{{\"OrderID\":\"{order}\",\"ShopID\":\"24501\"}}}}"
        )
    };
    answer(
        200,
        &[],
        format!(
            "{{\"data\":[{}]}}",
            rows.iter().map(row).collect::<Vec<_>>().join(",")
        ),
    )
}

/// The database as the API shows it: id 7, collections from 31 on.
pub(super) fn structure() -> Answer {
    let preset = Preset::bookerz();
    let fields = |at: usize| {
        let field = |field: &schakel_core::preset::Field| {
            format!(
                "{{\"name\":\"{}\",\"type\":\"{}\",\"length\":\"{}\"}}",
                field.name,
                field.field_type.as_str(),
                field.length.unwrap_or(0)
            )
        };
        let list: Vec<String> = preset.tables[at].fields.iter().map(field).collect();
        format!("{{\"data\":[{}],\"total\":{}}}", list.join(","), list.len())
    };
    let collection = |at: usize| {
        format!(
            "{{\"ID\":\"{}\",\"name\":\"{}\",\"fields\":{}}}",
            30 + at,
            preset.tables[at].collection,
            fields(at)
        )
    };
    let collections: Vec<String> = (1..5).map(collection).collect();
    let body = format!(
        "{{\"ID\":\"7\",\"name\":\"WebShop\",\"fields\":{},\"collections\":{{\"data\":[{}],\"total\":4}}}}",
        fields(0),
        collections.join(",")
    );
    answer(200, &[("content-type", "application/json")], body)
}
