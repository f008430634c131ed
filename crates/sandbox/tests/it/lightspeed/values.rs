//! §9.2: how single values are written.
