//! Recorded time.

use crate::{Extension, Fields};
use cloudevents_core::{Error, Event, EventBuilder, TimestampBuf};

/// When the producer created the event (`recordedtime.md`): `recordedtime`. The core attribute `time` says when the occurrence happened.
///
/// Intermediaries must not change it. It should not be before `time`.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, EventExtensions, RecordedTime};
///
/// let recorded = RecordedTime("2018-04-05T17:31:05Z".parse()?);
/// let event = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T17:31:00Z").write_extension(&recorded).build()?;
/// assert_eq!(event.read_extension()?, Some(recorded));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordedTime(pub TimestampBuf);

impl Extension for RecordedTime {
    const ATTRIBUTES: &'static [&'static str] = &["recordedtime"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let time = fields.required("recordedtime", "RECTIME-recordedtime-b");
        fields.finish(|| time.map(Self))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder.extension("recordedtime", &self.0)
    }
}
