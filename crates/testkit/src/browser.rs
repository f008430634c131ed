//! A real browser for tests of pages: Chromium without a window.
//!
//! Enough for pages that are whole without JavaScript: load, then look at the document or at a picture of it. Pages
//! that must be clicked need a driver and come with their own tool.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{find_program, say_skipped, services_are_required, tempdir, wait_until};

/// What to do where no browser was found.
pub const ADVICE: &str =
    "install it with `cargo xtask deps`, or the packages chromium and fonts-dejavu by hand";

/// The end of patience for one page: a cold browser on a busy machine takes a few seconds.
const PAGE_TIME_MAX: Duration = Duration::from_secs(120);

/// Returns the path of Chromium or Chrome, or `None` where there is none.
pub fn find() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find_map(find_program)
}

/// Loads `url` and returns the document as the browser sees it, or `None` where there is no browser.
///
/// # Errors
///
/// The browser ended with a failure, or did not end; the text holds what it printed.
///
/// # Panics
///
/// Without a browser while services are required.
pub fn dump_dom(url: &str) -> Result<Option<String>, String> {
    run(&["--dump-dom"], url)
}

/// Loads `url`, writes a PNG of 1280 by 900 pixels to `picture`, and returns whether there was a browser to do it.
///
/// # Errors
///
/// As [`dump_dom`], and when no picture came.
///
/// # Panics
///
/// Without a browser while services are required.
pub fn screenshot(url: &str, picture: &Path) -> Result<bool, String> {
    let target = format!("--screenshot={}", picture.display());
    let ran = run(&[&target, "--window-size=1280,900", "--hide-scrollbars"], url)?.is_some();
    if ran && !picture.is_file() {
        return Err(format!("the browser made no picture of {url}"));
    }
    Ok(ran)
}

fn run(options: &[&str], url: &str) -> Result<Option<String>, String> {
    let Some(program) = find() else {
        assert!(!services_are_required(), "no browser for tests: {ADVICE}");
        say_skipped(&format!("no browser for tests: {ADVICE}"));
        return Ok(None);
    };
    let folder = tempdir();
    let (output, log) = (folder.path().join("output"), folder.path().join("log"));
    let create =
        |path: &Path| File::create(path).map_err(|e| format!("cannot write {}: {e}", path.display()));
    let mut child = Command::new(&program)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args(["--disable-dev-shm-usage", "--no-proxy-server"])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .args(options)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(create(&output)?)
        .stderr(create(&log)?)
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let mut status = None;
    let ended = wait_until(PAGE_TIME_MAX, || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    });
    if !ended {
        // The failure below says more than a failure to end it would.
        let _ = child.kill();
        let _ = child.wait();
    }
    if status.is_some_and(|status| status.success()) {
        let page =
            std::fs::read(&output).map_err(|error| format!("cannot read the browser's output: {error}"))?;
        return Ok(Some(String::from_utf8_lossy(&page).into_owned()));
    }
    let log = std::fs::read_to_string(&log).unwrap_or_default();
    Err(format!("the browser failed on {url} ({status:?}):\n{log}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumps_a_page_from_a_file() {
        let folder = tempdir();
        let page = folder.path().join("page.html");
        std::fs::write(&page, "<!doctype html><title>t</title><p>twelve <b>orders</b>").unwrap();
        if let Some(dom) = dump_dom(&format!("file://{}", page.display())).unwrap() {
            assert!(dom.contains("<p>twelve <b>orders</b></p>"), "{dom}");
        }
    }

    #[test]
    fn takes_a_picture() {
        let folder = tempdir();
        let picture = folder.path().join("picture.png");
        if screenshot("data:text/html,<h1>Schakel</h1>", &picture).unwrap() {
            assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
        }
    }
}
