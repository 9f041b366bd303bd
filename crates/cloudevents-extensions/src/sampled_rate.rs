//! Sampled rate.

use crate::{Extension, Fields, violation};
use cloudevents_core::{Error, Event, EventBuilder};

/// How many similar events this one stands for, itself included (`sampledrate.md`): `sampledrate`, greater than zero.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, EventExtensions, SampledRate};
///
/// let rate = SampledRate::new(30)?;
/// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&rate).build()?;
/// assert_eq!(event.read_extension()?, Some(rate));
/// assert!(SampledRate::new(0).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampledRate(i32);

impl SampledRate {
    /// Creates a rate. Errors are of kind [`InvalidExtension`](cloudevents_core::ErrorKind::InvalidExtension), when it is not greater than
    /// zero (clause SAMPLE-sampledrate-b).
    pub fn new(rate: i32) -> Result<Self, Error> {
        if rate > 0 {
            return Ok(Self(rate));
        }
        Err(violation("sampledrate", "SAMPLE-sampledrate-b", format!("{rate} is not greater than zero")))
    }

    /// The number of similar events.
    pub fn get(self) -> i32 {
        self.0
    }
}

impl Extension for SampledRate {
    const ATTRIBUTES: &'static [&'static str] = &["sampledrate"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let rate = fields.required("sampledrate", "SAMPLE-sampledrate-a");
        let rate = rate.and_then(|rate| fields.accept(Self::new(rate)));
        fields.finish(|| rate)
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder.extension("sampledrate", self.0)
    }
}
