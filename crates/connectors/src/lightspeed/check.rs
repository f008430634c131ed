//! Tests credentials and permissions one by one (A10). Reads only, and leaves nothing behind.

use schakel_core::connector::{CheckLine, CheckReport, ConnectorError, Cx};
use schakel_core::entity::fold_email;
use schakel_core::identity::{BlockList, MatchKey};

use super::call::{self, Answer, Call, Failure, WHERE};
use super::config::Settings;
use super::wire::answers::{Grant, LanguagesAnswer, Permissions, PermissionsAnswer, ShopAnswer};

/// Tests the connection that `settings` describe.
pub(super) async fn check(cx: &Cx, settings: &Settings) -> Result<CheckReport, ConnectorError> {
    let answer = match send(cx, settings, call::PERMISSIONS, "GET account/permissions").await {
        Ok(answer) => answer,
        Err(Failure::Language) => return Ok(language_off(settings)),
        Err(Failure::Other(error)) => return Err(error),
    };
    let answer: PermissionsAnswer = call::read(&answer)?;
    let mut lines = permission_lines(&answer.account_permissions);
    let (identity, shop_lines) = shop(cx, settings).await?;
    lines.extend(shop_lines);
    lines.push(language(cx, settings).await?);
    Ok(CheckReport {
        identity,
        lines,
        lacking: Vec::new(),
    })
}

async fn send(
    cx: &Cx,
    settings: &Settings,
    path: &'static str,
    label: &'static str,
) -> Result<Answer, Failure> {
    call::send(cx, settings, Call::get(path, label, "settings")).await
}

/// With an inactive language every path is a 404, so nothing else can be tested.
fn language_off(settings: &Settings) -> CheckReport {
    CheckReport {
        identity: format!("shop {}", settings.shop_id),
        lines: vec![language_line(settings, false)],
        lacking: Vec::new(),
    }
}

fn language_line(settings: &Settings, is_granted: bool) -> CheckLine {
    let language = settings.path_language();
    CheckLine {
        subject: format!("language: {language}"),
        is_required: true,
        is_tested: true,
        is_granted,
        note: if is_granted {
            String::new()
        } else {
            "not active in the shop: choose another language, or switch this one on in the back office"
                .to_owned()
        },
    }
}

fn permission_lines(granted: &Permissions) -> Vec<CheckLine> {
    let sections = [
        ("content", granted.content),
        ("products", granted.products),
        ("customers", granted.customers),
        ("orders", granted.orders),
        ("settings", granted.settings),
        ("tracking", granted.tracking),
    ];
    let mut lines: Vec<CheckLine> = sections.into_iter().map(read_line).collect();
    lines.push(CheckLine {
        subject: "customers: write".to_owned(),
        is_required: false,
        is_tested: true,
        is_granted: granted.customers.write,
        note: if granted.customers.write {
            String::new()
        } else {
            "without it changes in Copernica are not written back to the shop".to_owned()
        },
    });
    lines
}

fn read_line((section, grant): (&str, Grant)) -> CheckLine {
    CheckLine {
        subject: format!("{section}: read"),
        is_required: true,
        is_tested: true,
        is_granted: grant.read,
        note: if grant.read {
            String::new()
        } else {
            WHERE.to_owned()
        },
    }
}

/// Tells whether the shop's own address joins nobody; nothing when the shop names none.
fn own_address_line(settings: &Settings, address: &str) -> Option<CheckLine> {
    let key = MatchKey::email(address)?;
    let is_blocked = BlockList::standard()
        .with_own(&settings.own_addresses)
        .blocks(&key);
    Some(CheckLine {
        subject: "the shop's own address joins nobody".to_owned(),
        is_required: false,
        is_tested: true,
        is_granted: is_blocked,
        note: if is_blocked {
            String::new()
        } else {
            format!(
                "add it to the connection: own_addresses = [\"{}\"]",
                fold_email(address)
            )
        },
    })
}

/// Who answered, whether it is the shop that was configured, and whether its own address is known.
async fn shop(cx: &Cx, settings: &Settings) -> Result<(String, Vec<CheckLine>), ConnectorError> {
    let line = |is_granted, note: String| CheckLine {
        subject: format!("shop: {}", settings.shop_id),
        is_required: true,
        is_tested: true,
        is_granted,
        note,
    };
    let answer = match send(cx, settings, "shop", "GET shop").await {
        Ok(answer) => answer,
        Err(Failure::Other(ConnectorError::Rejected(_))) => {
            let note = format!("the shop could not be read, for want of `settings: read`; {WHERE}");
            return Ok((format!("shop {}", settings.shop_id), vec![line(false, note)]));
        }
        Err(failure) => return Err(failure.into_error(&settings.path_language())),
    };
    let ShopAnswer { shop } = call::read(&answer)?;
    let domain = if shop.main_domain.is_empty() {
        &shop.sub_domain
    } else {
        &shop.main_domain
    };
    let identity = format!("{domain} (shop {}, {})", shop.id, settings.cluster.as_str());
    let other = other_shop(settings, shop.id);
    let mut lines = vec![line(other.is_none(), other.unwrap_or_default())];
    lines.extend(own_address_line(settings, &shop.email));
    Ok((identity, lines))
}

/// Says what to do when the credentials open the shop `id`, which is not the configured one.
fn other_shop(settings: &Settings, id: i64) -> Option<String> {
    (id != settings.shop_id).then(|| {
        format!("these credentials open shop {id}; set `shop_id` to it, or use the key of the other shop")
    })
}

/// Makes sure that the credentials open the configured shop.
pub(super) async fn connect(cx: &Cx, settings: &Settings) -> Result<(), ConnectorError> {
    let answer = match send(cx, settings, "shop", "GET shop").await {
        Ok(answer) => answer,
        Err(Failure::Other(ConnectorError::Rejected(_))) => return Ok(()),
        Err(failure) => return Err(failure.into_error(&settings.path_language())),
    };
    if answer.body.is_none() {
        // Every living shop has this page: a passing 404 says nothing.
        return Err(ConnectorError::Unavailable(
            "the shop does not say which one it is".to_owned(),
        ));
    }
    let ShopAnswer { shop } = call::read(&answer)?;
    match other_shop(settings, shop.id) {
        Some(why) => Err(ConnectorError::NotOurs(format!(
            "`shop_id` is {}, but {why}",
            settings.shop_id
        ))),
        None => Ok(()),
    }
}

async fn language(cx: &Cx, settings: &Settings) -> Result<CheckLine, ConnectorError> {
    let answer = match send(cx, settings, "languages", "GET languages").await {
        Ok(answer) => answer,
        Err(Failure::Language) => return Ok(language_line(settings, false)),
        // That any path answers shows that the language is active.
        Err(Failure::Other(ConnectorError::Rejected(_))) => return Ok(language_line(settings, true)),
        Err(Failure::Other(error)) => return Err(error),
    };
    let answer: LanguagesAnswer = call::read(&answer)?;
    let code = settings.path_language();
    let is_active = answer
        .languages
        .iter()
        .any(|language| language.is_active && language.code.eq_ignore_ascii_case(&code));
    Ok(language_line(settings, is_active))
}
