//! Properties of identity.
