//! What the control ports of the simulators share: requests, answers, pages and the log of calls.
//!
//! A control port is not part of what is simulated: it has a port of its own and every path begins with
//! `/control/`. A person uses its pages, a test its JSON. Both send the same calls: a form is answered with the
//! page it came from, a JSON body with JSON. Nothing here needs a script in the browser.
//!
//! Reading order: [`Given`] (what a call says), [`Trouble`] and [`done`] (what it gets), [`Page`] (what a
//! person sees), [`CallLog`] (what happened to the simulated system).

mod log;

use std::fmt::{Display, Write};

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::middleware::Next;
use axum::response::IntoResponse;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Map, Value, json};

pub(crate) use log::{CallLog, log_json, log_table};

use crate::door::Outage;

/// The largest body of a control call, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How a browser sends a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// What a control call says: the query and the body in one map, whether they came as a form or as JSON.
#[derive(Debug, Default)]
pub(crate) struct Given {
    members: Map<String, Value>,
    is_form: bool,
}

impl Given {
    /// Gives a member as text; `None` when it is missing or empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.members.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
        .filter(|text| !text.is_empty())
    }

    /// Gives a member that must be there.
    ///
    /// # Errors
    /// When it is missing or empty.
    pub(crate) fn needed(&self, name: &str) -> Result<String, Trouble> {
        self.text(name)
            .ok_or_else(|| Trouble::new(format!("{name} is missing")))
    }

    /// Gives a member as a number; `None` when it is missing.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Trouble> {
        self.text(name)
            .map(|text| {
                text.trim()
                    .parse()
                    .map_err(|_| Trouble::new(format!("{name} is no such number")))
            })
            .transpose()
    }

    /// Begins or ends an outage: `on` is `true` or `false`.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub(crate) fn switch(&self, outage: &Outage) -> Result<(), Trouble> {
        if self.truth("on")? {
            outage.begin();
        } else {
            outage.end();
        }
        Ok(())
    }

    /// Gives a member that must be `true` or `false`.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub(crate) fn truth(&self, name: &str) -> Result<bool, Trouble> {
        match self.needed(name)?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Trouble::new(format!("{name} is true or false"))),
        }
    }

    /// Gives a member as JSON, as the body had it.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

impl<S: Send + Sync> FromRequest<S> for Given {
    type Rejection = Trouble;

    async fn from_request(request: Request, _: &S) -> Result<Self, Trouble> {
        let (parts, body) = request.into_parts();
        if parts.method != Method::GET && is_foreign(&parts.headers) {
            return Err(Trouble {
                status: StatusCode::FORBIDDEN,
                ..Trouble::new("a page of another site sent this")
            });
        }
        let mut given = Self::default();
        given.add_pairs(parts.uri.query().unwrap_or(""));
        let bytes = to_bytes(body, BODY_BYTES_MAX)
            .await
            .map_err(|_| Trouble::new("the body is too long"))?;
        let kind = parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("");
        given.is_form = kind.starts_with(FORM);
        if given.is_form {
            given.add_pairs(&String::from_utf8_lossy(&bytes));
        } else if !bytes.is_empty() {
            let body: Map<String, Value> =
                serde_json::from_slice(&bytes).map_err(|_| Trouble::new("the body is no JSON object"))?;
            given.members.extend(body);
        }
        Ok(given)
    }
}

impl Given {
    fn add_pairs(&mut self, text: &str) {
        for (name, value) in crate::form::pairs(text) {
            self.members.insert(name, Value::String(value));
        }
    }
}

/// Says whether a browser sends this from a page of another site: such a page may not steer a simulator.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, from)| from != host),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Why a control call is not done.
#[derive(Debug)]
pub(crate) struct Trouble {
    status: StatusCode,
    message: String,
}

impl Trouble {
    /// Refuses a call that cannot be understood or done.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// Says that there is no such thing.
    pub(crate) fn unknown(what: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: format!("there is no such {what}"),
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response<Body> {
        let mut response = data(&json!({"error": {"message": self.message}}));
        *response.status_mut() = self.status;
        response
    }
}

/// Answers with JSON.
pub(crate) fn data(value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers a change that is done: a form goes back to the page it came from, else to `page`; JSON gets `value`.
pub(crate) fn done(given: &Given, page: &str, value: &Value) -> Response<Body> {
    if !given.is_form {
        return data(value);
    }
    let back = given.text("back").filter(|back| back.starts_with("/control/"));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(place) = HeaderValue::from_str(back.as_deref().unwrap_or(page)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// A page for a person, under construction.
#[derive(Debug)]
pub(crate) struct Page(String);

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:0;color:#1d2330;background:#f6f7f9}\
header{background:#1d2330;color:#fff;padding:.7rem 1.5rem;display:flex;gap:1.5rem;align-items:baseline;flex-wrap:wrap}\
header a{color:#cfe0ff;text-decoration:none}header a:hover{text-decoration:underline}\
main{padding:1rem 1.5rem;max-width:90rem}h1{font-size:1.35rem;margin:.4rem 0}\
h2{font-size:1.05rem;margin:1.6rem 0 .4rem}.wide{overflow-x:auto}\
table{border-collapse:collapse;background:#fff;font-size:.9rem}\
th,td{border:1px solid #d9dde5;padding:.25rem .6rem;text-align:left;vertical-align:middle}th{background:#edf0f5}\
td.n{text-align:right;font-variant-numeric:tabular-nums}\
form.row{display:inline-flex;gap:.4rem;align-items:end;vertical-align:bottom;flex-wrap:wrap;margin:.2rem .8rem .2rem 0}\
label{display:inline-flex;flex-direction:column;font-size:.8rem;color:#4a5365}\
input,select,button{font:inherit;padding:.2rem .4rem}input.s{width:6rem}\
button{cursor:pointer;border:1px solid #3b5bdb;background:#3b5bdb;color:#fff;border-radius:4px}\
button.danger{background:#c92a2a;border-color:#c92a2a}.bad{color:#c92a2a}.mute{color:#68707f}code{font-size:.85rem}";

impl Page {
    /// Starts a page of the simulator of `system`, with links to its other pages.
    pub(crate) fn new(system: &str, links: &[(&str, &str)], title: &str) -> Self {
        let mut page = Self(String::with_capacity(16 * 1024));
        let title = escaped(title);
        page.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
        page.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
        page.raw(format!(
            "<title>{title} · {system} sandbox</title><style>{STYLE}</style></head>"
        ));
        page.raw(format!("<body><header><strong>{system} sandbox</strong>"));
        for (address, name) in links {
            page.raw(format!("<a href=\"{address}\">{name}</a>"));
        }
        page.raw(format!("</header><main><h1>{title}</h1>"));
        page
    }

    /// Appends HTML that is already safe.
    pub(crate) fn raw(&mut self, html: impl Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{html}");
        self
    }

    /// Appends a heading.
    pub(crate) fn heading(&mut self, text: &str) -> &mut Self {
        self.raw(format!("<h2>{}</h2>", escaped(text)))
    }

    /// Appends a paragraph.
    pub(crate) fn say(&mut self, text: &str) -> &mut Self {
        self.raw(format!("<p class=\"mute\">{}</p>", escaped(text)))
    }

    /// Appends a table; the cells of `rows` are HTML that is already safe.
    pub(crate) fn table(&mut self, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> &mut Self {
        self.raw("<div class=\"wide\"><table>");
        if !heads.is_empty() {
            self.raw("<thead><tr>");
            for head in heads {
                self.raw(format!("<th>{}</th>", escaped(head)));
            }
            self.raw("</tr></thead>");
        }
        self.raw("<tbody>");
        let rows: Vec<Vec<String>> = rows.collect();
        let columns = rows.first().map_or(0, Vec::len);
        // A number among words stands like the words.
        let classes: Vec<&str> = (0..columns)
            .map(|column| ["", " class=\"n\""][usize::from(is_of_numbers(&rows, column))])
            .collect();
        for row in &rows {
            self.raw("<tr>");
            for (cell, class) in row.iter().zip(&classes) {
                self.raw(format!("<td{class}>{cell}</td>"));
            }
            self.raw("</tr>");
        }
        if rows.is_empty() {
            self.raw(format!(
                "<tr><td colspan=\"{}\" class=\"mute\">nothing</td></tr>",
                heads.len()
            ));
        }
        self.raw("</tbody></table></div>")
    }

    /// Appends a form that posts to `action`; `fields` are inputs, `back` is where it leads afterwards.
    pub(crate) fn form(&mut self, action: &str, back: &str, button: &str, fields: &[Input<'_>]) -> &mut Self {
        let html = form(action, back, button, fields);
        self.raw(html)
    }

    /// Ends the page.
    pub(crate) fn finish(mut self) -> Response<Body> {
        self.raw("</main></body></html>");
        let mut response = Response::new(Body::from(self.0));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        // No script may run, whatever a value in the state looks like.
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"),
        );
        response
    }
}

/// Says whether a column holds numbers and nothing else.
fn is_of_numbers(rows: &[Vec<String>], column: usize) -> bool {
    let mut cells = rows.iter().filter_map(|row| row.get(column));
    cells.all(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Answers a form that was refused with a page: a person sent it.
pub(crate) async fn refusals_for_people(request: Request, next: Next) -> Response<Body> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_form = kind.is_some_and(|kind| kind.as_bytes().starts_with(FORM.as_bytes()));
    let response = next.run(request).await;
    let status = response.status();
    if !is_form || !status.is_client_error() {
        return response;
    }
    let bytes = to_bytes(response.into_body(), BODY_BYTES_MAX)
        .await
        .unwrap_or_default();
    let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let message = said["error"]["message"].as_str().unwrap_or("it cannot be done");
    let mut page = Page::new("Schakel", &[("/control/", "Overview")], "That did not work");
    page.raw(format!("<p class=\"bad\">{}.</p>", escaped(message)));
    page.say("Nothing was changed. Your browser's way back leads to the form.");
    let mut response = page.finish();
    *response.status_mut() = status;
    response
}

/// One input of a form.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Input<'a> {
    /// Sent, but not shown: name and value.
    Hidden(&'a str, &'a str),
    /// A line of text: name, label and value at the start.
    Text(&'a str, &'a str, &'a str),
    /// One of a list: name, label and the values.
    Choice(&'a str, &'a str, &'a [&'a str]),
}

/// Writes a form in one line; a button that deletes is marked as dangerous.
pub(crate) fn form(action: &str, back: &str, button: &str, fields: &[Input<'_>]) -> String {
    let mut html = format!(
        "<form class=\"row\" method=\"post\" action=\"{}\">",
        escaped(action)
    );
    let _ = write!(
        html,
        "<input type=\"hidden\" name=\"back\" value=\"{}\">",
        escaped(back)
    );
    for field in fields {
        let _ = match field {
            Input::Hidden(name, value) => {
                write!(
                    html,
                    "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                    escaped(value)
                )
            }
            Input::Text(name, label, value) => write!(
                html,
                "<label>{}<input class=\"s\" name=\"{name}\" value=\"{}\"></label>",
                escaped(label),
                escaped(value)
            ),
            Input::Choice(name, label, values) => {
                let options: String = values
                    .iter()
                    .map(|value| format!("<option>{}</option>", escaped(value)))
                    .collect();
                write!(
                    html,
                    "<label>{}<select name=\"{name}\">{options}</select></label>",
                    escaped(label)
                )
            }
        };
    }
    let class = if button.starts_with("Delete") || button.starts_with("Remove") {
        " class=\"danger\""
    } else {
        ""
    };
    let _ = write!(html, "<button{class}>{}</button></form>", escaped(button));
    html
}

/// Makes a text safe for HTML, in elements and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(char),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_pages_of_other_sites() {
        let headers = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:1"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            headers
        };
        assert!(!is_foreign(&headers(None)));
        assert!(!is_foreign(&headers(Some("http://127.0.0.1:1"))));
        assert!(is_foreign(&headers(Some("http://example.org"))));
        assert!(is_foreign(&headers(Some("null"))));
    }
}
