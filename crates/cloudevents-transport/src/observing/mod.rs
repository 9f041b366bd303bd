//! What is to be seen of senders and receivers: states and numbers.

pub(crate) mod connectivity;
pub(crate) mod interceptor;
pub(crate) mod metrics;
pub(crate) mod prometheus;
pub(crate) mod refusal;
