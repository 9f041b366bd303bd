//! Looking up attributes by resolved names.

use crate::{
    DecodeOptions, Error, Event, Message, Name, SpecVersion, Value,
    codec::{CoreName, Picker},
};
use alloc::{borrow::Cow, string::String};
use core::fmt;

/// The name of an attribute, checked and resolved once, for code that reads the same attributes of many events: filters, routers,
/// partition keys.
///
/// Looking up a resolved core attribute in an event is a field access. Looking up an extension compares names.
///
/// ```
/// use cloudevents_core::{Event, ResolvedName, Value};
///
/// let names = ResolvedName::all(["type", "priority", "absent"])?;
/// let event = Event::builder().id("1").source("/s").ty("t").extension("priority", 3).build()?;
/// let [ty, priority, absent] = event.look_up(&names);
/// assert_eq!((ty, priority, absent), (Some(Value::String("t")), Some(Value::Integer(3)), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResolvedName {
    name: Cow<'static, str>,
    core: Option<CoreName>,
}

impl ResolvedName {
    /// Checks and resolves a name, which may be `specversion`. Errors are of kind [`InvalidName`](crate::ErrorKind::InvalidName).
    pub fn new(name: &str) -> Result<Self, Error> {
        Name::parse(name)?;
        let core = CoreName::of(name.as_bytes());
        let name = core.map_or_else(|| Cow::Owned(String::from(name)), |core| Cow::Borrowed(core.as_str()));
        Ok(Self { name, core })
    }

    /// Checks and resolves several names.
    pub fn all<const N: usize>(names: [&str; N]) -> Result<[Self; N], Error> {
        for name in names {
            Name::parse(name)?;
        }
        Ok(names.map(|name| match CoreName::of(name.as_bytes()) {
            Some(core) => Self { name: core.as_str().into(), core: Some(core) },
            None => Self { name: String::from(name).into(), core: None },
        }))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    #[inline]
    pub(crate) fn core(&self) -> Option<CoreName> {
        self.core
    }
}

impl fmt::Debug for ResolvedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for ResolvedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl core::str::FromStr for ResolvedName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::new(name)
    }
}

/// The values that a look-up found, by the position of their names. They borrow from the event or document. Nothing is allocated.
///
/// See [`Message::look_up`] for an example.
#[derive(Clone, Copy, Debug)]
pub struct FoundAttributes<'a> {
    names: &'a [ResolvedName],
    values: Values<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Values<'a> {
    Event(&'a Event),
    Picked(&'a Picker<'a, 'a>),
}

impl<'a> FoundAttributes<'a> {
    /// The attributes of these names in an event.
    pub fn in_event(names: &'a [ResolvedName], event: &'a Event) -> Self {
        Self { names, values: Values::Event(event) }
    }

    pub(crate) fn picked(names: &'a [ResolvedName], picker: &'a Picker<'a, 'a>) -> Self {
        Self { names, values: Values::Picked(picker) }
    }

    /// The value of the attribute with the name at this position. `None` if the event has no such attribute or the position is out of
    /// range.
    #[inline]
    pub fn get(self, position: usize) -> Option<Value<'a>> {
        let name = self.names.get(position)?;
        match self.values {
            Values::Event(event) => event.attribute_of(name),
            Values::Picked(picker) => picker.value(name),
        }
    }

    /// The value of the attribute with this name. `None` if the event has no such attribute or the name was not looked up.
    ///
    /// Compares names, so [`get`](Self::get) is faster if the position is known. Of many names, names in alphabetical order are found
    /// fastest.
    pub fn named(self, name: &str) -> Option<Value<'a>> {
        let sorted = self.names.binary_search_by(|known| known.as_str().cmp(name)).ok();
        self.get(sorted.or_else(|| self.names.iter().position(|known| known.as_str() == name))?)
    }

    /// The values of the first `N` names.
    #[inline]
    pub fn array<const N: usize>(self) -> [Option<Value<'a>>; N] {
        core::array::from_fn(|position| self.get(position))
    }
}

impl Event {
    /// Returns the attribute of a resolved name, `specversion` included.
    #[inline]
    pub fn attribute_of(&self, name: &ResolvedName) -> Option<Value<'_>> {
        match name.core().and_then(CoreName::core) {
            Some(core) if self.specversion == SpecVersion::V1 => {
                self.core_attribute(core).map(|(_, value)| value)
            }
            _ => self.attribute(name.as_str()),
        }
    }

    /// Returns the attributes of resolved names, in their order.
    #[inline]
    pub fn look_up<const N: usize>(&self, names: &[ResolvedName; N]) -> [Option<Value<'_>>; N] {
        core::array::from_fn(|position| names.get(position).and_then(|name| self.attribute_of(name)))
    }
}

impl Message {
    /// Reads the attributes of resolved names, typed as [`Event::attribute`] returns them, without decoding the rest.
    ///
    /// A document is read in one pass, which stops once all names have been found. The rest is not checked. Attributes of up to 512 bytes
    /// in total need no allocation. A batch is an error of kind [`Batched`](crate::ErrorKind::Batched).
    ///
    /// ```
    /// use cloudevents_core::{DecodeOptions, Event, Message, ResolvedName, Value};
    ///
    /// let names = ResolvedName::all(["type", "subject"])?;
    /// let message = Message::from(Event::builder().id("1").source("/s").ty("order.placed").build()?);
    /// let is_order = message.look_up(&names, &DecodeOptions::strict(), |found| {
    ///     let [ty, subject] = found.array();
    ///     subject.is_none() && ty.and_then(Value::as_str).is_some_and(|ty| ty.starts_with("order."))
    /// })?;
    /// assert!(is_order);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn look_up<R>(
        &self,
        names: &[ResolvedName],
        with: &DecodeOptions,
        read: impl FnOnce(FoundAttributes<'_>) -> R,
    ) -> Result<R, Error> {
        let document = match self {
            Self::Binary(event) => return Ok(read(FoundAttributes::in_event(names, event))),
            Self::Structured(document) => document,
            Self::Batched(_) => return Err(Error::new(crate::ErrorKind::Batched)),
        };
        let (mut read, mut result) = (Some(read), None);
        document.reader(with)?.look_up(document.body(), names, with, &mut |found| {
            result = read.take().map(|read| read(found));
        })?;
        // `Format::look_up` calls the function once if it succeeds.
        result.ok_or_else(|| {
            Error::new(crate::ErrorKind::Unsupported).with_detail("the format reads no single attributes")
        })
    }
}
