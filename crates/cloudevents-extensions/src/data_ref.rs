//! References to data: the claim check pattern.

use crate::{Extension, Fields};
use cloudevents_core::{Error, Event, EventBuilder, UriReferenceBuf};

/// Where the payload is stored (`dataref.md`): `dataref`.
///
/// The stored payload must be identical with the payload of the event, if the event has one as well.
///
/// Nothing here fetches it. A URL that a peer chose is a risk for the program that opens it.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, DataRef, EventExtensions};
///
/// let data = DataRef("https://tenant123.middleware.com/events/data/A234-1234-1234.xml".parse()?);
/// let event = Event::builder().id("A234-1234-1234").source("/s").ty("t").write_extension(&data).build()?;
/// assert_eq!(event.read_extension()?, Some(data));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DataRef(pub UriReferenceBuf);

impl Extension for DataRef {
    const ATTRIBUTES: &'static [&'static str] = &["dataref"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let reference = fields.required("dataref", "DATAREF-dataref-a");
        fields.finish(|| reference.map(Self))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder.extension("dataref", &self.0)
    }
}
