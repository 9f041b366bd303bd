//! Accepting, rejecting, releasing and modifying.

use super::client::{Behaviour, failures, message, next, put, take, text};
use fe2o3_amqp_types::{
    definitions::{AmqpError, Error},
    messaging::{Modified, Outcome},
};

pub(super) const ALL: &[Behaviour] = &[
    ("an accepted message is gone", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2"]).await;
            let mut receiver = client.receiver(&queue, 1).await;
            take(&mut receiver).await;
            receiver.close().await.unwrap();
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "2");
        });
    }),
    ("a released message comes again, in its place, and has not failed", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2"]).await;
            let mut receiver = client.receiver(&queue, 1).await;
            let got = next(&mut receiver).await;
            receiver.release(&got).await.unwrap();
            receiver.set_credit(2).await.unwrap();
            let got = next(&mut receiver).await;
            assert_eq!((text(&got), failures(&got)), ("1".into(), 0));
            assert_eq!(take(&mut receiver).await, "2");
        });
    }),
    ("a message that is modified as failed comes again, and counts it", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2"]).await;
            let mut receiver = client.receiver(&queue, 1).await;
            for count in 0..3 {
                let got = next(&mut receiver).await;
                assert_eq!((text(&got), failures(&got)), ("1".into(), count));
                receiver.modify(&got, modified(Some(true), None)).await.unwrap();
                receiver.set_credit(1).await.unwrap();
            }
        });
    }),
    ("a message that is modified, and has not failed, does not count it", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1"]).await;
            let mut receiver = client.receiver(&queue, 1).await;
            let got = next(&mut receiver).await;
            receiver.modify(&got, modified(Some(false), None)).await.unwrap();
            receiver.set_credit(1).await.unwrap();
            assert_eq!(failures(&next(&mut receiver).await), 0);
        });
    }),
    ("a rejected message does not come again", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2"]).await;
            let mut receiver = client.receiver(&queue, 2).await;
            let got = next(&mut receiver).await;
            let error = Error::new(AmqpError::DecodeError, "unreadable".to_owned(), None);
            receiver.reject(&got, error).await.unwrap();
            let got = next(&mut receiver).await;
            assert_eq!(text(&got), "2");
            receiver.release(&got).await.unwrap();
            receiver.close().await.unwrap();
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "2");
        });
    }),
    ("a message that is undeliverable here does not come here again", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2"]).await;
            let mut receiver = client.receiver(&queue, 1).await;
            let got = next(&mut receiver).await;
            receiver.modify(&got, modified(Some(true), Some(true))).await.unwrap();
            receiver.set_credit(1).await.unwrap();
            assert_eq!(text(&next(&mut receiver).await), "2");
        });
    }),
    ("several messages are accepted together", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2", "3", "4"]).await;
            let mut receiver = client.receiver(&queue, 3).await;
            let all = [next(&mut receiver).await, next(&mut receiver).await, next(&mut receiver).await];
            receiver.accept_all(&all).await.unwrap();
            receiver.close().await.unwrap();
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "4");
        });
    }),
    ("messages may be settled in any order", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2", "3"]).await;
            let mut receiver = client.receiver(&queue, 3).await;
            let (one, two, three) =
                (next(&mut receiver).await, next(&mut receiver).await, next(&mut receiver).await);
            receiver.accept(&three).await.unwrap();
            receiver.accept(&one).await.unwrap();
            receiver.release(&two).await.unwrap();
            receiver.close().await.unwrap();
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "2");
        });
    }),
    ("what a link holds comes again when it is closed", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1", "2"]).await;
            let mut receiver = client.receiver(&queue, 2).await;
            next(&mut receiver).await;
            next(&mut receiver).await;
            receiver.close().await.unwrap();
            let mut receiver = client.receiver(&queue, 2).await;
            assert_eq!([take(&mut receiver).await, take(&mut receiver).await], ["1", "2"]);
        });
    }),
    ("what a connection holds comes again when it ends", |place| {
        place.run(async {
            let (_client, queue, mut sender) = place.sending().await;
            put(&mut sender, ["1"]).await;
            let mut lost = place.client().await;
            let mut receiver = lost.receiver(&queue, 1).await;
            next(&mut receiver).await;
            lost.end().await;
            let mut other = place.client().await;
            assert_eq!(take(&mut other.receiver(&queue, 1).await).await, "1");
        });
    }),
    ("a session that ends leaves others", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let mut session = fe2o3_amqp::Session::begin(&mut client.connection).await.unwrap();
            let other = fe2o3_amqp::Sender::attach(&mut session, "other", queue.as_str()).await.unwrap();
            session.end().await.unwrap();
            drop(other);
            put(&mut sender, ["x"]).await;
            assert_eq!(take(&mut client.receiver(&queue, 1).await).await, "x");
        });
    }),
    ("many messages may be on their way", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let mut outcomes = Vec::new();
            for number in 0..100 {
                outcomes.push(sender.send_batchable(message(&number.to_string())).await.unwrap());
            }
            for outcome in outcomes {
                assert!(matches!(outcome.await.unwrap(), Outcome::Accepted(_)));
            }
            let mut receiver = client.receiver(&queue, 100).await;
            for number in 0..100 {
                assert_eq!(take(&mut receiver).await, number.to_string());
            }
        });
    }),
];

fn modified(delivery_failed: Option<bool>, undeliverable_here: Option<bool>) -> Modified {
    Modified { delivery_failed, undeliverable_here, message_annotations: None }
}
