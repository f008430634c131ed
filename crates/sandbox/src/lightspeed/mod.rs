//! Simulator of the Lightspeed eCom (C-Series) REST API and of a shop behind it.
