//! Looking up attributes by resolved names.

use crate::{
    Error, Event, Name, SpecVersion, Timestamp, Uri, UriReference, Value,
    core_attribute::{Core, CoreName},
    parts::Parts,
    side::NearSide,
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
    Picked(&'a Parts<NearSide>, Option<SpecVersion>),
}

impl<'a> FoundAttributes<'a> {
    /// The attributes of these names in an event.
    pub fn in_event(names: &'a [ResolvedName], event: &'a Event) -> Self {
        Self { names, values: Values::Event(event) }
    }

    /// The attributes of a document that were read into these parts, and the version, if that was read.
    pub(crate) fn picked(
        names: &'a [ResolvedName],
        parts: &'a Parts<NearSide>,
        version: Option<SpecVersion>,
    ) -> Self {
        Self { names, values: Values::Picked(parts, version) }
    }

    /// The value of the attribute with the name at this position. `None` if the event has no such attribute or the position is out of
    /// range.
    #[inline]
    pub fn get(self, position: usize) -> Option<Value<'a>> {
        let name = self.names.get(position)?;
        match self.values {
            Values::Event(event) => event.attribute_of(name),
            Values::Picked(parts, version) => value_in(parts, version, name),
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

/// The attribute of a resolved name among the attributes that were read into these parts.
fn value_in<'a>(
    parts: &'a Parts<NearSide>,
    version: Option<SpecVersion>,
    name: &ResolvedName,
) -> Option<Value<'a>> {
    let is_v03 = version == Some(SpecVersion::V03);
    let core = match (name.core(), is_v03) {
        (Some(CoreName::SpecVersion), _) => {
            return version.map(|version| Value::String(version.as_str()));
        }
        (Some(CoreName::DataSchema), true) => None,
        (None, true) if name.as_str() == "schemaurl" => Some(Core::DataSchema),
        (core, _) => core.and_then(CoreName::core),
    };
    let Some(core) = core else { return parts.extension(name.as_str().as_bytes()) };
    let span = parts.core(core);
    if span.is_absent() {
        return None;
    }
    let text = parts.str(span);
    Some(match core {
        Core::Id | Core::Type | Core::DataContentType | Core::Subject => Value::String(text),
        Core::Source => Value::UriReference(UriReference::known(text)),
        Core::DataSchema if is_v03 => Value::UriReference(UriReference::known(text)),
        Core::DataSchema => Value::Uri(Uri::known(text)),
        Core::Time => Value::Timestamp(Timestamp::known(text)),
    })
}
