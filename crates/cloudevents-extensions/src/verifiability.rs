//! Verifiability.

use crate::{Extension, Fields};
use cloudevents_core::{Error, Event, EventBuilder};

/// The material that a signature of the event is verified with (`verifiability.md`): `dssematerial`, bytes that nothing here looks into.
///
/// An event that has it is not verified by that.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, EventExtensions, Verifiability};
///
/// let material = Verifiability(br#"{"payload":"e30="}"#.to_vec());
/// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&material).build()?;
/// assert_eq!(event.extension("dssematerial").unwrap().to_string(), "eyJwYXlsb2FkIjoiZTMwPSJ9");
/// assert_eq!(event.read_extension()?, Some(material));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verifiability(pub Vec<u8>);

impl Extension for Verifiability {
    const ATTRIBUTES: &'static [&'static str] = &["dssematerial"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let material = fields.required("dssematerial", "VERIFY-dssematerial-a");
        fields.finish(|| material.map(Self))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder.extension("dssematerial", &self.0)
    }
}
