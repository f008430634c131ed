//! Log lines, to standard error.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What the driver of the databases writes under: its warnings come once per connection of an outage of which we write one
/// line, and how it fails comes back to us as an error anyway.
const DRIVER: &str = "sqlx";

/// Gives what is written at `level`: of the driver nothing but errors, unless details are wanted.
fn wanted(level: LevelFilter) -> Targets {
    let driver = if level > LevelFilter::INFO {
        level
    } else {
        level.min(LevelFilter::ERROR)
    };
    Targets::new().with_default(level).with_target(DRIVER, driver)
}

/// Starts logging at `level` and above; `is_json` writes one object per line. Only the first call counts.
pub(crate) fn start(level: &str, is_json: bool) {
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // A second start finds the first one's subscriber in place, which is fine.
    let _ = if is_json {
        builder.json().finish().with(wanted(level)).try_init()
    } else {
        builder.with_target(false).finish().with(wanted(level)).try_init()
    };
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_driver_warns_only_where_details_are_wanted() {
        let warns = |level, target| wanted(level).would_enable(target, &Level::WARN);
        for level in [LevelFilter::INFO, LevelFilter::WARN] {
            assert!(warns(level, "schakel_engine::health"));
            assert!(!warns(level, "sqlx_core::pool::inner") && !warns(level, "sqlx::pool"));
            assert!(wanted(level).would_enable("sqlx::pool", &Level::ERROR));
        }
        assert!(warns(LevelFilter::DEBUG, "sqlx_core::pool::inner"));
        assert!(!wanted(LevelFilter::OFF).would_enable("sqlx::pool", &Level::ERROR));
    }
}
