//! The newest calls of a simulated system.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Page, escaped};

/// How many calls a log keeps.
const LOG_MAX: usize = 1000;
/// The longest target that a log keeps, in characters.
const TARGET_CHARS_MAX: usize = 300;

/// One call of the simulated system.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    /// Counts from 1.
    pub(crate) number: u64,
    /// When it came in, in microseconds since 1970 (UTC).
    pub(crate) at_us: i64,
    /// The method.
    pub(crate) method: String,
    /// Path and query, with every token and secret blanked.
    pub(crate) target: String,
    /// The status of the answer; `None` when the caller got none.
    pub(crate) status: Option<u16>,
    /// The fault that hit it.
    pub(crate) fault: Option<&'static str>,
}

/// The newest calls of a simulated system; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallLog(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    calls: VecDeque<Logged>,
}

impl CallLog {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call that came in at `at_us`; the oldest makes room.
    pub(crate) fn note(
        &self,
        at_us: i64,
        call: (&Method, &http::Uri),
        status: Option<StatusCode>,
        fault: Option<&'static str>,
    ) {
        let mut kept = self.kept();
        kept.last += 1;
        let number = kept.last;
        if kept.calls.len() == LOG_MAX {
            kept.calls.pop_front();
        }
        kept.calls.push_back(Logged {
            number,
            at_us,
            method: call.0.to_string(),
            target: blanked(call.1),
            status: status.map(|status| status.as_u16()),
            fault,
        });
    }

    /// Gives the calls behind number `after`, newest first, `limit` at most.
    pub(crate) fn newest(&self, after: u64, limit: usize) -> Vec<Logged> {
        let kept = self.kept();
        let newest = kept.calls.iter().rev().take_while(|call| call.number > after);
        newest.take(limit).cloned().collect()
    }
}

/// Writes path and query without what lets somebody in.
fn blanked(uri: &http::Uri) -> String {
    let mut target = uri.path().to_owned();
    for (at, pair) in uri
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .enumerate()
    {
        target.push(if at == 0 { '?' } else { '&' });
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        if matches!(name, "access_token" | "client_secret" | "code") {
            let _ = write!(target, "{name}=…");
        } else {
            target.push_str(pair);
        }
    }
    if let Some((end, _)) = target.char_indices().nth(TARGET_CHARS_MAX) {
        target.truncate(end);
        target.push('…');
    }
    target
}

/// Writes the log as JSON, newest first.
pub(crate) fn log_json(calls: &[Logged]) -> Value {
    let calls: Vec<Value> = calls
        .iter()
        .map(|call| {
            json!({"number": call.number, "at_us": call.at_us, "method": call.method, "target": call.target,
                   "status": call.status, "fault": call.fault})
        })
        .collect();
    json!({ "calls": calls })
}

/// Writes the log as a table, newest first.
pub(crate) fn log_table(page: &mut Page, calls: &[Logged]) {
    let rows = calls.iter().map(|call| {
        let time = jiff::Timestamp::from_microsecond(call.at_us).map_or_else(
            |_| call.at_us.to_string(),
            |at| at.strftime("%H:%M:%S%.3f").to_string(),
        );
        let status = call
            .status
            .map_or("no answer".to_owned(), |status| status.to_string());
        let class = if call.status.is_some_and(|status| status < 400) {
            ""
        } else {
            " class=\"bad\""
        };
        vec![
            call.number.to_string(),
            time,
            escaped(&call.method),
            format!("<code>{}</code>", escaped(&call.target)),
            format!("<span{class}>{status}</span>"),
            escaped(call.fault.unwrap_or("")),
        ]
    });
    page.table(
        &["No.", "Time (UTC)", "Method", "Target", "Answer", "Fault"],
        rows,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_what_lets_somebody_in() {
        let uri: http::Uri = "/v2/profile/1?access_token=abc&limit=2&code=x"
            .parse()
            .expect("this is an address");
        assert_eq!(blanked(&uri), "/v2/profile/1?access_token=…&limit=2&code=…");
    }

    #[test]
    fn keeps_the_newest_calls() {
        let log = CallLog::default();
        for at in 0..LOG_MAX as i64 + 5 {
            log.note(
                at,
                (&Method::GET, &http::Uri::from_static("/a")),
                Some(StatusCode::OK),
                None,
            );
        }
        let newest = log.newest(1003, 10);
        assert_eq!(
            newest.iter().map(|call| call.number).collect::<Vec<u64>>(),
            [1005, 1004]
        );
        assert_eq!(log.newest(0, 5000).len(), LOG_MAX);
    }
}
