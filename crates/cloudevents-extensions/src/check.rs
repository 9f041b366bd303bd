//! The rules of all documents at once.

use crate::{
    AuthContext, Bam, Correlation, DataClassification, DataRef, Deprecation, DistributedTracing, ExpiryTime,
    Extension, OpcUa, PartitionKey, RecordedTime, SampledRate, Sequence, Severity, Verifiability,
};
use cloudevents_core::{Error, Event};

/// Returns every violation of the fifteen documented extensions: of rules that are a MUST and can be seen on the event alone.
///
/// Each is of kind [`InvalidExtension`](cloudevents_core::ErrorKind::InvalidExtension), with the attribute, the reason and the clause. An
/// event without extension attributes has none.
///
/// ```
/// use cloudevents_core::Event;
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("sampledrate", 0).extension("severitytext", "ERROR");
/// let found = cloudevents_extensions::check(&event.build()?);
/// let clauses: Vec<_> = found.iter().map(|error| (error.attribute().unwrap(), error.clause().unwrap())).collect();
/// assert_eq!(clauses, [("sampledrate", "SAMPLE-sampledrate-b"), ("severitynumber", "SEV-severitynumber-a")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check(event: &Event) -> Vec<Error> {
    let rules = [
        mistakes::<AuthContext>,
        mistakes::<Bam>,
        mistakes::<Correlation>,
        mistakes::<DataClassification>,
        mistakes::<DataRef>,
        mistakes::<Deprecation>,
        mistakes::<DistributedTracing>,
        mistakes::<ExpiryTime>,
        mistakes::<OpcUa>,
        mistakes::<PartitionKey>,
        mistakes::<RecordedTime>,
        mistakes::<SampledRate>,
        mistakes::<Sequence>,
        mistakes::<Severity>,
        mistakes::<Verifiability>,
    ];
    rules.into_iter().flat_map(|rule| rule(event)).collect()
}

fn mistakes<T: Extension>(event: &Event) -> Vec<Error> {
    T::read(event).err().map(Error::into_mistakes).unwrap_or_default()
}
