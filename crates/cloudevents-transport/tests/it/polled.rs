//! Bindings that wait without a future of their own, and those that have a part of the settlement.

use crate::{event, id};
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Message};
use cloudevents_transport::{
    Incoming, Outcome, Raw, Receive, Received, Receiver, ReceiverCapabilities, SettleShared, Settlement,
    Slot, Token,
};
use futures_util::FutureExt;
use std::{
    future::{pending, poll_fn},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A source that is polled. Its future would wait for ever.
struct Polled(UnboundedReceiver<Incoming>);

impl Receive for Polled {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::exchange()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        pending().await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Option<Poll<Result<Option<Incoming>, Error>>> {
        Some(self.0.poll_recv(context).map(Ok))
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}

/// Answers the task that waits for the settlement.
struct Asked(Slot<Settlement>);

impl SettleShared for Asked {
    fn settle(&self, how: Settlement) -> Outcome {
        let error = |_| Error::new(ErrorKind::Disconnected);
        Outcome::ready(self.0.put(how).map_err(error))
    }
}

/// A message, and what its token shares.
fn message(id: u32) -> (Incoming, Arc<Asked>) {
    let asked = Arc::new(Asked(Slot::new()));
    let received = Received::new(Ok(Decoded::clean(Message::from(event(id)))), Raw::default());
    (Incoming::new(received, Token::shared(Arc::clone(&asked))), asked)
}

fn settled(asked: &Asked) -> Option<Settlement> {
    poll_fn(|context| asked.0.poll(context)).now_or_never()
}

#[tokio::test]
async fn a_source_that_is_polled_wakes_the_receiver_and_ends() {
    let (send, source) = unbounded_channel();
    let mut receiver = Receiver::new(Polled(source), DecodeOptions::strict());
    assert!(receiver.next().now_or_never().is_none());
    let waiting = tokio::spawn(async move {
        let mut ids = Vec::new();
        while let Some(delivery) = receiver.next().await.unwrap() {
            ids.push(id(&delivery));
            delivery.accept().await.unwrap();
        }
        ids
    });
    let (first, asked) = message(1);
    assert!(send.send(first).is_ok());
    assert_eq!(poll_fn(|context| asked.0.poll(context)).await, Settlement::Accept);
    assert!(send.send(message(2).0).is_ok());
    drop(send);
    assert_eq!(waiting.await.unwrap(), ["1", "2"]);
}

#[tokio::test]
async fn stopping_ends_the_wait_for_a_source_that_is_polled() {
    let (send, source) = unbounded_channel();
    let mut receiver = Receiver::new(Polled(source), DecodeOptions::strict());
    let stop = receiver.stopper();
    let waiting = tokio::spawn(async move { (receiver.next().await, receiver) });
    tokio::task::yield_now().await; // it waits now
    stop.stop();
    let (next, mut receiver) = waiting.await.unwrap();
    assert!(next.unwrap().is_none());
    let (late, asked) = message(1);
    assert!(send.send(late).is_ok());
    assert!(receiver.next().await.unwrap().is_none());
    drop(receiver);
    assert_eq!(settled(&asked), Some(Settlement::Release));
}

#[tokio::test]
async fn a_shared_settlement_is_made_once_also_by_dropping() {
    let (send, source) = unbounded_channel();
    let mut receiver = Receiver::new(Polled(source), DecodeOptions::strict());
    let mut next = async || {
        let (incoming, asked) = message(1);
        assert!(send.send(incoming).is_ok());
        (receiver.next().await.unwrap().unwrap(), asked)
    };
    let (delivery, asked) = next().await;
    assert_eq!(settled(&asked), None);
    drop(delivery);
    assert_eq!(settled(&asked), Some(Settlement::Release));
    let (delivery, asked) = next().await;
    let refused = delivery.extend().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let refused = delivery.reply(event(2)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    delivery.reject("no").await.unwrap();
    assert_eq!(settled(&asked), Some(Settlement::Reject { reason: "no".into(), attempt: 1 }));
    let (delivery, asked) = next().await;
    asked.0.close();
    assert_eq!(delivery.accept().await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert_eq!((receiver.metrics().rejected, receiver.metrics().settlements_failed), (1, 1));
}
