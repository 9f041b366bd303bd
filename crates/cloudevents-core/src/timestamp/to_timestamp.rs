//! Arguments of setters for a timestamp.

use super::Timestamp;
use crate::Error;
use alloc::string::String;

/// The argument of a setter for a timestamp.
///
/// It is text, [`SystemTime`](std::time::SystemTime) with the feature `std`, or a date type of `time`, `jiff` or `chrono` with the feature
/// of that name. A `SystemTime` is written in UTC.
///
/// Setters also take an `Option`: `None` removes the attribute.
///
/// ```
/// use cloudevents_core::Event;
///
/// let delivered: Option<&str> = None;
/// let event = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T17:31:00Z").build()?;
/// assert_eq!(event.time().unwrap().as_str(), "2018-04-05T17:31:00Z");
/// assert_eq!(event.into_builder().time(delivered).build()?.time(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a timestamp that a CloudEvent can take",
    note = "date types need a feature of cloudevents-core (or cloudevents-kit): `chrono04`, `time03` or `jiff02`",
    note = "text in the form of RFC 3339 is always taken: \"2018-04-05T17:31:00Z\""
)]
pub trait ToTimestamp {
    /// Calls `use_it` with the timestamp, with `None` if there is none, or with the error.
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R;
}

impl ToTimestamp for str {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        use_it(Timestamp::parse(self).map(Some))
    }
}

impl ToTimestamp for String {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        use_it(Timestamp::parse(self).map(Some))
    }
}

impl ToTimestamp for Timestamp<'_> {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        use_it(Ok(Some(*self)))
    }
}

impl<T: ToTimestamp + ?Sized> ToTimestamp for &T {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        (**self).with_timestamp(use_it)
    }
}

impl<T: ToTimestamp> ToTimestamp for Option<T> {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        match self {
            Some(time) => time.with_timestamp(use_it),
            None => use_it(Ok(None)),
        }
    }
}

/// Shared by the conversions from date types: passes on the text, or an error if RFC 3339 cannot express the date.
#[cfg(any(feature = "std", feature = "time03", feature = "jiff02", feature = "chrono04"))]
pub(super) fn hand_over<R>(
    text: Option<String>,
    use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R,
) -> R {
    match text {
        Some(text) => use_it(Ok(Some(Timestamp(&text)))),
        None => use_it(Err(Error::new(crate::ErrorKind::InvalidTimestamp)
            .with_detail("RFC 3339 has the years 0000 to 9999 and offsets of whole minutes, less than a day")
            .with_clause("CE-Type-System-l"))),
    }
}

/// Shared by the conversions from date types: passes on the timestamp as an attribute value.
#[cfg(any(feature = "std", feature = "time03", feature = "jiff02", feature = "chrono04"))]
pub(super) fn as_value<R>(
    time: &impl ToTimestamp,
    use_it: impl FnOnce(Result<Option<crate::Value<'_>>, Error>) -> R,
) -> R {
    time.with_timestamp(|time| use_it(time.map(|time| time.map(crate::Value::Timestamp))))
}

/// Shared by the conversions to date types: the error.
#[cfg(any(feature = "std", feature = "time03", feature = "jiff02", feature = "chrono04"))]
pub(super) fn out_of_range(what: &'static str) -> Error {
    Error::new(crate::ErrorKind::InvalidTimestamp).with_detail(alloc::format!("{what} cannot hold it"))
}
