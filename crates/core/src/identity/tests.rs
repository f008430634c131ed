//! Properties of identity: the same people, whatever the order (reliability.md §13.3, P1 and P3).

mod crowd;
mod hub;
mod moves;
mod naive;
mod numbers;
mod order;
pub(crate) mod world;
