//! Whole stories through the built binary, against simulators on real sockets.

mod demo;
mod kill;
mod process;
