//! Partitioning.

use crate::{Extension, Fields, NonEmptyText};
use cloudevents_core::{Error, Event, EventBuilder};

/// Events with the same key belong in the same bucket (`partitioning.md`): `partitionkey`.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, EventExtensions, PartitionKey};
///
/// let key = PartitionKey("order-42".parse()?);
/// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&key).build()?;
/// assert_eq!(event.read_extension()?, Some(key));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionKey(pub NonEmptyText);

impl Extension for PartitionKey {
    const ATTRIBUTES: &'static [&'static str] = &["partitionkey"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let key = fields.required_text("partitionkey", "PART-partitionkey-a", "PART-partitionkey-b");
        fields.finish(|| key.map(Self))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder.extension("partitionkey", &self.0)
    }
}
