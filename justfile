# Short names; everything here runs with plain cargo too.

# All checks and all tests, as CI does them.
ci:
    cargo xtask ci

# All tests, or those of one crate: just test -p schakel-store
test *ARGS:
    cargo xtask test {{ARGS}}

# What needs seconds: format, import rules, words.
quick:
    cargo fmt --all --check
    cargo xtask tidy

# The simulated shop and mailing tool with the hub between them.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Clippy as CI runs it.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Read and accept changed snapshots (needs cargo-insta).
review:
    cargo insta review
