//! Shops whose connection was called otherwise: under a new name everything would be read, and stand there, again.

use schakel_engine::admit;
use schakel_store::Store;

use crate::config::{Config, ConnectionConfig};
use crate::error::Failure;

/// Refuses a configuration in which a shop has another name than the one under which `store` holds what was read of it.
///
/// # Errors
/// When there is such a shop, or when the store fails.
pub(super) async fn refuse(config: &Config, store: &Store) -> Result<(), Failure> {
    for connection in &config.connections {
        let ConnectionConfig::Lightspeed(shop) = connection else {
            continue;
        };
        let Some(former) = store.setting(&admit::first_name(shop.shop_id)).await? else {
            continue;
        };
        if former != shop.name.as_bytes() {
            return Err(renamed(
                &shop.name,
                shop.shop_id,
                &String::from_utf8_lossy(&former),
            ));
        }
    }
    Ok(())
}

fn renamed(name: &str, shop_id: i64, former: &str) -> Failure {
    let text = format!(
        "this database reads shop {shop_id} under the name \"{former}\", and the configuration calls it \"{name}\""
    );
    Failure::usage("SCH-0407", text).hint(format!(
        "a new name is a new connection, whose history would be read again and stand twice: give it the name \"{former}\" \
         again, in its section and in its routes"
    ))
}
