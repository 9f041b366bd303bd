//! Owned values.

use super::{AttributeType, FromValue, ToValue, Value};
use crate::{Error, TimestampBuf, UriBuf, UriReferenceBuf};
use alloc::{boxed::Box, vec::Vec};
use bytes::Bytes;
use core::fmt;

/// An owned [`Value`]: for configuration, and for attributes that are kept without their event.
///
/// It is made from a [`Value`], and so from any type that a value is made from. Setters take it, and [`view`](Self::view) gives the value
/// back.
///
/// ```
/// use cloudevents_core::{Event, NameBuf, Value, ValueBuf};
/// use std::collections::BTreeMap;
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("tenant", "north").extension("priority", 3).build()?;
/// let kept: BTreeMap<NameBuf, ValueBuf> =
///     event.extensions().map(|(name, value)| (name.into(), value.into())).collect();
/// assert_eq!(kept["tenant"], ValueBuf::from(event.extension("tenant").unwrap()));
/// assert_eq!(kept["priority"].view(), Value::Integer(3));
///
/// let mut other = Event::builder().id("2").source("/s").ty("t");
/// for (name, value) in &kept {
///     other = other.extension(name, value);
/// }
/// assert!(other.build()?.extensions().eq(event.extensions()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ValueBuf(Held);

/// Not public: only checked values can get in.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Held {
    Boolean(bool),
    Integer(i32),
    String(Box<str>),
    Binary(Bytes),
    Uri(UriBuf),
    UriReference(UriReferenceBuf),
    Timestamp(TimestampBuf),
}

impl ValueBuf {
    /// The value, borrowed from here.
    pub fn view(&self) -> Value<'_> {
        match &self.0 {
            Held::Boolean(boolean) => Value::Boolean(*boolean),
            Held::Integer(number) => Value::Integer(*number),
            Held::String(text) => Value::String(text),
            Held::Binary(bytes) => Value::Binary(bytes),
            Held::Uri(uri) => Value::Uri(uri.view()),
            Held::UriReference(reference) => Value::UriReference(reference.view()),
            Held::Timestamp(timestamp) => Value::Timestamp(timestamp.view()),
        }
    }

    /// The type of the value.
    pub fn attribute_type(&self) -> AttributeType {
        self.view().attribute_type()
    }

    /// Reads the canonical string of a value of this type, as [`AttributeType::parse`] does.
    ///
    /// ```
    /// use cloudevents_core::{AttributeType, ValueBuf};
    ///
    /// assert_eq!(ValueBuf::parse(AttributeType::Integer, "3")?.to_string(), "3");
    /// assert!(ValueBuf::parse(AttributeType::Integer, "three").is_err());
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn parse(ty: AttributeType, text: &str) -> Result<Self, Error> {
        ty.parse(text, &mut Vec::new()).map(Self::from)
    }
}

impl From<Value<'_>> for ValueBuf {
    fn from(value: Value<'_>) -> Self {
        Self(match value {
            Value::Boolean(boolean) => Held::Boolean(boolean),
            Value::Integer(number) => Held::Integer(number),
            Value::String(text) => Held::String(text.into()),
            Value::Binary(bytes) => Held::Binary(Bytes::copy_from_slice(bytes)),
            Value::Uri(uri) => Held::Uri(uri.into()),
            Value::UriReference(reference) => Held::UriReference(reference.into()),
            Value::Timestamp(timestamp) => Held::Timestamp(timestamp.into()),
        })
    }
}

impl ToValue for ValueBuf {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
        use_it(Ok(Some(self.view())))
    }
}

impl FromValue<'_> for ValueBuf {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        Ok(value.into())
    }
}

/// Writes the canonical string.
impl fmt::Display for ValueBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.view(), f)
    }
}

impl fmt::Debug for ValueBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.view(), f)
    }
}
