//! The API of programs that send.

pub(crate) mod capabilities;
pub(crate) mod fault;
pub(crate) mod loss_policy;
pub(crate) mod lost;
pub(crate) mod outgoing;
pub(crate) mod receipt;
pub(crate) mod sender;
