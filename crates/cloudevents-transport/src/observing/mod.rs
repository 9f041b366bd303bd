//! Observation of senders and receivers: states and numbers.

pub(crate) mod connectivity;
pub(crate) mod interceptor;
pub(crate) mod metrics;
pub(crate) mod prometheus;
pub(crate) mod refusal;
pub(crate) mod seconds;

/// The target of log lines about a single message, for programs that see the message in another way: as an error, or by an observer.
pub(crate) const MESSAGES: &str = "cloudevents_transport::messages";

/// The target of log lines of dead letters that are not stored, for programs that see them in another way: in the state of a bridge.
pub(crate) const LETTERS: &str = "cloudevents_transport::letters";

/// The target of log lines of settlements that were lost with a connection, for programs that report their number.
pub(crate) const SETTLEMENTS: &str = "cloudevents_transport::settlements";
