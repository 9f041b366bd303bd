//! Compares the speed of the sender and the receiver with rumqttc-v5-next alone, with the same messages and bounds, taking turns.
//!
//! ```text
//! cargo bench -p cloudevents-mqtt --bench mqtt_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! .ci/brokers/mqtt cargo bench -p cloudevents-mqtt --bench mqtt_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! ```
//!
//! Without `CE_TEST_MQTT_URL`, the broker is the testkit's, in its own process, so that processor time and allocations are those of the
//! client alone. The rates are those of client and broker together, limited by the slower one.
//!
//! All messages have QoS 1, and at most 1,024 are unconfirmed:
//!
//! - `Sender::send_all`: events, as a program has them.
//! - `publish_tracked`: messages that were encoded before, with a notice for each, which is awaited.
//! - `publish`: the same without notices; PUBACKs are counted.
//! - `Receiver`: `next`, the event, `accept`, from a session in which the messages wait.
//! - `poll, ack`: the event loop is polled, and each message acknowledged by hand, without looking at it.
//! - `poll, decode, ack`: the same with the event, decoded by this crate's `decode`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_mqtt::rumqttc_next034::{MqttSenderOptions, Qos, encode, receiver, sender};
use cloudevents_testkit::{
    mqtt::Broker,
    speed::{Comparison, Cost, CountingAll, Elsewhere, PAYLOAD, Run, event, is_elsewhere, send_all},
};
use rumqttc_v5::{
    AckMode, AsyncClient, BrokerSessionResumePolicy, Event as Polled, EventLoop, Incoming, MqttOptions,
    PublishOptions, mqttbytes::v5::Publish,
};
use std::{collections::VecDeque, time::Duration};

#[global_allocator]
static HEAP: CountingAll = CountingAll;

/// The bound for unconfirmed messages, in both directions.
const UNDER_WAY: u16 = 1024;
const PATIENCE: Duration = Duration::from_secs(60);
const SEND: [&str; 3] = ["Sender::send_all", "publish_tracked", "publish"];
const RECEIVE: [&str; 3] = ["Receiver", "poll, ack", "poll, decode, ack"];

fn main() {
    if is_elsewhere(|| Broker::start().map(|broker| (broker.url(""), broker))).unwrap() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(compare());
}

async fn compare() {
    let (url, _broker) = match std::env::var("CE_TEST_MQTT_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let broker = Elsewhere::start().unwrap();
            (broker.url().to_owned(), Some(broker))
        }
    };
    let comparison = Comparison::from_arguments();
    let events: Vec<Event> = (0..comparison.count).map(event).collect();
    comparison
        .of(&SEND, SEND[1], async |name, topic| match name {
            "Sender::send_all" => send_ours(&url, &topic, &events).await,
            _ => send_bare(&url, &topic, &events, name == "publish_tracked").await,
        })
        .await;
    comparison
        .of(&RECEIVE, RECEIVE[1], async |name, session| {
            let from = format!("{url}{session}?client={session}&reject=drop&prefetch={UNDER_WAY}&session=1h");
            // It begins the session, and leaves it.
            let mut begun = receiver(&from, DecodeOptions::strict().into()).await.unwrap();
            begun.drain(PATIENCE).await.unwrap();
            send_ours(&url, &session, &events).await;
            match name {
                "Receiver" => receive_ours(&from, events.len()).await,
                _ => receive_bare(&url, &session, events.len(), name.contains("decode")).await,
            }
        })
        .await;
}

async fn send_ours(url: &str, topic: &str, events: &[Event]) -> Cost {
    let sender = sender(&format!("{url}{topic}"), MqttSenderOptions::default()).await.unwrap();
    send_all(sender, events).await
}

fn open(url: &str, client: &str) -> (AsyncClient, EventLoop) {
    let address = url.trim_start_matches("mqtt://").split('/').next().unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let mut options = MqttOptions::new(client, (host, port.parse().unwrap()));
    options
        .set_keep_alive(30)
        .set_ack_mode(AckMode::Manual)
        .set_receive_maximum(Some(UNDER_WAY))
        .set_outgoing_inflight_upper_limit(UNDER_WAY)
        .set_clean_start(client.is_empty())
        .set_session_expiry_interval(Some(3600))
        .set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
    AsyncClient::builder(options).capacity(usize::from(UNDER_WAY)).build()
}

async fn send_bare(url: &str, topic: &str, events: &[Event], tracked: bool) -> Cost {
    let (client, mut polled) = open(url, "");
    while !matches!(polled.poll().await.unwrap(), Polled::Incoming(Incoming::ConnAck(_))) {}
    let messages: Vec<Publish> =
        events.iter().map(|event| encode(event, Mode::Binary, topic, Qos::AtLeastOnce).unwrap().0).collect();
    let count = messages.len();
    let (done, counted) = tokio::sync::oneshot::channel();
    let driving = tokio::spawn(async move {
        let (mut done, mut confirmed) = (Some(done), 0);
        while let Ok(event) = polled.poll().await {
            confirmed += usize::from(matches!(event, Polled::Incoming(Incoming::PubAck(_))));
            if let Some(done) = done.take_if(|_| confirmed == count) {
                let _ = done.send(());
            }
        }
    });
    let run = Run::start();
    let mut notices = VecDeque::new();
    for message in messages {
        let options = PublishOptions::new(message.qos).properties(message.properties.unwrap());
        if tracked {
            if notices.len() >= usize::from(UNDER_WAY) {
                confirmed(notices.pop_front().unwrap()).await;
            }
            notices.push_back(client.publish_tracked(topic, message.payload, options).await.unwrap());
        } else {
            client.publish(topic, message.payload, options).await.unwrap();
        }
    }
    for notice in notices {
        confirmed(notice).await;
    }
    counted.await.unwrap();
    let cost = run.end(count);
    driving.abort();
    cost
}

async fn confirmed(notice: rumqttc_v5::PublishNotice) {
    notice.wait_completion_async().await.unwrap();
}

async fn receive_ours(url: &str, count: usize) -> Cost {
    let mut receiver = receiver(url, DecodeOptions::strict().into()).await.unwrap();
    let mut run = None;
    for _ in 0..count {
        let delivery = receiver.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(delivery.event().unwrap().data_bytes().map(Bytes::len), Some(PAYLOAD));
        drop(delivery.accept());
    }
    receiver.drain(PATIENCE).await.unwrap(); // the broker has read the acknowledgements
    run.unwrap().end(count)
}

async fn receive_bare(url: &str, session: &str, count: usize, decoded: bool) -> Cost {
    let (client, mut polled) = open(url, session);
    let with = DecodeOptions::strict();
    let mut run = None;
    let (mut seen, mut acknowledged) = (0, 0);
    while acknowledged < count {
        match polled.poll().await.unwrap() {
            Polled::Incoming(Incoming::Publish(publish)) => {
                run.get_or_insert_with(Run::start);
                seen += 1;
                if decoded {
                    let event = cloudevents_mqtt::decode(&publish, &with).unwrap().value;
                    assert_eq!(event.data_bytes().map(Bytes::len), Some(PAYLOAD));
                } else {
                    assert_eq!(publish.payload.len(), PAYLOAD);
                }
                client.try_ack(&publish).unwrap();
            }
            Polled::Outgoing(rumqttc_v5::Outgoing::PubAck(_)) => acknowledged += 1,
            _ => {}
        }
    }
    assert_eq!(seen, count);
    run.unwrap().end(count)
}
