//! Under which names the pages may be asked for.
//!
//! The pages have no login. A page of a stranger, opened in a browser on this machine, could let a name of its own lead
//! to 127.0.0.1 and then read them as its own (DNS rebinding); the name in `Host` gives that away.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Asked, words};

/// The names under which the pages answer; what listens on every address is also asked for by any address.
#[derive(Debug, Clone)]
pub struct Hosts {
    listen: IpAddr,
    names: Vec<String>,
}

impl Hosts {
    /// Allows this machine, the address `listen`, and `names` without a port (see [`is_host`]).
    #[must_use]
    pub fn new(listen: SocketAddr, names: &[String]) -> Self {
        Self {
            listen: listen.ip().to_canonical(),
            names: names.iter().map(|name| plain(name)).collect(),
        }
    }

    /// Tells whether `host`, with or without a port, is one of them.
    fn allows(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else {
            return false;
        };
        if name == "localhost" || self.names.contains(&name) {
            return true;
        }
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok_and(|address| {
            let address = address.to_canonical();
            address.is_loopback() || self.listen.is_unspecified() || address == self.listen
        })
    }
}

/// Tells whether `text` can be the name or the address of a host: no scheme, no port, no path; IPv6 in brackets.
#[must_use]
pub fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[') {
        return inner
            .strip_suffix(']')
            .is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    }
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !text.is_empty() && text.bytes().all(is_letter)
}

/// Takes the port off; `None` for what is no host.
fn name_of(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    (!host.contains('@') && is_host(authority.host())).then(|| plain(authority.host()))
}

/// Writes a name as it is compared: in lower case and without the dot at its end.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Lets through what is asked of one of `hosts`. `/health` tells nothing of anybody and answers watchdogs under any name.
pub(super) async fn check(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    if request.uri().path() == "/health" {
        return next.run(request).await;
    }
    let named: Vec<&HeaderValue> = request.headers().get_all(HOST).iter().collect();
    let [named] = named[..] else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let named = String::from_utf8_lossy(named.as_bytes()).into_owned();
    // A whole address in the first line goes before the header (RFC 9112 3.2.2).
    let asked = request.uri().authority().map(Authority::as_str);
    if let Some(other) = asked
        .into_iter()
        .chain([named.as_str()])
        .find(|host| !hosts.allows(host))
    {
        tracing::debug!(
            host = other,
            "the pages were asked for under a name that is not theirs"
        );
        let asked = Query::try_from_uri(request.uri()).unwrap_or(Query(Asked::default()));
        let text = format!("{other}: {}\n", words(&asked, request.headers()).other_host);
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use schakel_engine::report::Probe;

    use super::*;
    use crate::testing::{ask, hub};

    fn hosts(listen: &str) -> Hosts {
        Hosts::new(listen.parse().unwrap(), &["Hub.Example.org".to_owned()])
    }

    #[test]
    fn names_of_others_are_not_allowed_and_those_of_this_machine_are() {
        let local = hosts("127.0.0.1:8481");
        for host in [
            "localhost",
            "LOCALHOST.:9",
            "127.0.0.1:8481",
            "127.9.9.9",
            "[::1]:80",
            "hub.example.org",
            "HUB.example.org.:443",
        ] {
            assert!(local.allows(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8481",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "x@localhost",
            "localhost@evil.example",
            "192.0.2.1",
            "[2001:db8::1]",
            "0.0.0.0",
            "hub.example.org.evil.example",
            "localhost/",
        ] {
            assert!(!local.allows(host), "{host}");
        }
        let one = hosts("192.0.2.1:80");
        assert!(one.allows("192.0.2.1") && one.allows("localhost") && !one.allows("192.0.2.2"));
        for all in [hosts("0.0.0.0:80"), hosts("[::]:80")] {
            assert!(all.allows("192.0.2.2:8") && all.allows("[2001:db8::1]") && !all.allows("evil.example"));
        }
    }

    #[test]
    fn a_host_has_no_scheme_no_port_and_no_path() {
        for text in ["hub", "hub.example.org", "192.0.2.1", "[::1]", "my_hub"] {
            assert!(is_host(text), "{text}");
        }
        for text in [
            "",
            "https://hub",
            "hub:80",
            "hub/x",
            "*",
            "::1",
            "[hub]",
            "[::1]:8",
        ] {
            assert!(!is_host(text), "{text}");
        }
    }

    #[tokio::test]
    async fn nothing_but_health_answers_under_the_name_of_a_stranger() {
        let (hub, _folder) = hub("shop").await;
        let router = super::super::router(hub, Probe::default(), hosts("127.0.0.1:1"));
        let asked = async |uri: &str, names: &[&str]| {
            let mut request = Request::get(uri).header("accept-language", "nl");
            for name in names {
                request = request.header("host", *name);
            }
            let (status, headers, body) = ask(&router, request.body(Body::empty()).unwrap()).await;
            assert!(headers.contains_key("content-security-policy"), "{uri}");
            (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
        };
        for path in [
            "/",
            "/status/fragment",
            "/api/v1/status",
            "/style.css",
            "/nowhere",
        ] {
            let (status, said) = asked(path, &["evil.example"]).await;
            assert_eq!(status, 421, "{path}");
            assert!(
                said.contains("evil.example: ") && said.contains("`pages_hosts`"),
                "{said}"
            );
            assert_eq!(asked(path, &[]).await.0, 400, "{path}");
            assert_eq!(asked(path, &["localhost", "localhost"]).await.0, 400, "{path}");
        }
        assert_eq!(asked("/api/v1/status", &["hub.example.org"]).await.0, 200);
        assert_eq!(asked("http://evil.example/", &["localhost"]).await.0, 421);
        assert_eq!(asked("http://localhost/", &["evil.example"]).await.0, 421);
        assert_eq!(asked("/health", &["evil.example"]).await.0, 200);
        assert_eq!(asked("/health", &[]).await.0, 200);
    }
}
