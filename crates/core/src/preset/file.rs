//! Reads a preset from its TOML text.
