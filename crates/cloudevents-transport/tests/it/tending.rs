//! Sources that are looked after while no message may be taken, and what is taken together.

use crate::event;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Message};
use cloudevents_transport::{
    Bounds, Delivery, Endpoint, Host, Outcome, Raw, Received, Receiver, ReceiverCapabilities, Settlement,
    binding::{
        connect::{Backoff, Connect, Reconnect},
        queue::{Arrived, QueueOptions, QueueReceiver, QueueSource, Room},
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::{sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

/// The observations of the test at the source, and how it loses its connection.
#[derive(Clone, Default)]
struct Seen(Arc<(AtomicBool, AtomicUsize, Notify)>);

impl Seen {
    fn is_tended(&self) -> bool {
        self.0.0.load(Ordering::Relaxed)
    }

    fn taken(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

/// Ends the time of tending.
struct Tending(Seen);

impl Drop for Tending {
    fn drop(&mut self) {
        self.0.0.0.store(false, Ordering::Relaxed);
    }
}

struct Source(UnboundedReceiver<Arrived<()>>, Seen);

impl QueueSource for Source {
    type Tag = ();

    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::unsettled()
    }

    async fn next(&mut self) -> Result<Arrived<()>, Error> {
        let next = self.0.recv().await.ok_or_else(|| Error::new(ErrorKind::Closed))?;
        self.1.0.1.fetch_add(1, Ordering::Relaxed);
        Ok(next)
    }

    async fn tend(&mut self) -> Error {
        let _tending = Tending(self.1.clone());
        self.1.0.0.store(true, Ordering::Relaxed);
        pending().await
    }

    fn lost(&self) -> BoxFuture<'static, Error> {
        let seen = self.1.clone();
        async move {
            seen.0.2.notified().await;
            Error::new(ErrorKind::Disconnected)
        }
        .boxed()
    }

    async fn settle(&mut self, _: Vec<()>, _: Settlement) -> Result<Outcome, Error> {
        Ok(Outcome::done())
    }

    async fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

struct Once(Mutex<Option<Source>>);

impl Connect for Once {
    type Connection = Source;

    async fn connect(&self, _: &Host) -> Result<Source, Error> {
        self.0.lock().unwrap().take().ok_or_else(|| Error::new(ErrorKind::Closed))
    }
}

/// A receiver with these bounds, and messages for it, of 100 bytes each.
async fn receiver(bounds: Bounds, messages: usize) -> (Receiver, Seen, UnboundedSender<Arrived<()>>) {
    let (feed, fed) = unbounded_channel();
    for number in 0..messages {
        let mut raw = Raw::default();
        raw.body = Some(vec![b'x'; 100].into());
        let received = Received::new(Ok(Decoded::clean(Message::from(event(number)))), raw);
        feed.send(Arrived { received, tag: (), attempt: 1 }).unwrap();
    }
    let seen = Seen::default();
    let hosts = Endpoint::parse("x://a/").unwrap().hosts().to_vec();
    let once = Once(Mutex::new(Some(Source(fed, seen.clone()))));
    let reconnect = Reconnect::new(once, hosts, Backoff::default());
    let options = QueueOptions::default().dropping_rejected();
    let receiver = QueueReceiver::open(reconnect, Room::new(bounds, 1024), options).await.unwrap();
    (Receiver::new(receiver, DecodeOptions::strict()), seen, feed)
}

async fn next(receiver: &mut Receiver) -> Delivery {
    timeout(SECOND, receiver.next()).await.expect("nothing came").unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_source_is_tended_while_there_is_no_room() {
    let (mut receiver, seen, _feed) = receiver(Bounds { messages: 1, bytes: 1 << 20 }, 2).await;
    let first = next(&mut receiver).await;
    sleep(SECOND).await;
    assert!(seen.is_tended());
    first.accept().await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
    sleep(SECOND).await;
    assert!(!seen.is_tended(), "there is room: it is read");
    drop(receiver);
}

/// The messages left of a connection are delivered, and the loss is counted once.
#[tokio::test(start_paused = true)]
async fn a_loss_shows_while_there_is_no_room() {
    let (mut receiver, seen, feed) = receiver(Bounds { messages: 1, bytes: 1 << 20 }, 2).await;
    let first = next(&mut receiver).await;
    let connectivity = receiver.connectivity();
    assert!(connectivity.state().is_connected());
    seen.0.2.notify_one();
    sleep(SECOND).await;
    assert_eq!(connectivity.losses(), 1);
    assert_eq!(connectivity.state().error().unwrap().kind(), ErrorKind::Disconnected);
    first.accept().await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
    drop(feed); // nothing is left, and there is no other connection
    assert_eq!(timeout(SECOND, receiver.next()).await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(connectivity.losses(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_is_tended_while_the_receiver_stops() {
    let (mut receiver, seen, _feed) = receiver(Bounds { messages: 10, bytes: 1 << 20 }, 1).await;
    let held = next(&mut receiver).await;
    let draining = tokio::spawn(async move { receiver.drain(10 * SECOND).await });
    sleep(SECOND).await;
    assert!(seen.is_tended());
    held.accept().await.unwrap();
    draining.await.unwrap().unwrap();
}

/// The program takes nothing: what it has not taken is bounded apart from the bounds.
#[tokio::test(start_paused = true)]
async fn a_source_is_tended_while_the_program_takes_nothing() {
    let (receiver, seen, _feed) = receiver(Bounds { messages: 2000, bytes: 1 << 30 }, 2000).await;
    sleep(SECOND).await;
    assert!(seen.is_tended());
    assert!(seen.taken() < 1024, "{} messages", seen.taken());
    drop(receiver);
}

/// The message that reaches the bound passes, and no other, although all arrive together.
#[tokio::test(start_paused = true)]
async fn what_arrives_together_is_taken_within_the_bounds() {
    for (bounds, expected) in [
        (Bounds { messages: 100, bytes: 250 }, 3),
        (Bounds { messages: 100, bytes: 0 }, 1),
        (Bounds { messages: 7, bytes: 1 << 20 }, 7),
    ] {
        let (mut receiver, seen, _feed) = receiver(bounds, 20).await;
        sleep(SECOND).await;
        assert_eq!(seen.taken(), expected, "{bounds:?}");
        for _ in 0..20 {
            next(&mut receiver).await.accept().await.unwrap();
            assert!(seen.taken() <= 20);
        }
    }
}
