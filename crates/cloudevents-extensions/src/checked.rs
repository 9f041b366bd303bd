//! Arguments of handlers that are checked.

use crate::check;
use cloudevents_core::{Error, Message};
use cloudevents_transport::{Delivery, FromDelivery};

/// An argument of a handler of [`Receiver::run`](cloudevents_transport::Receiver::run) whose events follow the rules of the extensions.
///
/// The handler gets the message if every event of it follows the rules of the documented extensions, as [`check`] has them.
///
/// Otherwise the handler does not get the message: it is settled by
/// [`ReceiverOptions::malformed`](cloudevents_transport::ReceiverOptions::malformed), which by default rejects it. The error is the first
/// violation, with the others; for a batch, also with the index of the event.
///
/// ```
/// # fn run(receiver: cloudevents_transport::Receiver) {
/// use cloudevents_core::Event;
/// use cloudevents_extensions::Checked;
///
/// let running = receiver.run(async |Checked(event): Checked<Event>| println!("{}", event.id()));
/// # drop(running) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked<T>(pub T);

/// Errors as for [`Delivery::events`] and for `T`, and the errors of [`check`].
impl<T: FromDelivery> FromDelivery for Checked<T> {
    fn from_delivery(delivery: &mut Delivery) -> Result<Self, Error> {
        let events = delivery.events()?;
        let is_batch = matches!(delivery.message()?, Message::Batched(_));
        let violations = events.iter().enumerate().flat_map(|(index, event)| {
            check(event).into_iter().map(move |error| if is_batch { error.with_index(index) } else { error })
        });
        let mut violations = violations.collect::<Vec<_>>().into_iter();
        match violations.next() {
            Some(first) => Err(first.with_others(violations)),
            None => T::from_delivery(delivery).map(Self),
        }
    }
}
