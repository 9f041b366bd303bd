//! Losses: what encoding could not keep.

use crate::{Error, ErrorKind, Event};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// The parts of an event that a format or protocol could not represent exactly. Usually empty.
///
/// ```
/// use cloudevents_core::{ErrorKind, Loss, Losses};
///
/// let mut losses = Losses::none();
/// assert!(losses.is_empty());
/// losses.push(Loss::new("time", "offset", "the offset is not carried"));
/// assert_eq!(losses.exact().unwrap_err().kind(), ErrorKind::Inexact);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "losses say what the encoded form does not hold; check them, or discard them with `let _ =`"]
pub struct Losses(Vec<Loss>);

impl Losses {
    /// No losses.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a loss.
    pub fn push(&mut self, loss: Loss) {
        self.0.push(loss);
    }

    /// Adds the losses of another step.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Adds the losses of the event with this index in a batch, counted from 0.
    #[inline]
    pub fn append_event(&mut self, index: usize, losses: Self) {
        self.0.extend(losses.0.into_iter().map(|loss| Loss { index: Some(index), ..loss }));
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the losses.
    pub fn iter(&self) -> core::slice::Iter<'_, Loss> {
        self.0.iter()
    }

    /// Removes the losses for which the function returns `false`.
    pub fn retain(&mut self, keep: impl FnMut(&Loss) -> bool) {
        self.0.retain(keep);
    }

    /// Returns an error of kind [`Inexact`](ErrorKind::Inexact) if anything was lost.
    pub fn exact(self) -> Result<(), Error> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some(loss) => {
                let error = Error::new(ErrorKind::Inexact).with_detail(alloc::format!(
                    "{} [{}]",
                    loss.detail,
                    loss.kind
                ));
                let error = error.with_attribute(loss.at);
                Err(loss.index.into_iter().fold(error, Error::with_index))
            }
        }
    }
}

impl<'a> IntoIterator for &'a Losses {
    type Item = &'a Loss;
    type IntoIter = core::slice::Iter<'a, Loss>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One thing that a format or protocol could not hold exactly.
///
/// ```
/// let loss = cloudevents_core::Loss::new("time", "offset", "the offset is not carried");
/// assert_eq!(loss.to_string(), "time: the offset is not carried [offset]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    index: Option<usize>,
    at: Box<str>,
    kind: &'static str,
    detail: &'static str,
}

impl Loss {
    /// The code for an attribute whose value is carried, but not its type.
    pub const ATTRIBUTE_TYPE: &'static str = "attribute-type";

    /// Creates a loss at `data` or at the attribute of this name. `kind` is a kebab-case code, `detail` a description for people.
    pub fn new(at: impl Into<Box<str>>, kind: &'static str, detail: &'static str) -> Self {
        Self { index: None, at: at.into(), kind, detail }
    }

    /// `data`, or the name of an attribute.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// The kebab-case code.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether the value is carried and only its type is not: a Timestamp in JSON, for example, becomes a String with the same text.
    ///
    /// ```
    /// use cloudevents_core::Loss;
    ///
    /// assert!(Loss::new("seen", Loss::ATTRIBUTE_TYPE, "the attribute becomes a String").is_type_only());
    /// assert!(!Loss::new("time", "offset", "the offset is not carried").is_type_only());
    /// ```
    pub fn is_type_only(&self) -> bool {
        self.kind == Self::ATTRIBUTE_TYPE
    }

    /// The index of the event in its batch, counted from 0.
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The description for people.
    pub fn detail(&self) -> &'static str {
        self.detail
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "event {index} of the batch, ")?;
        }
        write!(f, "{}: {} [{}]", self.at, self.detail, self.kind)
    }
}

/// Returns the losses of binary mode: the type URL of a protobuf `Any`. They are the same for every protocol whose body is the payload.
///
/// ```
/// use cloudevents_core::{Event, Payload, codec::binary_mode_losses};
///
/// let payload = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
/// let event = Event::builder().id("1").source("/s").ty("t").payload_only(Ok(payload)).build()?;
/// assert_eq!(binary_mode_losses(&event).iter().next().unwrap().kind(), "type-url");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn binary_mode_losses(event: &Event) -> Losses {
    let mut losses = Losses::none();
    if event.has_type_url() {
        losses.push(type_url_lost());
    }
    losses
}

#[cold]
fn type_url_lost() -> Loss {
    Loss::new("data", "type-url", "the type URL of the protobuf message is not carried")
}

impl Event {
    #[inline]
    fn has_type_url(&self) -> bool {
        !self.type_url.is_absent()
    }
}
