//! Losses: the parts of an event that encoding could not keep.

use crate::{Error, ErrorKind};
use alloc::{
    borrow::Cow,
    boxed::Box,
    string::String,
    vec::{self, Vec},
};
use core::fmt;

/// The parts of an event that a format or protocol could not represent exactly. Usually empty.
///
/// If it is empty, the decoded event equals the event, in types, spelling, payload, type URL and content type. Each part that differs has a
/// loss, whose [class](LossClass) says how much that matters.
///
/// ```
/// use cloudevents_core::{ErrorKind, Loss, LossClass, Losses};
///
/// let mut losses = Losses::none();
/// assert!(losses.is_empty());
/// losses.push(Loss::new(LossClass::Spelling, "time", "timestamp-spelling", "it is written in another way"));
/// assert_eq!(losses.clone().keep_meaning()?.len(), 1);
/// assert_eq!(losses.exact().unwrap_err().kind(), ErrorKind::Inexact);
/// # Ok::<(), cloudevents_core::Error>(())
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

    /// The number of losses.
    pub fn len(&self) -> usize {
        self.0.len()
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
        self.0.into_iter().next().map_or(Ok(()), |loss| Err(loss.into_error()))
    }

    /// Returns the losses, or an error of kind [`Inexact`](ErrorKind::Inexact) if one of them
    /// [changes the meaning](LossClass::Meaning).
    #[inline]
    pub fn keep_meaning(self) -> Result<Self, Error> {
        if self.is_empty() { Ok(self) } else { self.refuse_meaning() }
    }

    #[cold]
    fn refuse_meaning(mut self) -> Result<Self, Error> {
        match self.0.iter().position(|loss| loss.class == LossClass::Meaning) {
            Some(at) => Err(self.0.swap_remove(at).into_error()),
            None => Ok(self),
        }
    }
}

impl IntoIterator for Losses {
    type Item = Loss;
    type IntoIter = vec::IntoIter<Loss>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Losses {
    type Item = &'a Loss;
    type IntoIter = core::slice::Iter<'a, Loss>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// How much a loss matters. The order is by weight.
///
/// ```
/// use cloudevents_core::LossClass;
///
/// assert!(LossClass::Spelling < LossClass::Meaning);
/// assert_eq!(LossClass::PayloadForm.as_str(), "payload-form");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LossClass {
    /// The same value, written in another way: a timestamp with other letters or zeros, a content type that was implied and is stated.
    Spelling,
    /// The value of an attribute is carried as text, and its type is not. A consumer that knows the attribute reads it with its type
    /// (clause CE-Type-System-b).
    Type,
    /// The payload is carried with its content type, and is of another [kind](crate::Data): text comes back as bytes, for example.
    PayloadForm,
    /// Something is left out, or has another value.
    Meaning,
}

impl LossClass {
    /// `spelling`, `type`, `payload-form` or `meaning`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spelling => "spelling",
            Self::Type => "type",
            Self::PayloadForm => "payload-form",
            Self::Meaning => "meaning",
        }
    }
}

impl fmt::Display for LossClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that a format or protocol could not hold exactly.
///
/// ```
/// use cloudevents_core::{Loss, LossClass};
///
/// let loss = Loss::new(LossClass::Meaning, "time", "timestamp-offset", "the offset is not carried");
/// assert_eq!(loss.to_string(), "time: the offset is not carried [timestamp-offset]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    index: Option<usize>,
    at: Cow<'static, str>,
    class: LossClass,
    kind: &'static str,
    detail: &'static str,
}

impl Loss {
    /// Creates a loss at `data` or at the attribute of this name. `kind` is a kebab-case code, `detail` a description for people.
    pub fn new(class: LossClass, at: impl Into<Box<str>>, kind: &'static str, detail: &'static str) -> Self {
        Self { index: None, at: String::from(at.into()).into(), class, kind, detail }
    }

    /// Creates a loss at `data`, without an allocation.
    pub const fn of_data(class: LossClass, kind: &'static str, detail: &'static str) -> Self {
        Self { index: None, at: Cow::Borrowed("data"), class, kind, detail }
    }

    /// `data`, or the name of an attribute.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// How much the loss matters.
    pub fn class(&self) -> LossClass {
        self.class
    }

    /// The kebab-case code.
    pub fn kind(&self) -> &'static str {
        self.kind
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

impl Loss {
    fn into_error(self) -> Error {
        let detail = alloc::format!("{} [{}]", self.detail, self.kind);
        let error = Error::new(ErrorKind::Inexact).with_detail(detail).with_attribute(self.at.into_owned());
        self.index.into_iter().fold(error, Error::with_index)
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
