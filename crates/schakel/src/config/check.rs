//! Combinations that can't work, and choices that are unwise.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::preset::Preset;
use schakel_core::time::Zone;
use schakel_server::pages::is_host;

use super::schema::any_of;
use super::source::Section;
use super::{Complaint, Config, ConnectionConfig, CopernicaConfig, LightspeedConfig, Origin, RouteConfig};

/// Gives what can't work, with both values in the text.
pub(super) fn combinations(config: &Config) -> Vec<Complaint> {
    let mut found = Vec::new();
    let hub = &config.sections.hub;
    let (hooks, pages) = (&config.hub.hooks_listen, &config.hub.pages_listen);
    // Port 0 is any that is free, another one each time.
    let is_any = hooks
        .parse()
        .is_ok_and(|address: std::net::SocketAddr| address.port() == 0);
    if hooks == pages && !is_any {
        let text = format!(
            "hub: `hooks_listen` and `pages_listen` are both {hooks}; webhooks need a port of their own"
        );
        found.push(at(hub, "pages_listen", text));
    }
    for (key, address) in [("hooks_listen", hooks), ("pages_listen", pages)] {
        if address.parse::<std::net::SocketAddr>().is_err() {
            found.push(at(
                hub,
                key,
                format!(
                    "hub: `{key}` must be an address with a port, such as 127.0.0.1:8480, and is {address}"
                ),
            ));
        }
    }
    found.extend(public_address(hub, &config.hub.hooks_address));
    let others = config.hub.pages_hosts.iter().filter(|name| !is_host(name));
    found.extend(others.map(|name| {
        let text = format!(
            "hub: `pages_hosts` must be names of hosts without scheme, port and path, such as hub.example.org, and one is {name}"
        );
        at(hub, "pages_hosts", text)
    }));
    let mut names = BTreeSet::new();
    let mut shops = BTreeMap::new();
    for (section, connection) in config.sections.connections.iter().zip(&config.connections) {
        if !names.insert(connection.name()) {
            found.push(at(
                section,
                "name",
                format!("two connections are called \"{}\"", connection.name()),
            ));
        }
        if let ConnectionConfig::Lightspeed(shop) = connection
            && let Some(other) = shops.insert(shop.shop_id, &shop.name)
        {
            let text = format!(
                "connections \"{other}\" and \"{}\" both have `shop_id` = {}: read twice, a shop would stand twice in an account; remove one of them, and let its routes start `from` the other",
                shop.name, shop.shop_id
            );
            found.push(at(section, "shop_id", text));
        }
        found.extend(of_connection(section, connection));
    }
    for (section, route) in config.sections.routes.iter().zip(&config.routes) {
        found.extend(of_route(config, section, route));
    }
    found
}

/// Gives what is wrong with the address under which shops reach the hub; empty is none.
fn public_address(hub: &Section, address: &str) -> Option<Complaint> {
    let rest = ["https://", "http://"]
        .into_iter()
        .find_map(|scheme| address.strip_prefix(scheme));
    let has_host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':']));
    // Paths are put behind it, so it has no query.
    let is_right = has_host && !address.contains(|c: char| c.is_whitespace() || "?#@".contains(c));
    if address.is_empty() || is_right {
        return None;
    }
    let text = format!(
        "hub: `hooks_address` must be an address that begins with https:// (http:// on this machine), such as https://hooks.example.org, and is {address}"
    );
    Some(at(hub, "hooks_address", text))
}

fn of_connection(section: &Section, connection: &ConnectionConfig) -> Vec<Complaint> {
    match connection {
        ConnectionConfig::Copernica(copernica) => of_copernica(section, copernica),
        ConnectionConfig::Lightspeed(shop) if shop.api_secret.is_empty() => {
            vec![missing(section, "api_secret")]
        }
        ConnectionConfig::Lightspeed(shop) => of_shop(section, shop),
    }
}

fn of_shop(section: &Section, shop: &LightspeedConfig) -> Vec<Complaint> {
    let mut found = Vec::new();
    match shop.sweep_ms() {
        None => {
            let text = format!(
                "{}: `sweep_interval` must be a length of time, such as 15m, or 0 for never, and is `{}`",
                section.title, shop.sweep_interval
            );
            found.push(at(section, "sweep_interval", text));
        }
        Some(0) if !shop.webhooks => {
            let text = format!(
                "{}: `webhooks` is false and `sweep_interval` is 0: nothing would ever be heard of the shop",
                section.title
            );
            found.push(at(section, "sweep_interval", text));
        }
        Some(_) => {}
    }
    if let Err(fault) = shop.key_limits() {
        found.push(at(section, "limits", format!("{}: {fault}", section.title)));
    }
    let (live, others) = (shop.reserve_live, shop.reserve_others);
    if live + others > 80 {
        let text = format!(
            "{}: `reserve_live` = {live} and `reserve_others` = {others} leave less than a fifth of the calls for history",
            section.title
        );
        found.push(at(section, "reserve_live", text));
    }
    found
}

fn of_copernica(section: &Section, config: &CopernicaConfig) -> Vec<Complaint> {
    let mut found = Vec::new();
    let CopernicaConfig {
        timeout_ms,
        attempt_ms,
        settle_ms,
        ..
    } = config;
    if i64::try_from(*timeout_ms).unwrap_or(i64::MAX) > *attempt_ms {
        let text = format!(
            "{}: `attempt_ms` = {attempt_ms} is less than `timeout_ms` = {timeout_ms}: a delivery would be given up before its only call",
            section.title
        );
        found.push(at(section, "attempt_ms", text));
    }
    if settle_ms > attempt_ms {
        let text = format!(
            "{}: `settle_ms` = {settle_ms} is more than `attempt_ms` = {attempt_ms}: a lost answer would hold its object longer than any call may take",
            section.title
        );
        found.push(at(section, "settle_ms", text));
    }
    if config.access_token.is_empty() {
        found.push(missing(section, "access_token"));
    }
    found
}

fn of_route(config: &Config, section: &Section, route: &RouteConfig) -> Vec<Complaint> {
    let mut found = Vec::new();
    if !matches!(
        config.connection(&route.from),
        Some(ConnectionConfig::Lightspeed(_))
    ) {
        let text = format!(
            "{}: `from` names \"{}\", which is no connection that gives data",
            section.title, route.from
        );
        found.push(at(section, "from", text));
    }
    if !matches!(config.connection(&route.to), Some(ConnectionConfig::Copernica(_))) {
        let text = format!(
            "{}: `to` names \"{}\", which is no connection that takes data",
            section.title, route.to
        );
        found.push(at(section, "to", text));
    }
    found.extend(of_extras(config, section, route));
    if Zone::named(&route.zone).is_none() {
        let text = format!(
            "{}: there is no time zone `{}`; one is Europe/Amsterdam",
            section.title, route.zone
        );
        found.push(at(section, "zone", text));
    }
    found
}

/// Gives what is wrong with the extras of a route and with what they need.
fn of_extras(config: &Config, section: &Section, route: &RouteConfig) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut say = |key, text: String| found.push(at(section, key, format!("{}: {text}", section.title)));
    if let Err(error) = Preset::bookerz().with_extras(&route.extras) {
        let known: Vec<&str> = Preset::extras().collect();
        say("extras", format!("{error}; there are {}", any_of(&known)));
    }
    let names = |route: &RouteConfig| -> BTreeSet<String> { route.extras.iter().cloned().collect() };
    let other = config.routes.iter().find(|other| other.to == route.to);
    if let Some(other) = other.filter(|other| names(other) != names(route)) {
        say(
            "extras",
            format!(
                "the route from \"{}\" to \"{}\" has other `extras`; the fields of one account are the same for all its shops",
                other.from, other.to
            ),
        );
    }
    let url = &route.recovery_url;
    let is_address = url.starts_with("https://") || url.starts_with("http://");
    let is_right = url.is_empty() || (is_address && url.contains("{hash}"));
    if !is_right {
        say(
            "recovery_url",
            format!(
                "`recovery_url` must be an address with {{hash}} in it, such as https://www.example.com/cart/recover/{{hash}}, and is {url}"
            ),
        );
    }
    if url.is_empty() && route.extras.iter().any(|name| name == "quote_recovery_url") {
        say(
            "recovery_url",
            "the extra `quote_recovery_url` needs `recovery_url`".to_owned(),
        );
    }
    if route.quote_rows && !route.quotes {
        say(
            "quote_rows",
            "`quote_rows` needs `quotes`: a row stands below its cart".to_owned(),
        );
    }
    found
}

fn missing(section: &Section, key: &str) -> Complaint {
    at(
        section,
        key,
        format!(
            "{} needs `{key}_file` (a file that holds the secret) or `{key}`",
            section.title
        ),
    )
}

fn at(section: &Section, key: &str, text: String) -> Complaint {
    let origin = section.values.get(key).map(|told| told.origin.clone());
    let origin = match origin {
        Some(Origin::Default) | None if section.line > 0 => Origin::File {
            line: section.line,
            column: 0,
        },
        other => other.unwrap_or(Origin::Default),
    };
    Complaint::at(&origin, text)
}

/// Gives what works but is unwise.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let sections = std::iter::once(&config.sections.hub).chain(&config.sections.connections);
    for section in sections {
        for key in section
            .keys
            .iter()
            .filter(|key| key.is_secret && key.name != "api_key")
        {
            let Some(told) = section.values.get(key.name) else {
                continue;
            };
            let is_written =
                matches!(told.origin, Origin::File { .. }) && is_secret(key.name, section.text(key.name));
            if is_written {
                let file = format!("{}_file", key.name);
                let has_file = section.keys.iter().any(|key| key.name == file);
                let ways = if has_file {
                    format!("`{file}` or the environment keeps")
                } else {
                    "the environment keeps".to_owned()
                };
                found.push(format!(
                    "{}: `{}` stands in the file in plain text; {ways} it out of copies",
                    section.title, key.name
                ));
            }
        }
    }
    let public = &config.hub.hooks_address;
    if is_open_road(public) {
        found.push(format!(
            "hub: `hooks_address` {public} is not encrypted; webhooks carry personal data, so a proxy with TLS belongs before the hub"
        ));
    }
    for connection in &config.connections {
        found.extend(of_one(config, connection));
    }
    if config.routes.is_empty() {
        found.push("there is no route: what comes in goes nowhere".to_owned());
    }
    found
}

/// An address of a database is a secret only when it holds a password.
fn is_secret(key: &str, text: &str) -> bool {
    key != "database"
        || text.split("://").nth(1).is_some_and(|rest| {
            rest.split('@')
                .next()
                .is_some_and(|user| user != rest && user.contains(':'))
        })
}

fn of_one(config: &Config, connection: &ConnectionConfig) -> Vec<String> {
    let name = connection.name();
    let is_used = config
        .routes
        .iter()
        .any(|route| route.from == name || route.to == name);
    let mut found = Vec::new();
    if !is_used && !config.routes.is_empty() {
        found.push(format!("connection \"{name}\" stands in no route"));
    }
    let (urls, file) = match connection {
        ConnectionConfig::Lightspeed(shop) => {
            if shop.limits.trim() == "none" && !is_local(&shop.base_url) {
                found.push(format!(
                    "connection \"{name}\": `limits` is none, which only a simulator bears"
                ));
            }
            if shop.accept_unsigned {
                found.push(format!("connection \"{name}\": webhooks without a signature are taken as hints (`accept_unsigned`)"));
            }
            (vec![&shop.base_url], &shop.api_secret_file)
        }
        ConnectionConfig::Copernica(sink) => (vec![&sink.base_url, &sink.auth_url], &sink.access_token_file),
    };
    for url in urls.into_iter().filter(|url| is_open_road(url)) {
        found.push(format!(
            "connection \"{name}\": {url} is not encrypted; only a simulator should be reached like that"
        ));
    }
    let path = config.file.parent().map(|folder| folder.join(file));
    if let Some(path) = path.filter(|path| is_readable_by_others(path)) {
        found.push(format!(
            "connection \"{name}\": other users may read {}; take their rights away with chmod 600",
            path.display()
        ));
    }
    found
}

/// Tells whether calls to `url` could be read on their way: not encrypted, and to another machine.
fn is_open_road(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    !is_local_host(rest)
}

/// Tells whether `url` is on this machine, as simulators are.
fn is_local(url: &str) -> bool {
    url.split("://").nth(1).is_some_and(is_local_host)
}

fn is_local_host(rest: &str) -> bool {
    let host = rest.split('/').next().unwrap_or(rest);
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|local| host.starts_with(local))
}

#[cfg(unix)]
fn is_readable_by_others(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let file = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
    file.is_some_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_path: &std::path::Path) -> bool {
    false
}
