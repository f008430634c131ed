//! The one place of the test tools that reads the environment.

/// Returns the value of an environment variable, or `None` where it is absent, empty or not UTF-8.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are steered by the environment, not by schakel::config"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns whether a missing service is a failure (`SCHAKEL_TEST_REQUIRE_SERVICES=1`) or a skipped test.
pub fn services_are_required() -> bool {
    variable("SCHAKEL_TEST_REQUIRE_SERVICES").is_some_and(|value| value != "0")
}
