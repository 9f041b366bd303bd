//! Arguments of handlers.

use crate::Delivery;
use cloudevents_core::{Error, Event, EventData, TypedEvent};

/// Types that handlers of [`Receiver::run`](crate::Receiver::run) can take. Implement it for your own types,
/// such as a tenant from a header or an enum of events.
///
/// An error means that the handler cannot take the message.
/// [`ReceiverOptions::malformed`](crate::ReceiverOptions::malformed) then settles it.
///
/// ```
/// use cloudevents_core::{Error, ErrorKind, Event};
/// use cloudevents_transport::{Delivery, FromDelivery};
///
/// struct Tenant(String, Event);
///
/// impl FromDelivery for Tenant {
///     fn from_delivery(delivery: &mut Delivery) -> Result<Self, Error> {
///         let missing = || Error::new(ErrorKind::MissingAttribute).with_attribute("tenant");
///         Ok(Self(delivery.attribute("tenant")?.ok_or_else(missing)?, delivery.event()?))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a handler cannot take `{Self}`",
    note = "take `Event`, `TypedEvent<T>`, `Vec<Event>`, `Delivery`, or one of these and its `Delivery` as a pair"
)]
pub trait FromDelivery: Sized {
    /// Extracts it from a delivery.
    fn from_delivery(delivery: &mut Delivery) -> Result<Self, Error>;
}

/// Errors as for [`Delivery::event`].
impl FromDelivery for Event {
    fn from_delivery(delivery: &mut Delivery) -> Result<Self, Error> {
        delivery.event()
    }
}

/// One event, or those of a batch. Errors as for [`Delivery::events`].
impl FromDelivery for Vec<Event> {
    fn from_delivery(delivery: &mut Delivery) -> Result<Self, Error> {
        delivery.events()
    }
}

/// Errors as for [`Delivery::event`] and [`TypedEvent::decode`].
impl<T: EventData> FromDelivery for TypedEvent<T> {
    fn from_delivery(delivery: &mut Delivery) -> Result<Self, Error> {
        Self::decode(delivery.event()?, delivery.topic())
    }
}

/// The handler may settle the message by itself. If it does not, its result settles the message. Never fails:
/// the handler also gets malformed messages.
impl FromDelivery for Delivery {
    fn from_delivery(delivery: &mut Delivery) -> Result<Self, Error> {
        Ok(delivery.lend())
    }
}

/// The value together with the delivery: key, headers, offset, attempt.
impl<T: FromDelivery> FromDelivery for (T, Delivery) {
    fn from_delivery(delivery: &mut Delivery) -> Result<Self, Error> {
        Ok((T::from_delivery(delivery)?, delivery.lend()))
    }
}
