//! Attribute values that are generated.

use cloudevents_core::EventBuilder;
#[cfg(feature = "random-id")]
use cloudevents_core::{Error, ErrorKind};
use sealed::Sealed;

/// Setters that generate a value. Nothing else in the toolkit does: an event without an id is a mistake.
///
/// ```
/// use cloudevents_kit::{BuilderConveniences, Event};
///
/// let event = Event::builder().random_id().time_now().source("/orders").ty("com.example.order.placed").build()?;
/// assert_eq!(event.id().len(), 36);
/// assert!(event.time().is_some_and(|time| time.as_str().ends_with('Z')));
/// # Ok::<(), cloudevents_kit::BuildError>(())
/// ```
pub trait BuilderConveniences: Sized + Sealed {
    /// Sets a random id: a UUID (version 4) in its text form.
    ///
    /// Without a source of randomness, `build` fails with an error of kind [`Unsupported`](ErrorKind::Unsupported).
    #[cfg(feature = "random-id")]
    fn random_id(self) -> Self;

    /// Sets the time to the system clock's current time, in UTC.
    fn time_now(self) -> Self;
}

impl BuilderConveniences for EventBuilder {
    #[cfg(feature = "random-id")]
    fn random_id(self) -> Self {
        let mut bytes = [0; 16];
        match getrandom::fill(&mut bytes) {
            Ok(()) => self.id(uuid_v4(u128::from_be_bytes(bytes))),
            Err(error) => self.mistake(
                Error::new(ErrorKind::Unsupported)
                    .with_attribute("id")
                    .with_detail(format!("the system has no random numbers: {error}")),
            ),
        }
    }

    fn time_now(self) -> Self {
        self.time(std::time::SystemTime::now())
    }
}

/// The text of a UUID of version 4 (RFC 9562, section 5.4) made of these random bits.
#[cfg(feature = "random-id")]
fn uuid_v4(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// Not public: only this crate implements the trait above.
mod sealed {
    pub trait Sealed {}
    impl Sealed for cloudevents_core::EventBuilder {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::Event;

    #[cfg(feature = "random-id")]
    #[test]
    fn version_and_variant() {
        assert_eq!(uuid_v4(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_v4(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(
            uuid_v4(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            "01234567-89ab-4def-8123-456789abcdef"
        );
    }

    #[cfg(feature = "random-id")]
    #[test]
    fn ids_differ() {
        let id = || Event::builder().random_id().source("/s").ty("t").build().unwrap().id().to_owned();
        assert_ne!(id(), id());
    }

    #[test]
    fn now_is_after_this_was_written() {
        let event = Event::builder().id("1").time_now().source("/s").ty("t").build().unwrap();
        assert!(event.time().unwrap().as_str() > "2026-11-01");
    }
}
