//! Handling deliveries concurrently, with settlement by hand.

use crate::{
    Delivery, OrderBy, Receiver, Verdict,
    drive::{Driving, Ended},
};
use cloudevents_core::Error;
use tracing::Instrument;

impl Receiver {
    /// Handles deliveries concurrently until there are no more, or until the receiver is
    /// [stopped](Receiver::stopper). Returns when the last handler has ended. The handler settles the
    /// deliveries. Most programs use [`run`](Self::run), which settles according to the result of the
    /// handler.
    ///
    /// A delivery that the handler drops is released and delivered again, so the handler has to settle
    /// malformed messages, too, as in the example. Errors of the handler are counted and logged.
    ///
    /// At most `limit` handlers (and at least one) run at once. Up to sixteen times as many deliveries wait
    /// behind others of their lane, within the receiver's [bounds](crate::ReceiverOptions::in_flight), so a
    /// slow lane does not take the places of handlers. Handlers run in the task of the caller, concurrently
    /// but on one thread at a time. Long computations in a handler belong on a separate task that the handler
    /// awaits.
    ///
    /// The order is that of delivery. A message that is delivered again, after a retry or a release, comes
    /// after the messages received in between.
    ///
    /// After an error of the connection, no more messages are received, and the error is returned when the
    /// running handlers have ended. A later call continues. Dropping the future drops the handlers, which
    /// releases the deliveries they have not settled.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # use cloudevents_core::{DecodeOptions, Error, Event};
    /// # use cloudevents_transport::fake::FakeQueue;
    /// # let queue = FakeQueue::new();
    /// # queue.sender().send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
    /// # let mut deliveries = queue.receiver(DecodeOptions::strict());
    /// # let stop = deliveries.stopper();
    /// use cloudevents_transport::{Delivery, OrderBy};
    ///
    /// let handle = async |delivery: Delivery| {
    /// #   stop.stop();
    ///     match delivery.event() {
    ///         Ok(event) => println!("{}", event.id()),
    ///         Err(error) => return delivery.reject(&error).await,
    ///     }
    ///     delivery.accept().await
    /// };
    /// deliveries.for_each(64, OrderBy::attribute("partitionkey"), handle).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
    /// # #[cfg(not(feature = "fake"))] fn main() {}
    /// ```
    pub async fn for_each<F, Fut>(
        &mut self,
        limit: usize,
        order: OrderBy,
        mut handler: F,
    ) -> Result<(), Error>
    where
        F: FnMut(Delivery) -> Fut,
        Fut: Future<Output: Verdict>,
    {
        let counters = self.counters();
        let driving =
            Driving { limit, order, grace: None, persistent: false, retry: self.retry(), parked: usize::MAX };
        let start = |delivery: Delivery| {
            let span = delivery.span();
            handler(delivery).instrument(span)
        };
        let end = |returned: Fut::Output| {
            if let Err(failure) = returned.verdict() {
                counters.handler_failed(&failure);
            }
            Ended::done()
        };
        self.drive(driving, start, end).await
    }
}
