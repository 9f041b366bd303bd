//! Helpers for the tests of the client.

use cloudevents_core::DecodeOptions;
use cloudevents_rabbitmq::lapin4::{QueueType, RabbitReceiverOptions, RabbitSenderOptions, receiver, sender};
use cloudevents_testkit::rabbitmq::{Broker, Queue};
pub(crate) use cloudevents_testkit::{
    deliveries::{event, events, id, large_binary as large, name, next, within},
    patience,
};
use cloudevents_transport::{Receiver, Sender, binding::queue::QueueOptions};

/// Opens a sender to this queue, which the broker gets.
pub(crate) async fn sender_to(broker: &Broker, queue: &str) -> Sender {
    broker.queue(queue);
    sender(&broker.url(&format!("queue={queue}")), RabbitSenderOptions::default()).await.unwrap()
}

/// Opens a receiver from this queue, which the broker gets.
pub(crate) async fn receiver_from(broker: &Broker, queue: &str) -> Receiver {
    broker.queue(queue);
    receiver(&broker.url(&format!("queue={queue}")), strict()).await.unwrap()
}

pub(crate) fn strict() -> RabbitReceiverOptions {
    let mut options = RabbitReceiverOptions::from(DecodeOptions::strict());
    options.queue = QueueOptions::default().rejecting_to_broker();
    options
}

pub(crate) async fn until(queue: &Queue, wanted: impl Fn(&Queue) -> bool) {
    if tokio::time::timeout(patience(), queue.until(wanted)).await.is_err() {
        panic!("the queue stays {queue:?}");
    }
}

/// Waits until the receiver has noticed that it lost its connection.
pub(crate) async fn lost(receiver: &Receiver) {
    let mut connectivity = receiver.connectivity();
    within(async {
        while connectivity.losses() == 0 {
            connectivity.changed().await;
        }
    })
    .await;
}

/// The URL of the real broker without options, if there is one.
pub(crate) fn real() -> Option<String> {
    let url = std::env::var("CE_TEST_RABBITMQ_URL").ok();
    if url.is_none() {
        println!("SKIPPED: CE_TEST_RABBITMQ_URL is not set");
    }
    url
}

/// The type of the real broker's queues.
pub(crate) fn queues() -> QueueType {
    match std::env::var("CE_TEST_RABBITMQ_QUEUES").as_deref() {
        Ok("quorum") => QueueType::Quorum,
        _ => QueueType::Classic,
    }
}
