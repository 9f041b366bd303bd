//! Steps of tests over a server: events, names, deliveries, looking, and waiting.
//!
//! ```
//! use cloudevents_testkit::deliveries::{event, take, within};
//! use cloudevents_transport::{ReceiverOptions, fake::FakeQueue};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let queue = FakeQueue::new();
//! within(queue.sender().send(&event(7))).await.unwrap();
//! assert_eq!(take(&mut queue.receiver(ReceiverOptions::default())).await, "7");
//! # });
//! ```
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "documented: they are for tests")]

pub use crate::behaviours::name;

use crate::patience;
use cloudevents_core::{Error, Event, Payload};
use cloudevents_transport::{Binding, Delivery, Endpoint, Fact, Look, Place, Places, Receiver};
use std::{env, time::Duration};
use tokio::time::{sleep, timeout};

/// The URL of the server that this variable names, without a slash at its end. Without it, the test is skipped, which this prints.
#[allow(clippy::print_stdout, reason = "`.ci/tests` lists what was skipped")]
pub fn server(variable: &str) -> Option<String> {
    let url = env::var(variable).ok();
    if url.is_none() {
        println!("skipped: {variable} is not set");
    }
    url.map(|url| url.trim_end_matches('/').to_owned())
}

/// An event with this id.
///
/// # Panics
///
/// If the id is empty.
pub fn event(id: impl ToString) -> Event {
    Event::builder().id(id.to_string()).source("/tests").ty("t").build().unwrap()
}

/// Events with the ids from 0.
pub fn events(count: usize) -> impl Iterator<Item = Event> + Clone {
    (0..count).map(event)
}

/// An event with this id and a text of this many bytes.
///
/// # Panics
///
/// If the id is empty.
pub fn large(id: impl ToString, bytes: usize) -> Event {
    let builder = Event::builder().id(id.to_string()).source("/tests").ty("t");
    builder.payload("text/plain", Ok(Payload::text("x".repeat(bytes)))).build().unwrap()
}

/// An event with this id and a binary payload of this many bytes.
///
/// # Panics
///
/// If the id is empty.
pub fn large_binary(id: impl ToString, bytes: usize) -> Event {
    let payload = Payload::binary(vec![b'x'; bytes]);
    let builder = Event::builder().id(id.to_string()).source("/tests").ty("t");
    builder.payload("application/octet-stream", Ok(payload)).build().unwrap()
}

/// The next delivery.
///
/// # Panics
///
/// If none comes [in time](within), or the receiver ends.
pub async fn next(receiver: &mut Receiver) -> Delivery {
    within(receiver.next()).await.unwrap().unwrap()
}

/// The id of the event.
///
/// # Panics
///
/// If the message is not an event.
pub fn id(delivery: &Delivery) -> String {
    delivery.event().unwrap().id().to_owned()
}

/// Accepts the next delivery, and returns the id of its event.
///
/// # Panics
///
/// As [`next`] and [`id`], and if the delivery cannot be accepted.
pub async fn take(receiver: &mut Receiver) -> String {
    let delivery = next(receiver).await;
    let taken = id(&delivery);
    within(delivery.accept()).await.unwrap();
    taken
}

/// Lists the places that a URL names.
///
/// # Panics
///
/// If the binding lists nothing, or takes [too long](within).
pub async fn look(binding: &Binding, url: &str) -> Result<Places, Error> {
    let (Look::Lists(look) | Look::ListsHeld(look)) = binding.look else { panic!("it lists nothing") };
    within(look(Endpoint::parse(url)?)).await
}

/// The number of this name among the facts of a place.
///
/// # Panics
///
/// If the fact is no number.
pub fn number(place: &Place, name: &str) -> Option<u64> {
    place.fact(name).map(|fact| match fact {
        Fact::Number(number) => *number,
        other => panic!("{name}: {other:?}"),
    })
}

/// Waits for something that must happen.
///
/// # Panics
///
/// If it takes longer than [`patience`].
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(patience(), future).await.expect("it takes too long")
}

/// Waits until the condition holds.
///
/// # Panics
///
/// If it takes longer than [`patience`].
pub async fn until(mut holds: impl AsyncFnMut() -> bool) {
    within(async {
        while !holds().await {
            sleep(Duration::from_millis(10)).await; // between two tries
        }
    })
    .await;
}
