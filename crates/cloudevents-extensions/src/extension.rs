//! The trait of extensions, and how events and builders take one.

use crate::{DistributedTracing, NonEmptyText};
use cloudevents_core::{Error, Event, EventBuilder};
use sealed::Sealed;

/// A documented group of extension attributes, as a Rust type whose values follow the rules of the document.
///
/// Implement it for the extensions of your own programs; [`Fields`](crate::Fields) reads attributes and collects mistakes.
///
/// ```
/// use cloudevents_core::{Error, Event, EventBuilder};
/// use cloudevents_extensions::{BuilderExtensions, EventExtensions, Extension, Fields, violation};
///
/// /// `tenant`: 1 to 999.
/// #[derive(Debug, PartialEq)]
/// struct Tenant(u16);
///
/// impl Tenant {
///     fn new(number: u16) -> Result<Self, Error> {
///         match number {
///             1..=999 => Ok(Self(number)),
///             _ => Err(violation("tenant", "TENANT-2", "tenants are 1 to 999")),
///         }
///     }
/// }
///
/// impl Extension for Tenant {
///     const ATTRIBUTES: &'static [&'static str] = &["tenant"];
///
///     fn read(event: &Event) -> Result<Option<Self>, Error> {
///         let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
///         let number = fields.required("tenant", "TENANT-1");
///         let tenant = number.and_then(|number| fields.accept(Self::new(number)));
///         fields.finish(|| tenant)
///     }
///
///     fn write(&self, builder: EventBuilder) -> EventBuilder {
///         builder.extension("tenant", self.0)
///     }
/// }
///
/// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&Tenant::new(7)?).build()?;
/// assert_eq!(event.read_extension::<Tenant>()?, Some(Tenant(7)));
/// let error = event.into_builder().extension("tenant", 0).build()?.read_extension::<Tenant>().unwrap_err();
/// assert_eq!((error.attribute(), error.clause()), (Some("tenant"), Some("TENANT-2")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Extension: Sized {
    /// The names of the attributes that the document defines.
    const ATTRIBUTES: &'static [&'static str];

    /// Reads the extension; `None` when the event does not use it.
    ///
    /// Errors are of kind [`InvalidExtension`](cloudevents_core::ErrorKind::InvalidExtension), with the attribute and the clause.
    /// [`Error::others`] has the further mistakes.
    fn read(event: &Event) -> Result<Option<Self>, Error>;

    /// Sets the attributes of the extension. Attributes of an earlier value that this one lacks are removed.
    fn write(&self, builder: EventBuilder) -> EventBuilder;
}

/// Reading extensions of an event.
pub trait EventExtensions: Sealed {
    /// Reads an extension; `None` when the event does not use it. See [`Extension::read`] for errors.
    ///
    /// Text-only carriers, such as HTTP headers, turn values into Strings. They are read as the type that the document states.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_extensions::{EventExtensions, SampledRate, Severity};
    ///
    /// let builder = || Event::builder().id("1").source("/s").ty("t");
    /// for event in [builder().extension("sampledrate", 30).build()?, builder().extension("sampledrate", "30").build()?] {
    ///     assert_eq!(event.read_extension()?, Some(SampledRate::new(30)?));
    ///     assert_eq!(event.read_extension::<Severity>()?, None);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn read_extension<T: Extension>(&self) -> Result<Option<T>, Error>;
}

impl EventExtensions for Event {
    fn read_extension<T: Extension>(&self) -> Result<Option<T>, Error> {
        T::read(self)
    }
}

/// Writing extensions into an event that is built.
pub trait BuilderExtensions: Sized + Sealed {
    /// Sets the attributes of an extension. Attributes of an earlier value that this one lacks are removed.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_extensions::{BuilderExtensions, PartitionKey};
    ///
    /// let key = PartitionKey("order-42".parse()?);
    /// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&key).build()?;
    /// assert_eq!(event.extension("partitionkey").unwrap(), "order-42");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn write_extension(self, extension: &impl Extension) -> Self;

    /// Connects this event with the event that caused it, its parent.
    ///
    /// `causationid` becomes the parent's `id`, and `correlationid` the parent's `correlationid`. The trace context is the parent's unless
    /// one is set.
    ///
    /// An attribute that the parent lacks, or has against the rules, stays as it is.
    ///
    /// ```
    /// use cloudevents_core::Event;
    /// use cloudevents_extensions::{BuilderExtensions, Correlation, EventExtensions};
    ///
    /// let order = Event::builder().id("order-123").source("/orders").ty("com.example.order.placed");
    /// let order = order.extension("correlationid", "txn-abc-123").build()?;
    /// let payment = Event::builder().id("payment-789").source("/payments").ty("com.example.payment.processed");
    /// let payment = payment.caused_by(&order).build()?;
    ///
    /// let correlation: Correlation = payment.read_extension()?.unwrap();
    /// assert_eq!(correlation.correlation_id.unwrap(), "txn-abc-123");
    /// assert_eq!(correlation.causation_id.unwrap(), "order-123");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn caused_by(self, parent: &Event) -> Self;
}

impl BuilderExtensions for EventBuilder {
    fn write_extension(self, extension: &impl Extension) -> Self {
        extension.write(self)
    }

    fn caused_by(self, parent: &Event) -> Self {
        let correlation: Option<NonEmptyText> = parent.extension_as("correlationid").ok().flatten();
        let this = match correlation {
            Some(correlation) => self.extension("correlationid", correlation),
            None => self,
        };
        let this = this.extension("causationid", parent.id());
        match DistributedTracing::read(parent) {
            Ok(Some(context)) if this.attribute("traceparent").is_none() => this.write_extension(&context),
            _ => this,
        }
    }
}

/// Not public: only this crate implements the traits above, but for [`Extension`].
mod sealed {
    pub trait Sealed {}
    impl Sealed for cloudevents_core::Event {}
    impl Sealed for cloudevents_core::EventBuilder {}
}
