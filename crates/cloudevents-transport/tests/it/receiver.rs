//! Receivers.

use crate::{Gives, event, events, id};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event};
use cloudevents_transport::{
    Bounds, Delivery, InFlight, Outcome, Raw, Received, Receiver, ReceiverCapabilities, ReceiverOptions,
    Stopper,
    binding::{Incoming, Token},
    fake::FakeQueue,
};
use futures_util::TryStreamExt;
use std::{future::ready, time::Duration};

/// Code as users write it, with the concrete types.
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
    let received = delivery.received();
    tokio::task::yield_now().await;
    let _ = received.size();
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
    let receiver = queue.receiver(DecodeOptions::strict());
    let (stop, counters) = (receiver.stopper(), receiver.counters());
    let task = tokio::spawn(consume(receiver));
    while counters.snapshot().accepted < 3 {
        tokio::task::yield_now().await;
    }
    stop.stop();
    task.await.unwrap().unwrap();

    queue.sender().send_all(events(3)).await.unwrap();
    let receiver = queue.receiver(DecodeOptions::strict());
    let (stop, counters) = (receiver.stopper(), receiver.counters());
    let task = tokio::spawn(receiver.run(forward).concurrency(4));
    while counters.snapshot().accepted < 3 {
        tokio::task::yield_now().await;
    }
    stop.stop();
    task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_wakes_next_and_stays() {
    let mut receiver = FakeQueue::new().receiver(DecodeOptions::strict());
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
    let mut first = one.receiver(DecodeOptions::strict()).sharing(limit.clone());
    let mut second = two.receiver(DecodeOptions::strict()).sharing(limit);
    let held = first.next().await.unwrap().unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(1), second.next()).await.is_err());
    held.accept().await.unwrap();
    // A receiver that waits for messages takes no room from one that has messages.
    let (idle, busy) =
        tokio::join!(tokio::time::timeout(Duration::from_millis(1), first.next()), second.next());
    assert!(idle.is_err());
    assert_eq!(id(&busy.unwrap().unwrap()), "2");
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_deliveries() {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(3)).await.unwrap();
    let mut receiver = queue.receiver(DecodeOptions::strict());
    let stop = receiver.stopper();
    {
        let mut stream = std::pin::pin!(receiver.stream());
        for expected in ["0", "1", "2"] {
            let delivery = stream.try_next().await.unwrap().unwrap();
            assert_eq!(id(&delivery), expected);
            delivery.accept().await.unwrap();
        }
        queue.refuse_connections(Some(ErrorKind::Closed));
        queue.cut();
        assert_eq!(stream.try_next().await.unwrap_err().kind(), ErrorKind::Closed);
        assert!(stream.try_next().await.unwrap().is_none());
    }
    stop.stop();
    assert!(receiver.stream().try_collect::<Vec<_>>().await.unwrap().is_empty());
}

type Next = Result<Option<Incoming>, Error>;

fn invalid(kind: ErrorKind) -> Next {
    let received = Received::new(Err(Error::new(kind)), Raw::default());
    Ok(Some(Incoming::new(received, Token::unsettled())))
}

/// A receiver over a protocol without settlement. `next` returns each of these, and then that the source has ended.
fn scripted(script: Vec<Next>) -> Receiver {
    let mut script = script.into_iter();
    let next = move || ready(script.next().unwrap_or(Ok(None)));
    Receiver::new(Gives(ReceiverCapabilities::unsettled(), next), DecodeOptions::strict())
}

#[tokio::test]
async fn what_a_protocol_cannot_do_is_never_a_success() {
    let mut receiver = scripted((0..4).map(|_| invalid(ErrorKind::InvalidTimestamp)).collect());
    receiver.next().await.unwrap().unwrap().accept().await.unwrap();
    let retried = receiver.next().await.unwrap().unwrap();
    retried.extend().unwrap(); // there is no deadline
    assert_eq!(retried.retry(Duration::ZERO).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let rejected = receiver.next().await.unwrap().unwrap();
    assert_eq!(rejected.reject("no").await.unwrap_err().kind(), ErrorKind::Unsupported);
    drop(receiver.next().await.unwrap().unwrap());
    assert!(receiver.next().await.unwrap().is_none());
    let metrics = receiver.metrics();
    assert_eq!((metrics.received, metrics.accepted, metrics.released, metrics.invalid), (4, 1, 1, 4));
    assert_eq!(metrics.settlements_failed, 3);
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_taken_together_up_to_a_number_or_a_time() {
    const SECOND: Duration = Duration::from_secs(1);
    let queue = FakeQueue::new();
    let (sender, stop);
    let mut receiver = queue.receiver(DecodeOptions::strict());
    (sender, stop) = (queue.sender(), receiver.stopper());
    sender.send_all(events(5)).await.unwrap();
    let many = receiver.next_many(3, SECOND).await.unwrap();
    assert_eq!(many.iter().map(id).collect::<Vec<_>>(), ["0", "1", "2"]);
    let since = tokio::time::Instant::now();
    let rest = receiver.next_many(3, SECOND).await.unwrap();
    assert_eq!((rest.len(), since.elapsed()), (2, SECOND), "no more came in time");
    for delivery in many.into_iter().chain(rest) {
        delivery.accept().await.unwrap();
    }
    // What a dropped future has taken is delivered again.
    sender.send(event(7)).await.unwrap();
    assert!(tokio::time::timeout(SECOND, receiver.next_many(2, 5 * SECOND)).await.is_err());
    let again = receiver.next_many(2, Duration::ZERO).await.unwrap();
    assert_eq!(again.iter().map(id).collect::<Vec<_>>(), ["7"]);
    stop.stop();
    assert!(receiver.next_many(2, SECOND).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_behind_deliveries_that_are_taken_together_is_that_of_the_next_call() {
    let mut receiver = scripted(vec![
        invalid(ErrorKind::InvalidDocument),
        Err(Error::new(ErrorKind::Refused)),
        Err(Error::new(ErrorKind::Closed)),
    ]);
    assert!(receiver.next_many(0, Duration::ZERO).await.unwrap().is_empty());
    assert_eq!(receiver.next_many(10, Duration::from_secs(1)).await.unwrap().len(), 1);
    let kinds = [receiver.next_many(10, Duration::ZERO).await, receiver.next_many(10, Duration::ZERO).await]
        .map(|result| result.unwrap_err().kind());
    assert_eq!(kinds, [ErrorKind::Refused, ErrorKind::Closed]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_was_stopped_has_no_error_of_before() {
    let mut receiver =
        scripted(vec![invalid(ErrorKind::InvalidDocument), Err(Error::new(ErrorKind::Refused))]);
    assert_eq!(receiver.next_many(10, Duration::from_secs(1)).await.unwrap().len(), 1);
    receiver.stopper().stop();
    assert!(receiver.next().await.unwrap().is_none());
}
