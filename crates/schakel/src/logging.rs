//! Log lines, to standard error.

use tracing_subscriber::filter::LevelFilter;

/// Starts logging at `level` and above; `is_json` writes one object per line. Only the first call counts.
pub(crate) fn start(level: &str, is_json: bool) {
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // A second start finds the first one's subscriber in place, which is fine.
    let _ = if is_json {
        builder.json().try_init()
    } else {
        builder.with_target(false).try_init()
    };
}
