//! Layers, faults with their places, and what is shown.

use std::collections::BTreeMap;
use std::path::Path;

use schakel_core::budget::Reserves;

use super::schema::{self, Key};
use super::{Config, ConnectionConfig, DEFAULT_FILE, Layers, Origin, source};
use crate::error::{Exit, Failure};

const GOOD: &str = r#"
[hub]
log = "warn"

[[connection]]
name = "my-shop"
connector = "lightspeed"
shop_id = 297541
api_key = "5b1d0c7e9f2a4836a1b2c3d4e5f60718"
api_secret = "s3cret-of-the-shop"

[[connection]]
name = "mail"
connector = "copernica"
access_token = "t0ken-of-the-account"
database = "Webshop"

[[route]]
from = "my-shop"
to = "mail"
"#;

fn layers(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Layers {
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    Layers {
        file: None,
        environment: own(environment).into_iter().collect(),
        flags: own(flags),
    }
}

fn read(text: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Failure> {
    Config::of_text(text, Path::new("schakel.toml"), &layers(environment, flags))
}

/// Gives what is said about a text that is refused.
fn complaints(text: &str) -> String {
    let failure = read(text, &[], &[]).unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    failure.lines().join("\n")
}

#[test]
fn a_typing_mistake_is_named_with_its_place_and_a_guess() {
    let said = complaints(&GOOD.replace("shop_id", "shopid"));
    assert!(said.contains("schakel.toml: line 8, column 1: connection \"my-shop\" has no key `shopid`, did you mean `shop_id`?"), "{said}");
    let said = complaints(&GOOD.replace("[[route]]", "[[routes]]"));
    assert!(
        said.contains("there is no section `routes`, did you mean `route`?"),
        "{said}"
    );
    let said = complaints(&GOOD.replace("\"copernica\"", "\"copernika\""));
    assert!(
        said.contains("`connector` must be `lightspeed` or `copernica`"),
        "{said}"
    );
    let said = complaints(&GOOD.replace("log = \"warn\"", "log = \"wran\""));
    assert!(
        said.contains("line 3, column 7: hub: `log` must be `error`, `warn`,")
            && said.contains("is `wran`\n"),
        "{said}"
    );
}

#[test]
fn every_fault_is_named_at_once() {
    let said = complaints(
        &GOOD
            .replace("297541", "\"297541\"")
            .replace("database =", "databse ="),
    );
    assert!(said.contains("the configuration has 2 faults"), "{said}");
    assert!(
        said.contains("line 8, column 11: connection \"my-shop\": `shop_id` must be a whole number"),
        "{said}"
    );
    assert!(said.contains("did you mean `database`?"), "{said}");
}

#[test]
fn what_is_no_toml_is_named_with_its_line() {
    let said = complaints("[hub]\nlog = \n");
    assert!(said.contains("schakel.toml: line 2"), "{said}");
    let said = complaints(
        "[hub]\ndata = 1\n[[connection]]\nname = \"a\"\nconnector = \"lightspeed\"\nshop_id = 99999999999999999999\n",
    );
    assert!(said.contains("`shop_id` is out of range"), "{said}");
}

#[test]
fn keys_that_must_be_written_are_asked_for() {
    let said = complaints(
        &GOOD
            .replace("shop_id = 297541\n", "")
            .replace("access_token = \"t0ken-of-the-account\"\n", ""),
    );
    assert!(
        said.contains("line 5: connection \"my-shop\" needs the key `shop_id`"),
        "{said}"
    );
    let said = complaints(&GOOD.replace("access_token = \"t0ken-of-the-account\"\n", ""));
    assert!(said.contains("needs `access_token_file`"), "{said}");
}

#[test]
fn the_address_of_webhooks_has_a_scheme_and_a_host() {
    let with = |address: &str| GOOD.replace("log =", &format!("hooks_address = \"{address}\"\nlog ="));
    for address in [
        "hooks.example.org",
        "ftp://hooks.example.org",
        "https://",
        "https:///hooks",
        "https://:443",
        "https://hooks example.org",
        "https://hooks.example.org/?to=hub",
    ] {
        let said = complaints(&with(address));
        let place = "line 3, column 17: hub: `hooks_address` must be";
        assert!(said.contains(place) && said.contains("SCH-0102"), "{said}");
        assert!(
            said.contains("https://hooks.example.org, and is") && said.contains(address),
            "{said}"
        );
    }
    let warned = |address: &str| {
        let warnings = read(&with(address), &[], &[]).unwrap().warnings.join("\n");
        warnings.contains("`hooks_address`")
    };
    for address in [
        "",
        "https://hooks.example.org",
        "https://example.org:8443/hub/",
        "http://127.0.0.1:8480",
    ] {
        assert!(!warned(address), "{address}");
    }
    assert!(warned("http://hooks.example.org"));
}

#[test]
fn a_shop_stands_in_the_configuration_once() {
    let shop = |name: &str, number: u32| {
        format!(
            "[[connection]]\nname = \"{name}\"\nconnector = \"lightspeed\"\nshop_id = {number}\napi_key = \"a\"\napi_secret = \"b\"\n"
        )
    };
    let said = complaints(&format!("{GOOD}\n{}", shop("again", 297_541)));
    assert!(
        said.contains("connections \"my-shop\" and \"again\" both have `shop_id` = 297541"),
        "{said}"
    );
    assert!(said.contains("remove one of them"), "{said}");
    assert!(read(&format!("{GOOD}\n{}", shop("other", 297_542)), &[], &[]).is_ok());
}

#[test]
fn combinations_that_hurt_are_refused_with_both_numbers() {
    let said = complaints(&GOOD.replace(
        "database =",
        "timeout_ms = 90000\nattempt_ms = 60000\nsettle_ms = 70000\ndatabase =",
    ));
    assert!(
        said.contains("`attempt_ms` = 60000 is less than `timeout_ms` = 90000"),
        "{said}"
    );
    assert!(
        said.contains("`settle_ms` = 70000 is more than `attempt_ms` = 60000"),
        "{said}"
    );
    let said = complaints(&GOOD.replace("log =", "pages_listen = \"127.0.0.1:8480\"\nlog ="));
    assert!(
        said.contains("line 3, column 16: hub: `hooks_listen` and `pages_listen` are both 127.0.0.1:8480"),
        "{said}"
    );
    let any = "hooks_listen = \"127.0.0.1:0\"\npages_listen = \"127.0.0.1:0\"\nlog =";
    let any = read(&GOOD.replace("log =", any), &[], &[]).unwrap();
    assert_eq!(any.hub.hooks_listen, any.hub.pages_listen);
    let said = complaints(&GOOD.replace("from = \"my-shop\"", "from = \"mail\""));
    assert!(
        said.contains("route 1: `from` names \"mail\", which is no connection that gives data"),
        "{said}"
    );
}

#[test]
fn a_shop_without_webhooks_is_asked_more_often_and_never_not_at_all() {
    let with = |lines: &str| GOOD.replace("shop_id =", &format!("{lines}\nshop_id ="));
    let walks = |text: &str| match &read(text, &[], &[]).unwrap().connections[0] {
        ConnectionConfig::Lightspeed(shop) => shop.walks(),
        ConnectionConfig::Copernica(_) => panic!("another connection"),
    };
    assert_eq!(walks(GOOD), schakel_engine::hub::WalkSettings::default());
    assert_eq!(walks(&with("webhooks = false")).sweep_ms, 300_000);
    assert_eq!(
        walks(&with("webhooks = false\nsweep_interval = \"1h\"")).sweep_ms,
        3_600_000
    );
    let off = walks(&with(
        "sweep_interval = \"0\"\nreconcile_interval = \"0\"\ncheckout_interval = \"0\"\nhistory = \"manual\"",
    ));
    assert_eq!(off, schakel_engine::hub::WalkSettings::OFF);
    let said = complaints(&with("webhooks = false\nsweep_interval = \"0\""));
    assert!(said.contains("nothing would ever be heard of the shop"), "{said}");
    let said = complaints(&with("sweep_interval = \"often\""));
    assert!(
        said.contains("`sweep_interval` must be a length of time") && said.contains("`often`"),
        "{said}"
    );
}

#[test]
fn the_limits_of_a_shop_are_read_or_refused_with_what_is_expected() {
    let with = |line: &str| GOOD.replace("shop_id =", &format!("{line}\nshop_id ="));
    let limits = |line: &str| {
        let config = read(&with(line), &[], &[]).unwrap();
        let ConnectionConfig::Lightspeed(shop) = &config.connections[0] else {
            panic!("the first connection is the shop");
        };
        shop.key_limits().unwrap()
    };
    let plain = limits("");
    assert_eq!(
        (plain.windows, plain.per_second),
        (Some([300, 3_000, 12_000]), 20)
    );
    assert_eq!(plain.reserves, Reserves::default());
    let other =
        limits("limits = \" 600/ 6000/24000\"\nreserve_live = 0\nreserve_others = 80\ncalls_per_second = 2");
    assert_eq!((other.windows, other.per_second), (Some([600, 6_000, 24_000]), 2));
    assert_eq!(
        (other.reserves.live_percent, other.reserves.others_percent),
        (0, 80)
    );
    assert_eq!(limits("limits = \"none\"").windows, None);
    for text in [
        "300",
        "300/3000",
        "300/3000/9",
        "300/3000/12000/1",
        "0/0/0",
        "-300/3000/12000",
        "",
        "None",
    ] {
        let said = complaints(&with(&format!("limits = \"{text}\"")));
        let expected = "`limits` must be the calls per five minutes, hour and day, such as 300/3000/12000";
        assert!(
            said.contains(expected) && said.contains("line 8"),
            "{text}: {said}"
        );
    }
    // One call per second would leave nothing beside the reserves, and none is no limit that a shop has.
    for line in [
        "calls_per_second = 0",
        "calls_per_second = 1",
        "calls_per_second = 10001",
    ] {
        let said = complaints(&with(line));
        assert!(
            said.contains("`calls_per_second` must lie between 2 and 10000"),
            "{said}"
        );
    }
    let said = complaints(&with("reserve_live = 81"));
    assert!(
        said.contains("`reserve_live` must lie between 0 and 80"),
        "{said}"
    );
    let said = complaints(&with("reserve_live = 50\nreserve_others = 31"));
    let both =
        "`reserve_live` = 50 and `reserve_others` = 31 leave less than a fifth of the calls for history";
    assert!(said.contains(both), "{said}");
}

#[test]
fn environment_lies_over_the_file_and_the_command_line_over_both() {
    let environment = [
        ("SCHAKEL_HUB__LOG", "debug"),
        ("SCHAKEL_CONNECTION__MY_SHOP__API_SECRET", "1234"),
        ("SCHAKEL_CONNECTION__MAIL__TIMEOUT_MS", "5000"),
        ("SCHAKEL_ROUTE__1__QUOTES", "false"),
        ("SCHAKEL_CONFIG", "elsewhere.toml"),
        ("PATH", "/bin"),
    ];
    let config = read(GOOD, &environment, &[("hub.log", "trace")]).unwrap();
    assert_eq!(config.hub.log, "trace");
    assert!(!config.routes[0].quotes);
    let [
        ConnectionConfig::Lightspeed(shop),
        ConnectionConfig::Copernica(mail),
    ] = &config.connections[..]
    else {
        panic!("{:?}", config.connections)
    };
    assert_eq!((shop.api_secret.expose(), mail.timeout_ms), ("1234", 5000));
    let origins: BTreeMap<String, String> = config
        .lines()
        .into_iter()
        .map(|line| (line.key, line.origin))
        .collect();
    assert_eq!(origins["hub.log"], "command line");
    assert_eq!(origins["route.1.quotes"], "SCHAKEL_ROUTE__1__QUOTES");
    assert_eq!(origins["route.1.from"], "line 19, column 8");
    assert_eq!(origins["hub.data"], "default");
}

#[test]
fn a_variable_that_fits_nothing_is_refused_by_its_name() {
    for (name, value, said) in [
        (
            "SCHAKEL_HUB__LGO",
            "debug",
            "SCHAKEL_HUB__LGO: hub has no key `lgo`, did you mean `log`?",
        ),
        (
            "SCHAKEL_CONNECTION__SHOP2__API_KEY",
            "x",
            "there is no connection `shop2`",
        ),
        ("SCHAKEL_ROUTE__7__QUOTES", "true", "there is no route 7"),
        (
            "SCHAKEL_CONNECTION__MAIL__TIMEOUT_MS",
            "soon",
            "`timeout_ms` must be a whole number",
        ),
    ] {
        let text = read(GOOD, &[(name, value)], &[]).unwrap_err().lines().join("\n");
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn secrets_are_never_shown_and_plain_ones_are_warned_about() {
    let config = read(GOOD, &[], &[]).unwrap();
    let shown = format!(
        "{:?} {:?} {:?}",
        config.lines(),
        config.warnings,
        config.connections
    );
    for secret in ["s3cret", "t0ken", "5b1d0c7e9f2a"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let hidden = config
        .lines()
        .into_iter()
        .filter(|line| line.value.starts_with("(hidden"))
        .map(|line| (line.key, line.value, line.origin));
    for (key, value, origin) in hidden.clone() {
        assert!(origin.starts_with("line "), "{key} {value} comes from {origin}");
    }
    let value = |name: &str| {
        let mut found = hidden.clone().filter(|(key, ..)| key.ends_with(name));
        found.next().unwrap().1
    };
    assert_eq!(hidden.clone().count(), 3);
    assert_eq!(value(".api_key"), "(hidden, ends in 0718)");
    assert_eq!(value(".access_token"), "(hidden, ends in ount)");
    let short = [("SCHAKEL_CONNECTION__MAIL__ACCESS_TOKEN", "fifteen-letters")];
    let lines = read(GOOD, &short, &[]).unwrap().lines();
    let token = lines.iter().find(|line| line.key.ends_with(".access_token"));
    assert_eq!(token.unwrap().value, "(hidden)", "too short to show a part of it");
    let plain = config
        .warnings
        .iter()
        .filter(|warning| warning.contains("in plain text"))
        .count();
    assert_eq!(plain, 2, "{:?}", config.warnings);
    let environment = [
        ("SCHAKEL_CONNECTION__MAIL__ACCESS_TOKEN", "x"),
        ("SCHAKEL_CONNECTION__MY_SHOP__API_SECRET", "y"),
    ];
    assert_eq!(
        read(GOOD, &environment, &[]).unwrap().warnings,
        Vec::<String>::new()
    );
}

#[test]
fn a_sink_is_always_given_time_to_settle() {
    let text = read(GOOD, &[("SCHAKEL_CONNECTION__MAIL__SETTLE_MS", "0")], &[]).unwrap_err();
    let text = text.lines().join("\n");
    assert!(text.contains("`settle_ms` must lie between 1000 and"), "{text}");
}

#[test]
fn a_secret_comes_from_its_file_beside_the_configuration() {
    let folder = schakel_testkit::tempdir();
    let file = folder.path().join("schakel.toml");
    let text = GOOD.replace(
        "api_secret = \"s3cret-of-the-shop\"",
        "api_secret_file = \"shop.secret\"",
    );
    std::fs::write(&file, &text).unwrap();
    let layers = Layers {
        file: Some(file.clone()),
        ..layers(&[], &[])
    };
    let missing = Config::load(&layers).unwrap_err().lines().join("\n");
    assert!(
        missing.contains("SCH-0103") && missing.contains("shop.secret"),
        "{missing}"
    );
    std::fs::write(folder.path().join("shop.secret"), "from-a-file\n").unwrap();
    let config = Config::load(&layers).unwrap();
    let Some(ConnectionConfig::Lightspeed(shop)) = config.connection("my-shop") else {
        panic!("no shop")
    };
    assert_eq!(shop.api_secret.expose(), "from-a-file");
    let both = text.replace("api_secret_file", "api_secret = \"x\"\napi_secret_file");
    std::fs::write(&file, both).unwrap();
    let said = Config::load(&layers).unwrap_err().lines().join("\n");
    assert!(
        said.contains("are both given") && said.contains("(line 1"),
        "{said}"
    );
    std::fs::write(&file, &text).unwrap();
    std::fs::write(folder.path().join("shop.secret"), " \n").unwrap();
    let said = Config::load(&layers).unwrap_err().lines().join("\n");
    assert!(
        said.contains("SCH-0103") && said.contains("shop.secret that `api_secret_file` names is empty"),
        "{said}"
    );
}

#[test]
fn a_secret_of_the_environment_takes_the_place_of_the_file_and_of_what_it_names() {
    let text = GOOD.replace(
        "api_secret = \"s3cret-of-the-shop\"",
        "api_secret_file = \"no.secret\"",
    );
    let own = ("SCHAKEL_CONNECTION__MY_SHOP__API_SECRET", "of-the-environment");
    let secret = |config: &Config| match config.connection("my-shop") {
        Some(ConnectionConfig::Lightspeed(shop)) => shop.api_secret.expose().to_owned(),
        _ => panic!("no shop"),
    };
    assert_eq!(secret(&read(&text, &[own], &[]).unwrap()), "of-the-environment");
    let flag = ("connection.my-shop.api_secret", "of-the-line");
    assert_eq!(secret(&read(&text, &[own], &[flag]).unwrap()), "of-the-line");
    let file = ("SCHAKEL_CONNECTION__MY_SHOP__API_SECRET_FILE", "other.secret");
    let said = read(GOOD, &[file], &[]).unwrap_err().lines().join("\n");
    assert!(
        said.contains("SCH-0103") && said.contains("other.secret"),
        "{said}"
    );
    let said = read(&text, &[own, file], &[]).unwrap_err().lines().join("\n");
    for name in [own.0, file.0] {
        assert!(said.contains(name), "{said}");
    }
    let empty = ("SCHAKEL_CONNECTION__MY_SHOP__API_SECRET", "");
    assert_eq!(
        secret(&read(GOOD, &[("SCHAKEL_CONNECTION__MY_SHOP__API_SECRET_FILE", "")], &[]).unwrap()),
        "s3cret-of-the-shop"
    );
    let said = read(&text, &[empty], &[]).unwrap_err().lines().join("\n");
    assert!(
        said.contains("no.secret"),
        "an empty text takes nobody's place: {said}"
    );
}

#[test]
fn names_of_the_pages_are_names_of_hosts() {
    let said = complaints(&GOOD.replace(
        "log =",
        "pages_hosts = [\"hub\", \"https://hub.example.org\"]\nlog =",
    ));
    assert!(
        said.contains("hub: `pages_hosts` must be names of hosts") && said.contains("one is https://hub"),
        "{said}"
    );
}

#[test]
fn a_missing_file_says_how_to_write_one() {
    let layers = Layers {
        file: Some("not/there.toml".into()),
        ..Layers::default()
    };
    let said = Config::load(&layers).unwrap_err().lines().join("\n");
    assert!(
        said.contains("not/there.toml")
            && said.contains("schakel config default")
            && said.contains("SCH-0101"),
        "{said}"
    );
}

/// The keys of the reference, with their examples: `#` taken away, one line per key.
fn written() -> String {
    let is_key = |line: &str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    DEFAULT_FILE
        .lines()
        .map(|line| if is_key(line) { &line[1..] } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_reference_names_every_key_with_its_default() {
    let sections = source::file(&written()).unwrap_or_else(|complaints| panic!("{complaints:?}"));
    let all = [&sections.hub]
        .into_iter()
        .chain(&sections.connections)
        .chain(&sections.routes);
    for section in all {
        for key in section.keys {
            let told = section
                .values
                .get(key.name)
                .unwrap_or_else(|| panic!("{}: {}", section.title, key.name));
            if let (Some(default), false) = (key.default_value(), key.name.ends_with("_file")) {
                assert_eq!(told.value, default, "{}: {}", section.title, key.name);
            }
        }
    }
    assert_eq!((sections.connections.len(), sections.routes.len()), (2, 1));
    source::file(DEFAULT_FILE).unwrap();
}

#[test]
fn every_default_of_the_list_fits_its_own_key() {
    let lists: [&[Key]; 4] = [schema::HUB, schema::LIGHTSPEED, schema::COPERNICA, schema::ROUTE];
    for key in lists.into_iter().flatten() {
        if let Some(value) = key.default_value() {
            assert_eq!(key.fault(&value), None, "{}", key.name);
        }
    }
}

#[test]
fn extras_and_options_of_carts_are_checked_with_a_guess() {
    let route = |keys: &str| format!("{GOOD}{keys}\n");
    let said = complaints(&route(r#"extras = ["histery"]"#));
    assert!(
        said.contains("there is no extra `histery`, did you mean `history`?"),
        "{said}"
    );
    let said = complaints(&route(r#"extras = ["quote_recovery_url"]"#));
    assert!(said.contains("needs `recovery_url`"), "{said}");
    let said = complaints(&route(r#"recovery_url = "https://www.example.com/cart""#));
    assert!(said.contains("{hash}"), "{said}");
    let said = complaints(&route("quotes = false\nquote_rows = true"));
    assert!(said.contains("`quote_rows` needs `quotes`"), "{said}");
    let said = complaints(&route(r#"cart_hold_off = "30""#));
    assert!(said.contains("a length of time"), "{said}");
    let second = GOOD[GOOD.find("[[route]]").unwrap()..].to_owned();
    let said = complaints(&route(&format!("extras = [\"history\"]\n{second}")));
    assert!(said.contains("has other `extras`"), "{said}");
    let good =
        route("extras = [\"history\", \"row_price_incl\"]\ncart_hold_off = \"30m\"\ncart_expires = \"90d\"");
    let config = read(&good, &[], &[]).unwrap();
    assert_eq!(config.routes[0].cart_hold_off.0, 30 * 60_000);
    assert_eq!(config.routes[0].cart_expires.0, 90 * 86_400_000);
}

#[test]
fn lengths_of_time_have_a_unit() {
    let cases = [
        ("0", Some(0)),
        ("90s", Some(90_000)),
        ("6h", Some(21_600_000)),
        ("30", None),
        ("m", None),
        ("", None),
        ("-1d", None),
        ("1.5h", None),
        ("9223372036854775807d", None),
        ("36526d", None),
        ("5\u{e9}", None),
    ];
    for (text, expected) in cases {
        assert_eq!(schema::span_ms(text), expected, "{text}");
    }
}

#[test]
fn places_count_from_one_and_in_characters() {
    let said = complaints("[hub]\n# é\nlog = \"é\"\n");
    assert!(said.contains("line 3, column 7"), "{said}");
    assert_eq!(Origin::File { line: 3, column: 0 }.to_string(), "line 3");
}
