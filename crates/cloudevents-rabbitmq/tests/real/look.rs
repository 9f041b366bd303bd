//! Looking at queues.

use crate::tools::{events, name, next, queues, real, receiver_from, sender_to, strict, within};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_rabbitmq::lapin4::{BINDING, RabbitSenderOptions, receiver, sender};
use cloudevents_testkit::{
    deliveries::{self, number},
    rabbitmq::Broker,
};
use cloudevents_transport::Places;

async fn look(url: &str) -> Result<Places, Error> {
    deliveries::look(&BINDING, url).await
}

/// The messages that are ready, and the consumers.
async fn numbers(url: &str) -> (u64, u64) {
    let found = look(url).await.unwrap();
    let [place] = &found.list[..] else { panic!("{found:?}") };
    let number = |name| number(place, name).unwrap();
    assert_eq!(place.kind, "queue");
    (number("ready"), number("consumers"))
}

#[tokio::test]
async fn a_queue_is_shown_and_nothing_changes() {
    let broker = Broker::start().unwrap();
    let url = broker.url("queue=orders");
    within(sender_to(&broker, "orders").await.send_all(events(3))).await.unwrap();
    assert_eq!(numbers(&url).await, (3, 0));
    let mut receiver = receiver_from(&broker, "orders").await;
    let held = next(&mut receiver).await;
    assert_eq!(numbers(&url).await, (0, 1));
    drop(held);

    // It is not declared, whatever the URL says.
    let missing = broker.url("queue=missing&declare=classic");
    let error = look(&missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(look(&missing).await.is_err());
    let error = look(&broker.url("")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.help().unwrap().contains("rabbitmqctl list_queues"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_a_queue_is_shown() {
    let Some(server) = real() else { return };
    let url = format!("{server}?queue={}", name("look"));
    assert_eq!(look(&url).await.unwrap_err().kind(), ErrorKind::Refused);
    let declaring = format!("{url}&declare={}", queues());
    let sender = sender(&declaring, RabbitSenderOptions::default()).await.unwrap();
    within(sender.send_all(events(3))).await.unwrap();
    // A broker counts some time after it has confirmed.
    within(async {
        while numbers(&url).await != (3, 0) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await; // between two tries
        }
    })
    .await;
    let mut receiver = receiver(&url, strict()).await.unwrap();
    let _held = next(&mut receiver).await;
    within(async {
        while numbers(&url).await != (0, 1) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await; // between two tries
        }
    })
    .await;
}
