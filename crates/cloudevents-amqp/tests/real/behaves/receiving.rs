//! Who gets a message, and when.

use super::client::{Behaviour, message, name, next, put, put_message, take, text};
use fe2o3_amqp::{
    Connection, Receiver, Sender, Session, link::receiver::CreditMode, sasl_profile::SaslProfile,
};
use fe2o3_amqp_types::{
    definitions::{ReceiverSettleMode, SenderSettleMode},
    messaging::{Header, Properties, Source, Target},
    primitives::{Symbol, Timestamp},
};
use std::time::{Duration, Instant, SystemTime};

pub(super) const ALL: &[Behaviour] = &[
    ("messages arrive in order", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2", "3"]).await;
            let mut receiver = client.receiver(&queue, 3).await;
            for expected in ["1", "2", "3"] {
                assert_eq!(take(&mut receiver).await, expected);
            }
        });
    }),
    ("a receiver that waits gets what comes", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let mut receiver = client.receiver(&queue, 1).await;
            put(&mut sender, ["x"]).await;
            assert_eq!(take(&mut receiver).await, "x");
        });
    }),
    ("messages outlive the connection of their sender", |place| {
        place.run(async {
            let (client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["x"]).await;
            sender.close().await.unwrap();
            client.end().await;
            let mut other = place.client().await;
            assert_eq!(take(&mut other.receiver(&queue, 1).await).await, "x");
        });
    }),
    ("a receiver gets as many as it has credit for", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2"]).await;
            let mut one = client.receiver(&queue, 1).await;
            let first = next(&mut one).await;
            // What one receiver has no credit for is for another one.
            let mut two = client.receiver(&queue, 1).await;
            assert_eq!((text(&first), take(&mut two).await), ("1".into(), "2".into()));
            put(&mut sender, ["3"]).await;
            one.set_credit(1).await.unwrap();
            assert_eq!(take(&mut one).await, "3");
        });
    }),
    ("without credit, nothing comes", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let _none = client.receiver(&queue, 0).await;
            put(&mut sender, ["x"]).await;
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "x");
        });
    }),
    ("two receivers share what comes, each message once", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let mut one = client.receiver(&queue, 2).await;
            let mut two = client.receiver(&queue, 2).await;
            put(&mut sender, ["1", "2", "3", "4"]).await;
            let mut all = Vec::new();
            for receiver in [&mut one, &mut two] {
                all.extend([take(receiver).await, take(receiver).await]);
            }
            all.sort();
            assert_eq!(all, ["1", "2", "3", "4"]);
        });
    }),
    ("queues are apart", |place| {
        place.run(async {
            let (mut client, one, mut sender) = place.sending().await;
            let two = name();
            let mut other = client.sender(&two).await;
            put(&mut sender, ["one"]).await;
            put(&mut other, ["two"]).await;
            assert_eq!(take(&mut client.receiver(&two, 1).await).await, "two");
            assert_eq!(take(&mut client.receiver(&one, 1).await).await, "one");
        });
    }),
    ("a link may be closed, and another one be attached under its name", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2"]).await;
            for expected in ["1", "2"] {
                let mut receiver = Receiver::builder()
                    .name("same")
                    .source(queue.as_str())
                    .credit_mode(CreditMode::Manual)
                    .attach(&mut client.session)
                    .await
                    .unwrap();
                receiver.set_credit(1).await.unwrap();
                assert_eq!(take(&mut receiver).await, expected);
                receiver.close().await.unwrap();
            }
        });
    }),
    ("a link has the address that was requested", |place| {
        place.run(async {
            let (mut client, queue, sender) = place.sending().await;
            let receiver = client.receiver(&queue, 0).await;
            let target = sender.target().as_ref().unwrap().address.clone();
            let source = receiver.source().as_ref().unwrap().address.clone();
            assert_eq!((target, source), (Some(queue.clone()), Some(queue)));
        });
    }),
    ("a connection on which nothing happens is kept, as its client wants", |place| {
        place.run(async {
            let idle = Duration::from_secs(6);
            let connecting = Connection::builder().container_id(name()).sasl_profile(SaslProfile::Anonymous);
            let connecting = connecting.idle_time_out(u32::try_from(idle.as_millis()).unwrap());
            let mut connection = connecting.open(place.url()).await.unwrap();
            let mut session = Session::begin(&mut connection).await.unwrap();
            // The client closes it by itself when it hears nothing for so long.
            let closed = tokio::time::timeout(idle * 4 / 3, session.on_end()).await;
            assert!(closed.is_err(), "{closed:?}");
            Sender::attach(&mut session, name(), name()).await.unwrap();
        });
    }),
    ("a receiver may settle second", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["a", "b"]).await;
            let mut receiver = Receiver::builder()
                .name(name())
                .source(&*queue)
                .receiver_settle_mode(ReceiverSettleMode::Second)
                .credit_mode(CreditMode::Manual)
                .attach(&mut client.session)
                .await
                .unwrap();
            receiver.set_credit(1).await.unwrap();
            assert_eq!(take(&mut receiver).await, "a");
            receiver.close().await.unwrap();
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "b");
        });
    }),
    ("a queue that is to be one is one", |place| {
        place.run(async {
            let mut client = place.client().await;
            let queue = || vec![Symbol::from("queue")];
            let source = Source::builder().address(name()).capabilities(queue()).build();
            let receiver = client.try_receiver(source).await.unwrap();
            assert_eq!(receiver.source().as_ref().unwrap().capabilities, Some(queue().into()));
            let target = Target::builder().address(name()).capabilities(queue()).build();
            let sender =
                Sender::builder().name(name()).target(target).attach(&mut client.session).await.unwrap();
            assert_eq!(sender.target().as_ref().unwrap().capabilities, Some(queue().into()));
        });
    }),
    ("a dynamic node has an address of its own", |place| {
        place.run(async {
            let mut client = place.client().await;
            let dynamic = || Source::builder().dynamic(true).build();
            let mut one = client.try_receiver(dynamic()).await.unwrap();
            let two = client.try_receiver(dynamic()).await.unwrap();
            let address = |receiver: &Receiver| receiver.source().as_ref().unwrap().address.clone().unwrap();
            assert_ne!(address(&one), address(&two));
            one.set_credit(1).await.unwrap();
            let mut other = place.client().await;
            let mut sender = other.sender(&address(&one)).await;
            put(&mut sender, ["answer"]).await;
            assert_eq!(take(&mut one).await, "answer");
        });
    }),
    ("messages that are settled when they are sent arrive", |place| {
        place.run(async {
            let (mut client, queue) = (place.client().await, name());
            let mut sender = Sender::builder()
                .name(name())
                .target(queue.as_str())
                .sender_settle_mode(SenderSettleMode::Settled)
                .attach(&mut client.session)
                .await
                .unwrap();
            sender.send(message("x")).await.unwrap();
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "x");
        });
    }),
    ("messages that are settled when they arrive do not come again", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2"]).await;
            let mut settled = Receiver::builder()
                .name(name())
                .source(queue.as_str())
                .sender_settle_mode(SenderSettleMode::Settled)
                .credit_mode(CreditMode::Manual)
                .attach(&mut client.session)
                .await
                .unwrap();
            settled.set_credit(1).await.unwrap();
            assert_eq!(text(&next(&mut settled).await), "1");
            settled.close().await.unwrap();
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "2");
        });
    }),
    ("a message that has expired is not delivered", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let mut late = message("late");
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
            late.properties = Some(Properties {
                absolute_expiry_time: Some(Timestamp::from_milliseconds(now - 1000)),
                ..Properties::default()
            });
            put_message(&mut sender, late).await;
            put(&mut sender, ["last"]).await;
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "last");
        });
    }),
    ("a message that was not taken in its time is not delivered", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let mut short = message("short");
            short.header = Some(Header { ttl: Some(50), ..Header::default() });
            put_message(&mut sender, short).await;
            // Nothing tells when its time has passed.
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(100) {
                let (_client, _queue, mut other) = place.sending().await;
                put(&mut other, ["x"]).await;
            }
            put(&mut sender, ["last"]).await;
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "last");
        });
    }),
    ("what a receiver has no credit for expires, and gives way to higher priorities", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let mut receiver = client.receiver(&queue, 0).await;
            let mut short = message("short");
            short.header = Some(Header { ttl: Some(50), ..Header::default() });
            put_message(&mut sender, short).await;
            put(&mut sender, ["normal"]).await;
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(100) {
                let (_client, _queue, mut other) = place.sending().await;
                put(&mut other, ["x"]).await;
            }
            let mut high = message("high");
            high.header = Some(Header { priority: 9.into(), ..Header::default() });
            put_message(&mut sender, high).await;
            receiver.set_credit(2).await.unwrap();
            assert_eq!([take(&mut receiver).await, take(&mut receiver).await], ["high", "normal"]);
        });
    }),
    ("a message is taken in its time", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let mut long = message("long");
            long.header = Some(Header { ttl: Some(600_000), ..Header::default() });
            put_message(&mut sender, long).await;
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "long");
        });
    }),
    ("a message of higher priority comes first", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            for (text, priority) in [("low", 1), ("normal", 4), ("high", 9), ("high too", 9)] {
                let mut message = message(text);
                message.header = Some(Header { priority: priority.into(), ..Header::default() });
                put_message(&mut sender, message).await;
            }
            put(&mut sender, ["without"]).await;
            let mut receiver = client.receiver(&queue, 5).await;
            for expected in ["high", "high too", "normal", "without", "low"] {
                assert_eq!(take(&mut receiver).await, expected);
            }
        });
    }),
];
