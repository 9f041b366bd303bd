//! A receiver that listens.

mod answer;
mod connections;
mod exchange;
mod options;
mod receiver;

pub use options::HttpReceiverOptions;
pub use receiver::{HttpReceiver, receiver};
