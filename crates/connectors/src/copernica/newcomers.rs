//! Profiles in the order in which they were made, whoever made them.
//!
//! Ids grow: each profile that is made or imported gets one above all before (inferred, as Copernica advises pages by
//! `id>LAST`; copernica.md §2.2). So what is new since a look is one list.

use schakel_core::connector::{Class, ConnectorError, Cx, Method, Newcomers};
use schakel_core::delivery::ObjectKind;

use super::Copernica;
use super::call::Call;
use super::outcome;
use super::wire::{List, Row};

/// Profiles on a page: the most that the API gives (copernica.md §2.2).
const PAGE: usize = 1000;

impl Copernica {
    /// Lists a page of the profiles with a number whose id is above `above`; without it only finds the highest id.
    ///
    /// # Errors
    /// Any [`ConnectorError`]; [`ConnectorError::Structure`] when the answer holds what was not asked for, or in another
    /// order: a filter that is not understood is passed over, and so is an order (copernica.md §2.2, §2.3).
    pub(super) async fn list_newcomers(
        &self,
        cx: &Cx,
        above: Option<i64>,
    ) -> Result<Newcomers, ConnectorError> {
        let known = self.known()?;
        let Some(table) = self.preset.table(ObjectKind::Relation) else {
            return Err(ConnectorError::Unsupported("the preset has no persons"));
        };
        let key = &*table.fields[table.key[0]].name;
        let path = format!("database/{}/profiles", known.database);
        let call = Call::new(Method::Get, path, "GET database/{id}/profiles").class(Class::Retry);
        let (call, limit) = match above {
            Some(above) => (call.filter([format!("id>{above}"), format!("{key}>0")]), PAGE),
            None => (call, 1),
        };
        let call = call
            .query("orderby", "id")
            .query("order", if above.is_some() { "asc" } else { "desc" })
            .query("dataonly", "true")
            .query("total", "false")
            .query("limit", limit.to_string());
        let list: List<Row> = outcome::document(&self.send(cx, &call).await?)?;
        let Some(above) = above else {
            let upto = list.data.first().map_or(0, |row| row.id);
            return Ok(Newcomers {
                upto,
                found: Vec::new(),
                has_more: false,
            });
        };
        page_of(&list.data, key, above)
    }
}

/// Reads a page of the profiles above `above`, lowest id first.
fn page_of(rows: &[Row], key: &str, above: i64) -> Result<Newcomers, ConnectorError> {
    let (mut upto, mut found) = (above, Vec::with_capacity(rows.len()));
    for row in rows {
        let number = row.number(key).filter(|number| *number > 0 && row.id > upto);
        let Some(number) = number else {
            return Err(ConnectorError::Structure(format!(
                "a filter on id or {key} is not understood, or an order"
            )));
        };
        upto = row.id;
        found.push((number, row.id));
    }
    Ok(Newcomers {
        upto,
        has_more: found.len() >= PAGE,
        found,
    })
}
