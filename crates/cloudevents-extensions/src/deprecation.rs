//! Deprecation of events.

use crate::{Extension, Fields, violation};
use cloudevents_core::{Error, Event, EventBuilder, Instant, TimestampBuf, UriBuf};

/// The type of the event is deprecated (`deprecation.md`): `deprecated` is `true`. An event of a type that is not has no such attribute.
///
/// ```
/// use cloudevents_core::{Event, Timestamp};
/// use cloudevents_extensions::{BuilderExtensions, Deprecation, EventExtensions};
///
/// let deprecation = Deprecation::new(Some("2024-10-11T00:00:00Z".parse()?), Some("2024-11-12T00:00:00Z".parse()?))?;
/// let deprecation = deprecation.with_migration("https://example.com/migrate-to-new-evt".parse()?);
/// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&deprecation).build()?;
///
/// let read: Deprecation = event.read_extension()?.unwrap();
/// assert!(read.is_past_sunset(&Timestamp::parse("2024-11-12T00:00:01Z")?.instant()));
/// assert_eq!(read, deprecation);
/// // The sunset is not before the deprecation.
/// assert!(Deprecation::new(Some("2024-10-11T00:00:00Z".parse()?), Some("2024-10-10T00:00:00Z".parse()?)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Deprecation {
    from: Option<TimestampBuf>,
    sunset: Option<TimestampBuf>,
    migration: Option<UriBuf>,
}

impl Deprecation {
    /// Creates a deprecation: since when, and when the type becomes unsupported.
    ///
    /// A sunset before `from` is an error of kind [`InvalidExtension`](cloudevents_core::ErrorKind::InvalidExtension) (clause
    /// DEPREC-deprecationsunset-b).
    pub fn new(from: Option<TimestampBuf>, sunset: Option<TimestampBuf>) -> Result<Self, Error> {
        match (&from, &sunset) {
            (Some(from), Some(sunset)) if sunset.view().instant() < from.view().instant() => Err(violation(
                "deprecationsunset",
                "DEPREC-deprecationsunset-b",
                format!("it is before deprecationfrom, {from}"),
            )),
            _ => Ok(Self { from, sunset, migration: None }),
        }
    }

    /// Sets where to read how to migrate: `deprecationmigration`.
    pub fn with_migration(mut self, migration: UriBuf) -> Self {
        self.migration = Some(migration);
        self
    }

    /// When the type was marked as deprecated: `deprecationfrom`.
    pub fn since(&self) -> Option<&TimestampBuf> {
        self.from.as_ref()
    }

    /// When the type becomes unsupported: `deprecationsunset`.
    pub fn sunset(&self) -> Option<&TimestampBuf> {
        self.sunset.as_ref()
    }

    /// Where to read how to migrate: `deprecationmigration`.
    pub fn migration(&self) -> Option<&UriBuf> {
        self.migration.as_ref()
    }

    /// Whether the sunset has passed, after which consumers should stop processing such events (clause DEPREC-Usage-c).
    pub fn is_past_sunset(&self, now: &Instant) -> bool {
        self.sunset.as_ref().is_some_and(|sunset| sunset.view().instant() < *now)
    }
}

impl Extension for Deprecation {
    const ATTRIBUTES: &'static [&'static str] =
        &["deprecated", "deprecationfrom", "deprecationsunset", "deprecationmigration"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        if fields.required("deprecated", "DEPREC-deprecated-a") == Some(false) {
            fields.accept::<()>(Err(violation(
                "deprecated",
                "DEPREC-deprecated-b",
                "only `true` is allowed",
            )));
        }
        let from = fields.optional("deprecationfrom", "DEPREC-deprecationfrom-a");
        let sunset = fields.optional("deprecationsunset", "DEPREC-deprecationsunset-a");
        let migration = fields.optional("deprecationmigration", "DEPREC-deprecationmigration-a");
        let deprecation = fields.accept(Self::new(from, sunset));
        fields.finish(|| Some(Self { migration, ..deprecation? }))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder
            .extension("deprecated", true)
            .extension("deprecationfrom", &self.from)
            .extension("deprecationsunset", &self.sunset)
            .extension("deprecationmigration", &self.migration)
    }
}
