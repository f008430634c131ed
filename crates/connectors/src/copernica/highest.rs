//! The highest number of a person in the database, whoever wrote it.

use schakel_core::connector::{ConnectorError, Cx, Method};
use schakel_core::delivery::ObjectKind;

use super::Copernica;
use super::call::Call;
use super::outcome;
use super::wire::{List, Row};

impl Copernica {
    /// Reads the highest RelationID above `above`; imported profiles have none (0) and do not count.
    ///
    /// # Errors
    /// Any [`ConnectorError`]; [`ConnectorError::Structure`] when the answer holds a row that was not asked for: a filter
    /// that is not understood is passed over, and so is an order (copernica.md §2.2, §2.3).
    pub(super) async fn highest_number(&self, cx: &Cx, above: i64) -> Result<Option<i64>, ConnectorError> {
        let known = self.known()?;
        let Some(table) = self.preset.table(ObjectKind::Relation) else {
            return Err(ConnectorError::Unsupported("the preset has no persons"));
        };
        let key = &*table.fields[table.key[0]].name;
        let path = format!("database/{}/profiles", known.database);
        let call = Call::new(Method::Get, path, "GET database/{id}/profiles")
            .filter([format!("{key}>{above}")])
            .query("orderby", key)
            .query("order", "desc")
            .query("dataonly", "true")
            .query("total", "false")
            .query("limit", "1");
        let list: List<Row> = outcome::document(&self.send(cx, &call).await?)?;
        let Some(row) = list.data.first() else {
            return Ok(None);
        };
        match row.number(key).filter(|number| *number > above) {
            Some(number) => Ok(Some(number)),
            None => Err(ConnectorError::Structure(format!(
                "a filter on {key} is not understood"
            ))),
        }
    }
}
