//! Handlers of every shape, in tasks: these tests check what compiles.

use crate::events;
use cloudevents_core::{Error, Event};
use cloudevents_transport::{Failure, Receiver, ReceiverOptions, fake::FakeQueue};
use std::{
    cell::Cell,
    error::Error as StdError,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinHandle;

#[derive(Default)]
struct Database(Mutex<Vec<String>>);

impl Database {
    async fn insert(&self, event: &Event) -> Result<(), std::io::Error> {
        tokio::task::yield_now().await;
        self.0.lock().unwrap().push(event.id().to_owned());
        Ok(())
    }
}

/// Returns a receiver of one message, and a future that is ready when the message was accepted.
async fn one() -> (Receiver, impl Future<Output = ()> + Send + 'static) {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(1)).await.unwrap();
    let receiver = queue.receiver(ReceiverOptions::default());
    let counters = receiver.counters();
    let accepted = async move {
        while counters.snapshot().accepted == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    (receiver, accepted)
}

async fn plain(event: Event) {
    assert_eq!(event.id(), "0");
}

async fn boxed_error(_: Event) -> Result<(), Box<dyn StdError + Send + Sync>> {
    Ok(())
}

async fn text(_: Event) -> Result<(), String> {
    Ok(())
}

struct Service {
    database: Database,
}

impl Service {
    async fn handle(&self, event: Event) -> Result<(), Failure> {
        self.database.insert(&event).await?;
        Ok(())
    }

    /// Borrows from what the task owns.
    fn start(
        self: Arc<Self>,
        receiver: Receiver,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<Result<(), Error>> {
        tokio::spawn(async move {
            receiver.run(async |event: Event| self.handle(event).await).concurrency(4).until(stop).await
        })
    }
}

/// A trait method whose future has to be `Send`.
trait Worker {
    fn work(
        &self,
        receiver: Receiver,
        stop: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Worker for Database {
    async fn work(&self, receiver: Receiver, stop: impl Future<Output = ()> + Send) -> Result<(), Error> {
        receiver.run(async |event: Event| self.insert(&event).await).concurrency(4).until(stop).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_of_every_shape_in_tasks() {
    let (receiver, stop) = one().await;
    tokio::spawn(receiver.run(plain).concurrency(4).until(stop)).await.unwrap().unwrap();
    let (receiver, stop) = one().await;
    tokio::spawn(receiver.run(boxed_error).concurrency(4).until(stop)).await.unwrap().unwrap();
    let (receiver, stop) = one().await;
    tokio::spawn(receiver.run(text).concurrency(4).until(stop)).await.unwrap().unwrap();

    // State that the handler owns: it clones, since an `async move` closure would lend the state.
    let (receiver, stop) = one().await;
    let database = Arc::new(Database::default());
    let of_handler = Arc::clone(&database);
    let handle = move |event: Event| {
        let database = Arc::clone(&of_handler);
        async move { database.insert(&event).await }
    };
    tokio::spawn(receiver.run(handle).concurrency(4).until(stop)).await.unwrap().unwrap();

    let (receiver, stop) = one().await;
    let service = Arc::new(Service { database: Database::default() });
    Arc::clone(&service).start(receiver, stop).await.unwrap().unwrap();
    let (receiver, stop) = one().await;
    database.work(receiver, stop).await.unwrap();
    assert_eq!(database.0.lock().unwrap().len(), 2);
    assert_eq!(service.database.0.lock().unwrap().len(), 1);

    // As a trait object, and as a task by itself.
    let (receiver, stop) = one().await;
    let boxed: Pin<Box<dyn Future<Output = _> + Send>> =
        Box::pin(receiver.run(plain).concurrency(1).until(stop));
    boxed.await.unwrap();
    let (receiver, stop) = one().await;
    let stopper = receiver.stopper();
    let task = tokio::spawn(receiver.run(plain).concurrency(1));
    stop.await;
    stopper.stop();
    task.await.unwrap().unwrap();
}

/// A future that is not `Send` works where it is awaited.
#[tokio::test]
async fn a_handler_need_not_be_send() {
    let (receiver, stop) = one().await;
    let count = Cell::new(0);
    let handle = async |_: Event| count.set(count.get() + 1);
    receiver.run(handle).concurrency(4).until(stop).await.unwrap();
    assert_eq!(count.get(), 1);
}
