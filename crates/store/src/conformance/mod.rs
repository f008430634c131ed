//! The conformance suite: every public function on both engines.

pub(crate) mod plans;
