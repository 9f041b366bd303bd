//! Correlation and causation.

use crate::{Extension, Fields, NonEmptyText};
use cloudevents_core::{Error, Event, EventBuilder};

/// How events belong together (`correlation.md`). [`caused_by`](crate::BuilderExtensions::caused_by) sets it from the event that led to
/// another one.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, Correlation, EventExtensions};
///
/// let correlation = Correlation { correlation_id: Some("txn-abc-123".parse()?), ..Correlation::default() };
/// let event = Event::builder().id("order-123").source("/orders").ty("t").write_extension(&correlation).build()?;
/// assert_eq!(event.extension("correlationid").unwrap(), "txn-abc-123");
/// assert_eq!(event.read_extension()?, Some(correlation));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Correlation {
    /// Names the flow or transaction that the event is part of: `correlationid`.
    pub correlation_id: Option<NonEmptyText>,
    /// The id of the event that caused this one: `causationid`.
    pub causation_id: Option<NonEmptyText>,
}

impl Extension for Correlation {
    const ATTRIBUTES: &'static [&'static str] = &["correlationid", "causationid"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let correlation_id =
            fields.optional_text("correlationid", "CORR-correlationid-a", "CORR-correlationid-b");
        let causation_id = fields.optional_text("causationid", "CORR-causationid-a", "CORR-causationid-b");
        fields.finish(|| Some(Self { correlation_id, causation_id }))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder.extension("correlationid", &self.correlation_id).extension("causationid", &self.causation_id)
    }
}
