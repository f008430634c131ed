//! Calls beside the data: requests of a person for his data, log files, files and mailings of a profile
//! (copernica.md §9.3, §9.4). Mailings and files are always none: nothing is sent or attached here.

use super::account::{Account, Space, id_of};
use super::call::{Call, Refusal, Reply, Verb};
use super::out::Out;
use super::state::DataRequest;
use http::StatusCode;

/// The one log that this account writes.
const LOG: &str = "feedback-loop-errors";

impl Account {
    /// Answers `POST …/datarequest`: the data is ready a moment later.
    ///
    /// # Errors
    /// For another verb.
    pub(crate) fn post_data_request(
        &mut self,
        kind: &str,
        whose: &str,
        call: &Call,
    ) -> Result<Reply, Refusal> {
        if !call.verb.is_write() {
            return Err(Refusal::invalid_method());
        }
        let wait_s = self.options.async_delay_ms.max(0) as u32 / 1000;
        self.data_requests.push(DataRequest {
            kind: kind.to_owned(),
            whose: whose.to_owned(),
            ready: self.now() + wait_s,
        });
        Ok(Reply::Created {
            entity: "datarequest",
            id: self.data_requests.len() as u64,
        })
    }

    /// Answers `GET datarequest/{id}/status` and `…/data`; data that is not ready is the one documented 404.
    ///
    /// # Errors
    /// For an unknown id, another path, or data that is not ready.
    pub(crate) fn data_request_call(&self, call: &Call) -> Result<Reply, Refusal> {
        let id = id_of(call.segment(1)).unwrap_or(0);
        let request = (id as usize)
            .checked_sub(1)
            .and_then(|at| self.data_requests.get(at));
        let is_ready = request.is_some_and(|request| request.ready <= self.now());
        match (call.segment(2), call.verb, request) {
            ("status", Verb::Get, request) => {
                let status = match request {
                    None => "not available",
                    Some(_) if is_ready => "available",
                    Some(_) => "pending",
                };
                let data = request.filter(|_| is_ready).map(|request| self.data_of(request));
                let mut out = Out::default();
                out.open(b'{').key("status").text(status);
                if let Some(data) = data {
                    out.key("available").number(data.len() as i64);
                    out.key("content-type").text("application/json");
                }
                out.close(b'}');
                Ok(Reply::Json(out.finish()))
            }
            ("data", Verb::Get, Some(request)) if is_ready => Ok(Reply::Json(self.data_of(request))),
            ("data", Verb::Get, _) => Err(Refusal {
                status: StatusCode::NOT_FOUND,
                ..Refusal::new("The data is not available")
            }),
            _ => Err(Refusal::invalid_method()),
        }
    }

    fn data_of(&self, request: &DataRequest) -> Vec<u8> {
        let mut out = Out::default();
        out.open(b'{').key("info").open(b'{');
        out.key("type").text(&request.kind).key("id").text(&request.whose);
        out.close(b'}').key("data").open(b'[');
        let id: u32 = request.whose.parse().unwrap_or(0);
        match request.kind.as_str() {
            "profile" => self.write_profile_of(&mut out, id),
            "subprofile" => self.write_subprofile_of(&mut out, id),
            _ => {
                for database in &self.databases {
                    for (position, field) in database.table.fields().iter().enumerate() {
                        if field.kind != super::field::Kind::Email {
                            continue;
                        }
                        for id in &database.table.ids {
                            let row = self.profiles.get(*id).filter(|row| row.removed == 0);
                            let address = row.map(|row| database.table.value(row, position));
                            if address.is_some_and(|address| address.eq_ignore_ascii_case(&request.whose)) {
                                self.write_profile_of(&mut out, *id);
                            }
                        }
                    }
                }
            }
        }
        out.close(b']').close(b'}');
        out.finish()
    }

    /// Answers `GET logfiles`: the dates with a log, or the names of the logs of a date.
    ///
    /// # Errors
    /// For another verb.
    pub(crate) fn log_files_call(&self, call: &Call) -> Result<Reply, Refusal> {
        if call.verb != Verb::Get {
            return Err(Refusal::invalid_method());
        }
        let mut dates: Vec<String> = self
            .failures
            .iter()
            .map(|failure| self.date_of(failure.at))
            .collect();
        dates.dedup();
        let mut out = Out::default();
        out.open(b'[');
        match call.param("date") {
            None => dates.iter().for_each(|date| {
                out.text(date);
            }),
            Some(date) => {
                let is_wanted = call.param("type").is_none_or(|kind| kind == LOG);
                if is_wanted && dates.iter().any(|known| known == date) {
                    out.text(&format!("{LOG}.{date}"));
                }
            }
        }
        out.close(b']');
        Ok(Reply::Json(out.finish()))
    }

    /// Answers `GET logfile/{name}/csv|json|xml`.
    ///
    /// # Errors
    /// For an unknown name or format.
    pub(crate) fn log_file_call(&self, call: &Call) -> Result<Reply, Refusal> {
        let date = call.segment(1).strip_prefix(LOG).unwrap_or("");
        let date = date.strip_prefix('.').unwrap_or("");
        let failures = self
            .failures
            .iter()
            .filter(|failure| self.date_of(failure.at) == date);
        let rows: Vec<[String; 3]> = failures
            .map(|failure| {
                [
                    self.clock.stamp(failure.at),
                    failure.response.to_string(),
                    failure.handler.clone(),
                ]
            })
            .collect();
        if rows.is_empty() {
            return Err(Refusal::new("No logfile with supplied name"));
        }
        const COLUMNS: [&str; 3] = ["time", "response", "recipient"];
        match (call.segment(2), call.verb) {
            ("json", Verb::Get) => {
                let mut out = Out::default();
                out.open(b'[');
                for row in &rows {
                    out.open(b'{');
                    for (name, value) in COLUMNS.iter().zip(row) {
                        out.key(name).text(value);
                    }
                    out.close(b'}');
                }
                out.close(b']');
                Ok(Reply::Json(out.finish()))
            }
            ("csv", Verb::Get) => {
                let lines: Vec<String> = std::iter::once(COLUMNS.join(","))
                    .chain(rows.iter().map(|row| row.join(",")))
                    .collect();
                Ok(Reply::Text("text/csv", lines.join("\n")))
            }
            ("xml", Verb::Get) => {
                let row = |row: &[String; 3]| {
                    let cells: String = COLUMNS
                        .iter()
                        .zip(row)
                        .map(|(name, value)| format!("<{name}>{}</{name}>", value.replace('&', "&amp;")))
                        .collect();
                    format!("<row>{cells}</row>")
                };
                let rows: String = rows.iter().map(row).collect();
                Ok(Reply::Text(
                    "application/xml",
                    format!("<?xml version=\"1.0\"?><rows>{rows}</rows>"),
                ))
            }
            _ => Err(Refusal::invalid_method()),
        }
    }

    fn date_of(&self, at: u32) -> String {
        let mut stamp = self.clock.stamp(at);
        stamp.truncate(10);
        stamp
    }

    /// Answers the calls on the files and mailings of a row, of which there are none.
    ///
    /// # Errors
    /// For one file, another verb, or another path.
    pub(crate) fn nothing_of(&self, call: &Call) -> Result<Reply, Refusal> {
        match (call.segment(2), call.segment(3), call.verb) {
            ("files", _, Verb::Get) | ("ms" | "publisher", "emailings" | "destinations", Verb::Get) => {
                Ok(super::structure::list::<()>(call, &[], |_, ()| {}))
            }
            ("file", _, Verb::Get) => Err(Refusal::new("No file with supplied ID")),
            _ => Err(Refusal::invalid_method()),
        }
    }

    /// Answers the calls that profiles and subprofiles share.
    ///
    /// # Errors
    /// For a path or verb that is not known.
    pub(crate) fn row_extras(&mut self, space: Space, id: u32, call: &Call) -> Result<Reply, Refusal> {
        match (call.segment(2), call.verb.is_write()) {
            ("unsubscribe", true) => Ok(self.put_unsubscribe(space, id)),
            ("datarequest", _) => {
                let kind = match space {
                    Space::Profiles => "profile",
                    Space::Subprofiles => "subprofile",
                };
                self.post_data_request(kind, &id.to_string(), call)
            }
            _ if space == Space::Profiles => self.nothing_of(call),
            _ => Err(Refusal::invalid_method()),
        }
    }
}
