//! Rules that set, rename and remove attributes of events.

mod found;

use crate::template::{Of, Template};
use cloudevents_core::{
    AttributeType, Error, ErrorKind, Event, EventBuilder, Name, SpecVersion, Timestamp, Value, ValueBuf,
    codec::CoreName,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

#[cfg(feature = "transport")]
use cloudevents_transport::Received;

/// Rules that set, rename and remove attributes of events. They are for bridges, handlers and senders.
///
/// All rules read the event as it came, so their order is of no importance. A name stands in one rule only. Payloads stay as they are, byte
/// for byte. An event whose `id` or `source` is set to another value is another event for everything that compares events.
///
/// [The crate's documentation](crate#rules-for-attributes) describes the templates.
///
/// # Errors of names
///
/// A rule with a name that is no name of an attribute is an error of kind [`InvalidName`](ErrorKind::InvalidName). A name that stands in
/// another rule is an error of kind [`DuplicateAttribute`](ErrorKind::DuplicateAttribute).
///
/// ```
/// use cloudevents_adapters::AttributeRules;
/// use cloudevents_core::{Event, Payload};
///
/// let rules = AttributeRules::new()
///     .set("subject", "{data.order.id}")?
///     .set("partitionkey", "{tenant, source}")?
///     .rename("tenant", "customer")?
///     .remove("internalid")?;
///
/// let event = Event::builder().id("1").source("/shop").ty("com.example.order").extension("tenant", "t7");
/// let event = event.payload("application/json", Payload::json(r#"{"order": {"id": 42}}"#)).build()?;
/// let changed = rules.apply(&event)?.expect("a rule changes this event");
/// assert_eq!(changed.subject(), Some("42"));
/// assert_eq!(changed.attribute("partitionkey").unwrap(), "t7");
/// assert_eq!(changed.attribute("customer").unwrap(), "t7");
/// assert!(changed.attribute("tenant").is_none());
///
/// let error = rules.apply(&Event::builder().id("2").source("/shop").ty("com.example.order").build()?).unwrap_err();
/// assert_eq!((error.attribute(), error.detail()), (Some("subject"), "a rule sets it, and `data.order.id` is not there"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AttributeRules {
    set: BTreeMap<Box<str>, Setting>,
    rename: BTreeMap<Box<str>, Box<str>>,
    remove: BTreeSet<Box<str>>,
}

/// Where the value of an attribute comes from.
#[derive(Clone)]
enum Setting {
    Template(Template),
    Computed(Arc<Compute>),
}

type Compute = dyn Fn(&Event) -> Result<Option<ValueBuf>, Error> + Send + Sync;

/// Attributes that every event has.
const REQUIRED: [&str; 4] = ["id", "source", "specversion", "type"];

impl AttributeRules {
    /// No rule: [`apply`](Self::apply) changes no event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an attribute to the text of a template. The attribute is a String, or has the type of a context attribute.
    ///
    /// `id`, `source`, `specversion` and `type` may be set, too.
    ///
    /// Errors are the [errors of names](Self#errors-of-names), and [`InvalidDocument`](ErrorKind::InvalidDocument) if the template has a
    /// mistake, or a place that no event has. If it has no place, and its text is no value of the attribute, it is the error of the
    /// attribute's type.
    pub fn set(mut self, name: &str, template: &str) -> Result<Self, Error> {
        self.claim(name)?;
        let wrong = |why: String| {
            let error = wrong(ErrorKind::InvalidDocument, name, why);
            error.with_help(
                "places are attributes, `data.PATH`, `header.NAME` and `message.PART`, as in `{data.order.id}`",
            )
        };
        let template = Template::parse(template).map_err(wrong)?;
        template.all().try_for_each(found::check).map_err(wrong)?;
        if template.all().next().is_none() {
            constant(name, &template)?;
        }
        self.set.insert(name.into(), Setting::Template(template));
        Ok(self)
    }

    /// Sets an attribute to the value that a function computes of the event as it came. `None` leaves the attribute as it is.
    ///
    /// An extension has the type of the value. An error of the function is an error of the event.
    ///
    /// Errors are the [errors of names](Self#errors-of-names).
    ///
    /// ```
    /// use cloudevents_adapters::AttributeRules;
    /// use cloudevents_core::{Event, Value, ValueBuf};
    ///
    /// let rules = AttributeRules::new().set_by("size", |event| {
    ///     let size = event.data_bytes().and_then(|data| i32::try_from(data.len()).ok());
    ///     Ok(size.map(|size| ValueBuf::from(Value::Integer(size))))
    /// })?;
    /// let event = Event::builder().id("1").source("/s").ty("t").text("hello").build()?;
    /// assert_eq!(rules.apply(&event)?.unwrap().attribute("size").unwrap(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_by(
        mut self,
        name: &str,
        compute: impl Fn(&Event) -> Result<Option<ValueBuf>, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        self.claim(name)?;
        self.set.insert(name.into(), Setting::Computed(Arc::new(compute)));
        Ok(self)
    }

    /// Renames an attribute, with its value and its type. An event without the attribute stays as it is.
    ///
    /// An event that has both attributes is refused.
    ///
    /// Errors are the [errors of names](Self#errors-of-names), [`Refused`](ErrorKind::Refused) for a required attribute, and
    /// [`InvalidType`](ErrorKind::InvalidType) for two context attributes of different types.
    pub fn rename(mut self, from: &str, to: &str) -> Result<Self, Error> {
        self.claim(from)?;
        self.claim(to)?;
        for name in [from, to] {
            optional(name, "renamed")?;
        }
        if from == to {
            return Err(wrong(ErrorKind::DuplicateAttribute, to, "it is renamed to itself".to_owned()));
        }
        if let (Some(old), Some(new)) = (context_type(from), context_type(to))
            && old != new
        {
            let why = format!("`{from}` is of another type, and cannot be renamed to it");
            return Err(wrong(ErrorKind::InvalidType, to, why));
        }
        self.rename.insert(from.into(), to.into());
        Ok(self)
    }

    /// Removes an attribute. An event without the attribute stays as it is.
    ///
    /// Errors are the [errors of names](Self#errors-of-names), and [`Refused`](ErrorKind::Refused) for a required attribute.
    pub fn remove(mut self, name: &str) -> Result<Self, Error> {
        self.claim(name)?;
        optional(name, "removed")?;
        self.remove.insert(name.into());
        Ok(self)
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.rename.is_empty() && self.remove.is_empty()
    }

    /// Returns the event with its attributes changed, or `None` if no rule changes it.
    ///
    /// Places of the message, as `{message.topic}`, are not there. `apply_to` has them.
    ///
    /// An error names all attributes that cannot be set:
    ///
    /// - [`Refused`](ErrorKind::Refused) if a place is not there or has no text, or if an event has an attribute already that another one
    ///   is renamed to.
    /// - the error of the attribute's type if it does not allow the value, such as
    ///   [`InvalidTimestamp`](ErrorKind::InvalidTimestamp).
    pub fn apply(&self, event: &Event) -> Result<Option<Event>, Error> {
        self.changed(event, &|_| Ok(None))
    }

    /// The same for an event of a message, whose places templates may have.
    ///
    /// It is for the [policy of a bridge](cloudevents_transport::bridge::BridgePolicy::change), and for handlers.
    ///
    /// ```
    /// use cloudevents_adapters::AttributeRules;
    /// use cloudevents_transport::bridge::BridgePolicy;
    /// use std::sync::Arc;
    ///
    /// let rules = AttributeRules::new().set("subject", "{message.topic}/{header.x-tenant, tenant}")?.remove("internalid")?;
    /// let mut policy = BridgePolicy::default();
    /// policy.change = Some(Arc::new(move |event, received| rules.apply_to(event, received)));
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    #[cfg(feature = "transport")]
    #[cfg_attr(docsrs, doc(cfg(feature = "transport")))]
    pub fn apply_to(&self, event: &Event, received: &Received) -> Result<Option<Event>, Error> {
        self.changed(event, &|of| found::of_message(of, received))
    }

    fn changed(&self, event: &Event, message: found::Ask<'_>) -> Result<Option<Event>, Error> {
        let (mut errors, mut values) = (Vec::new(), Vec::new());
        for (name, setting) in &self.set {
            match setting.value(name, event, message) {
                Ok(Some(value)) if !setting.is_there(event, name, &value) => values.push((name, value)),
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
        let mut put: Vec<_> = values.iter().map(|(name, value)| (&***name, value.view())).collect();
        let mut gone: Vec<&str> = Vec::new();
        for (from, to) in &self.rename {
            let Some(value) = event.attribute(from) else { continue };
            if event.attribute(to).is_some() {
                errors.push(refused(to, format!("`{from}` is renamed to it, and the event has both")));
            }
            gone.push(from);
            put.push((to, value));
        }
        gone.extend(self.remove.iter().map(|name| &**name).filter(|name| event.attribute(name).is_some()));
        if let Some(error) = one(errors) {
            return Err(error);
        }
        if put.is_empty() && gone.is_empty() {
            return Ok(None);
        }
        let builder = gone.into_iter().fold(event.clone().into_builder(), EventBuilder::without);
        let version = event.specversion();
        let builder =
            put.into_iter().fold(builder, |builder, (name, value)| set(builder, version, name, value));
        Ok(Some(builder.build()?))
    }

    /// Checks a name, which may stand in no other rule.
    fn claim(&self, name: &str) -> Result<(), Error> {
        Name::parse(name).map_err(|error| match name.contains(['-', '_', ':']) {
            true => error.with_help(
                "attributes have no prefix, as in `tenant`; headers are no attributes: `headers` of a bridge renames them",
            ),
            false => error,
        })?;
        let of_rename = self.rename.iter().flat_map(|(from, to)| [from, to]);
        if self.set.keys().chain(of_rename).chain(&self.remove).any(|known| &**known == name) {
            return Err(wrong(ErrorKind::DuplicateAttribute, name, "it stands in two rules".to_owned())
                .with_help("one rule for each name; `set` of a new name copies a value, as in `{tenant}`"));
        }
        Ok(())
    }
}

impl Setting {
    /// `None` if the attribute stays as it is.
    fn value(&self, name: &str, event: &Event, message: found::Ask<'_>) -> Result<Option<ValueBuf>, Error> {
        match self {
            Self::Template(template) => {
                let text = template.fill_by(|of: &Of| found::find(of, event, message));
                let text = text.map_err(|lacking| refused(name, format!("a rule sets it, and {lacking}")))?;
                Ok(text.map(|text| Value::String(&text).into()))
            }
            Self::Computed(compute) => compute(event).map_err(|error| match error.attribute() {
                None => error.with_attribute(name),
                Some(_) => error,
            }),
        }
    }

    /// Whether the event has the value already. The text of a template is that of a value of any type.
    fn is_there(&self, event: &Event, name: &str, value: &ValueBuf) -> bool {
        let Some(old) = event.attribute(name) else { return false };
        let has_type = matches!(self, Self::Template(_)) || CoreName::of(name.as_bytes()).is_some();
        old.to_canonical() == value.view().to_canonical()
            && (has_type || old.attribute_type() == value.attribute_type())
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(template) => template.fmt(f),
            Self::Computed(_) => f.write_str("Computed"),
        }
    }
}

/// Checks that an event of some version may have the text of a template without places.
fn constant(name: &str, template: &Template) -> Result<(), Error> {
    let set = BTreeMap::from([(name.into(), Setting::Template(template.clone()))]);
    let rule = AttributeRules { set, ..AttributeRules::new() };
    let of = |version| {
        let event = Event::builder().specversion(version).id("1").source("/").ty("t").build()?;
        rule.apply(&event).map(drop)
    };
    of(SpecVersion::V1).or_else(|error| of(SpecVersion::V03).map_err(|_| error))
}

fn optional(name: &str, what: &str) -> Result<(), Error> {
    if !REQUIRED.contains(&name) {
        return Ok(());
    }
    Err(refused(name, format!("every event has it, so it cannot be {what}"))
        .with_help(format!("`set` gives it another value, as in `{name}: \"{{subject}}\"`")))
}

/// The type of an optional context attribute.
fn context_type(name: &str) -> Option<AttributeType> {
    match name {
        "subject" | "datacontenttype" => Some(AttributeType::String),
        "time" => Some(AttributeType::Timestamp),
        "dataschema" => Some(AttributeType::Uri),
        _ => None,
    }
}

/// Sets an attribute. In specversion 0.3, the attribute `dataschema` has the name `schemaurl`.
fn set(builder: EventBuilder, version: SpecVersion, name: &str, value: Value<'_>) -> EventBuilder {
    let text = value.to_canonical();
    let dataschema = if version == SpecVersion::V03 { "schemaurl" } else { "dataschema" };
    match name {
        "id" => builder.id(text),
        "source" => builder.source(text),
        "type" => builder.ty(text),
        "subject" => builder.subject(&*text),
        "datacontenttype" => builder.datacontenttype(&*text),
        "specversion" => match SpecVersion::parse(&text) {
            Ok(version) => builder.specversion(version),
            Err(error) => builder.mistake(error.with_attribute("specversion")),
        },
        "time" => match Timestamp::parse(&text) {
            Ok(time) => builder.time(time),
            Err(error) => builder.mistake(error.with_attribute("time")),
        },
        name if name == dataschema => builder.dataschema(&*text),
        name => builder.extension(name, value),
    }
}

fn one(errors: Vec<Error>) -> Option<Error> {
    let mut errors = errors.into_iter();
    let first = errors.next()?;
    Some(if errors.len() == 0 { first } else { first.with_others(errors) })
}

fn refused(name: &str, why: String) -> Error {
    wrong(ErrorKind::Refused, name, why)
}

fn wrong(kind: ErrorKind, name: &str, why: String) -> Error {
    Error::new(kind).with_attribute(name).with_detail(why)
}
