//! Senders and receivers of the toolkit, measured.

#![allow(clippy::panic, clippy::unwrap_used, reason = "documented: they are for programs that measure")]

use super::{Cost, PAYLOAD, Run};
use bytes::Bytes;
use cloudevents_core::Event;
use cloudevents_transport::{Receiver, Sender};
use std::time::Duration;

/// How long a receiver may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends these events with [`Sender::send_all`], and closes the sender. The time ends when every event has its outcome.
///
/// ```
/// use cloudevents_testkit::speed::{event, receive, send_all};
/// use cloudevents_transport::{ReceiverOptions, fake::FakeQueue};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let queue = FakeQueue::new();
/// let events: Vec<_> = (0..3).map(event).collect();
/// assert!(send_all(queue.sender(), &events).await.rate > 0.0);
/// assert!(receive(queue.receiver(ReceiverOptions::default()), events.len()).await.rate > 0.0);
/// # });
/// ```
///
/// # Panics
///
/// If an event is not sent.
pub async fn send_all(sender: Sender, events: &[Event]) -> Cost {
    let owned = events.to_vec(); // a copy is not the work of the sender
    let run = Run::start();
    sender.send_all(owned).await.unwrap();
    let cost = run.end(events.len());
    sender.close().await.unwrap();
    cost
}

/// Receives this many events of [`event`](super::event), decodes and accepts each of them, and drains the receiver. The time begins with
/// the first event, and ends when every settlement has its outcome.
///
/// # Panics
///
/// If a message is another one, is not settled, or does not come.
pub async fn receive(mut receiver: Receiver, count: usize) -> Cost {
    let (mut run, mut outcomes) = (None, Vec::with_capacity(count));
    for _ in 0..count {
        let delivery = receiver.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(delivery.event().unwrap().data_bytes().map(Bytes::len), Some(PAYLOAD));
        outcomes.push(delivery.accept());
    }
    for outcome in outcomes {
        outcome.await.unwrap();
    }
    let cost = run.unwrap().end(count);
    receiver.drain(PATIENCE).await.unwrap();
    cost
}
