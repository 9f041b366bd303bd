//! Why an event cannot be converted.

use cloudevents_core::{BuildError, Error, ErrorKind};
use std::fmt;

/// All reasons why an event cannot be converted, each with its attribute (`data` for the payload).
///
/// An event of the SDK may violate the specification; the errors then have the kinds that decoding would report. An event of this toolkit
/// may have values that the SDK's type cannot represent; the kind is then [`Inexact`](ErrorKind::Inexact).
///
/// ```
/// use cloudevents::{EventBuilder, EventBuilderV10};
/// use cloudevents_sdk_bridge::from_sdk;
///
/// let theirs = EventBuilderV10::new().id("").source("not a uri").ty("t").extension("Bad-Name", 1i64).build()?;
/// let error = from_sdk(&theirs).unwrap_err();
/// let reasons: Vec<_> = error.errors().iter().map(|e| (e.attribute().unwrap_or(""), e.kind().code())).collect();
/// assert_eq!(
///     reasons,
///     [("id", "empty-attribute"), ("source", "invalid-uri-reference"), ("Bad-Name", "invalid-name")]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BridgeError(Box<[Error]>);

impl BridgeError {
    /// At least one.
    pub(crate) fn new(errors: Vec<Error>) -> Self {
        Self(errors.into())
    }

    /// The reasons: at least one.
    ///
    /// ```
    /// use cloudevents_core::Event;
    ///
    /// let ours = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T17:31:00+02:00").build()?;
    /// let error = cloudevents_sdk_bridge::to_sdk(&ours).unwrap_err();
    /// assert_eq!(error.errors().len(), 1);
    /// assert_eq!(error.errors()[0].attribute(), Some("time"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn errors(&self) -> &[Error] {
        &self.0
    }
}

impl fmt::Display for BridgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 1 {
            write!(f, "{} reasons: ", self.0.len())?;
        }
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BridgeError {}

impl From<BuildError> for BridgeError {
    fn from(mistakes: BuildError) -> Self {
        Self(mistakes.errors().into())
    }
}

/// The first reason, with the others in [`Error::others`].
impl From<BridgeError> for Error {
    fn from(error: BridgeError) -> Self {
        let mut reasons = error.0.into_iter();
        let first = reasons.next().unwrap_or_else(|| Self::new(ErrorKind::Inexact));
        first.with_others(reasons)
    }
}
