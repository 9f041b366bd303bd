//! Expiry time.

use crate::{Extension, Fields};
use cloudevents_core::{Error, Event, EventBuilder, Instant, TimestampBuf};

/// When the event is no longer useful (`expirytime.md`): `expirytime`.
///
/// Intermediaries may change it, but must not remove it. It should not be before `time`.
///
/// ```
/// use cloudevents_core::{Event, Timestamp};
/// use cloudevents_extensions::{EventExtensions, ExpiryTime};
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("expirytime", "2018-04-05T18:31:00Z").build()?;
/// let expiry: ExpiryTime = event.read_extension()?.unwrap();
/// let now = |text| Timestamp::parse(text).map(Timestamp::instant);
/// assert!(!expiry.is_expired(&now("2018-04-05T18:30:59Z")?));
/// assert!(expiry.is_expired(&now("2018-04-05T20:31:00+02:00")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExpiryTime(pub TimestampBuf);

impl ExpiryTime {
    /// Whether the time is at or before `now`: then the event may be discarded (clause EXPIRY-Usage-b).
    pub fn is_expired(&self, now: &Instant) -> bool {
        self.0.view().instant() <= *now
    }
}

impl Extension for ExpiryTime {
    const ATTRIBUTES: &'static [&'static str] = &["expirytime"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let time = fields.required("expirytime", "EXPIRY-expirytime-a");
        fields.finish(|| time.map(Self))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder.extension("expirytime", &self.0)
    }
}
