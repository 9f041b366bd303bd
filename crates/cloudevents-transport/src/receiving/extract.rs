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

/// Declares an enum over several [`EventData`] types, as [`cloudevents_core::event_enum`] does, and handlers of
/// [`Receiver::run`](crate::Receiver::run) can take it. Errors are as for [`Delivery::event`] and [`TypedEvent::decode`].
///
/// ```
/// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use cloudevents_core::{Codec, CodecContext, Data, Decode, DecodeOptions, Error, Event, EventData};
/// # struct Empty;
/// # impl Codec for Empty { const CONTENT_TYPE: &'static str = "text/plain"; }
/// # impl<T: Default> Decode<T> for Empty {
/// #     fn decode(_: Data<'_>, _: &CodecContext<'_>) -> Result<T, Error> { Ok(T::default()) }
/// # }
/// # #[derive(Debug, Default)] struct OrderPlaced;
/// # #[derive(Debug, Default)] struct OrderCancelled;
/// # impl EventData for OrderPlaced { const TYPE: &'static str = "com.example.order.placed"; type Codec = Empty; }
/// # impl EventData for OrderCancelled { const TYPE: &'static str = "com.example.order.cancelled"; type Codec = Empty; }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let queue = cloudevents_transport::fake::FakeQueue::new();
/// # let event = Event::builder().id("1").source("/s").ty("com.example.order.cancelled").text("").build()?;
/// # queue.sender().send(&event).await?;
/// # let receiver = queue.receiver(DecodeOptions::strict());
/// cloudevents_transport::event_enum! {
///     pub enum OrderEvent {
///         Placed(OrderPlaced),
///         Cancelled(OrderCancelled),
///     }
/// }
///
/// let handle = async |order: OrderEvent| match order {
///     OrderEvent::Placed(placed) => println!("{} is new", placed.event().id()),
///     OrderEvent::Cancelled(cancelled) => println!("{} is cancelled", cancelled.event().id()),
/// };
/// receiver.run(handle).count(1).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// # #[cfg(not(feature = "fake"))] fn main() {}
/// ```
#[macro_export]
macro_rules! event_enum {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($variants:tt)* }) => {
        $crate::__core::event_enum! { $(#[$meta])* $visibility enum $name { $($variants)* } }

        impl $crate::FromDelivery for $name {
            fn from_delivery(delivery: &mut $crate::Delivery) -> ::core::result::Result<Self, $crate::__core::Error> {
                Self::decode(delivery.event()?, delivery.topic())
            }
        }
    };
}
