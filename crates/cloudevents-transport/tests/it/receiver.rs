//! Receivers.

use crate::{event, events, id};
use cloudevents_core::{Decoding, Error, ErrorKind, Event};
use cloudevents_transport::{
    Bounds, Delivery, InFlight, Incoming, Intake, OrderBy, Outcome, Raw, Receiver, ReceiverOptions, Stopper,
    Token, fake::FakeQueue,
};
use futures_util::TryStreamExt;
use std::time::Duration;

/// What a user writes, against the concrete types.
async fn consume(mut deliveries: Receiver) -> Result<(), Error> {
    async fn handle(_: &Event) -> Result<(), Duration> {
        Ok(())
    }
    while let Some(delivery) = deliveries.next().await? {
        match delivery.event() {
            Ok(event) => match handle(&event).await {
                Ok(()) => delivery.accept().await?,
                Err(backoff) => delivery.retry(backoff).await?,
            },
            Err(error) => delivery.reject(&error).await?,
        }
    }
    Ok(())
}

/// A struct that is held across an await by reference.
async fn forward(delivery: Delivery) -> Result<(), Error> {
    let raw = delivery.raw();
    tokio::task::yield_now().await;
    let _ = raw.size();
    delivery.accept().await
}

#[tokio::test(start_paused = true)]
async fn receivers_can_be_spawned() {
    fn bounds<T: Send + Sync + 'static>() {}
    fn moves<T: Send + 'static>() {}
    moves::<Receiver>();
    bounds::<Delivery>();
    moves::<Outcome>();
    bounds::<Stopper>();
    let queue = FakeQueue::new();
    queue.sender().send_all(events(3)).await.unwrap();
    let receiver = queue.receiver(Decoding::strict());
    let (stop, counters) = (receiver.stopper(), receiver.counters());
    let task = tokio::spawn(consume(receiver));
    while counters.snapshot().accepted < 3 {
        tokio::task::yield_now().await;
    }
    stop.stop();
    task.await.unwrap().unwrap();

    let mut receiver = queue.receiver(Decoding::strict());
    let task = tokio::spawn(async move { receiver.for_each(4, OrderBy::None, forward).await });
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_stop_wakes_next_and_stays() {
    let mut receiver = FakeQueue::new().receiver(Decoding::strict());
    let stop = receiver.stopper();
    let (delivery, ()) = tokio::join!(receiver.next(), async { stop.stop() });
    assert!(delivery.unwrap().is_none());
    assert!(receiver.next().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stop_wakes_who_waits_for_room() {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(2)).await.unwrap();
    let mut options = ReceiverOptions::default();
    options.in_flight.messages = 1;
    let mut receiver = queue.receiver(options);
    let held = receiver.next().await.unwrap().unwrap();
    let stop = receiver.stopper();
    let (delivery, ()) = tokio::join!(receiver.next(), async { stop.stop() });
    assert!(delivery.unwrap().is_none());
    held.accept().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn receivers_can_share_a_limit() {
    let limit = InFlight::new(Bounds { messages: 1, bytes: 1000 });
    let (one, two) = (FakeQueue::new(), FakeQueue::new());
    one.sender().send(&event(1)).await.unwrap();
    two.sender().send(&event(2)).await.unwrap();
    let mut first = one.receiver(Decoding::strict()).sharing(limit.clone());
    let mut second = two.receiver(Decoding::strict()).sharing(limit);
    let held = first.next().await.unwrap().unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(1), second.next()).await.is_err());
    held.accept().await.unwrap();
    // One that waits for messages takes no room from one that has them.
    let (idle, busy) =
        tokio::join!(tokio::time::timeout(Duration::from_millis(1), first.next()), second.next());
    assert!(idle.is_err());
    assert_eq!(id(&busy.unwrap().unwrap()), "2");
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_deliveries() {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(3)).await.unwrap();
    let mut receiver = queue.receiver(Decoding::strict());
    let stop = receiver.stopper();
    {
        let mut stream = std::pin::pin!(receiver.stream());
        for expected in ["0", "1", "2"] {
            let delivery = stream.try_next().await.unwrap().unwrap();
            assert_eq!(id(&delivery), expected);
            delivery.accept().await.unwrap();
        }
        queue.cut();
        assert_eq!(stream.try_next().await.unwrap_err().kind(), ErrorKind::Disconnected);
        assert!(stream.try_next().await.unwrap().is_none());
    }
    stop.stop();
    assert!(receiver.stream().try_collect::<Vec<_>>().await.unwrap().is_empty());
}

/// A protocol without settlement, and a source that ends.
struct Few(u32);

impl Intake for Few {
    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        if self.0 == 0 {
            return Ok(None);
        }
        self.0 -= 1;
        let error = Err(Error::new(ErrorKind::InvalidTimestamp));
        Ok(Some(Incoming::new(error, Raw::default(), Token::unsettled())))
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test]
async fn what_cannot_be_settled_is_settled_well() {
    let mut receiver = Receiver::new(Few(2), Decoding::strict());
    receiver.next().await.unwrap().unwrap().accept().await.unwrap();
    drop(receiver.next().await.unwrap().unwrap());
    assert!(receiver.next().await.unwrap().is_none());
    let metrics = receiver.metrics();
    assert_eq!((metrics.received, metrics.accepted, metrics.released, metrics.invalid), (2, 1, 1, 2));
}
