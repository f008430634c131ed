//! What others reach over HTTP: webhooks on a port of their own, and the pages with the API.
//!
//! [`hooks`] is open to the internet, so it knows nothing but the way into the inbox; [`pages`] is for the people
//! who run the hub and listens on the local machine unless told otherwise. [`serve()`] answers connections for both.
//! No SQL and no rule of the business here: what is shown comes from `schakel_engine::report`.

mod serve;

pub mod hooks;

pub mod pages;

#[cfg(test)]
mod testing;

pub use serve::serve;
