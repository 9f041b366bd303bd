//! What only a real broker shows.

use crate::{
    bare,
    tools::{event, events, id, large, name, next, queues, real, strict, within},
};
use cloudevents_core::ErrorKind;
use cloudevents_rabbitmq::lapin4::{RabbitRefusal, RabbitSenderOptions, receiver, sender};
use cloudevents_testkit::patience;
use cloudevents_transport::Outgoing;
use futures_util::future::join_all;
use lapin::{
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use std::{
    error::Error as _,
    time::{Duration, Instant},
};

/// The broker confirms together what it has and what it returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_returned_messages_are_told_apart() {
    let Some(server) = real() else { return };
    let queue = name("returns");
    let url = format!("{server}?queue={queue}&declare={}", queues());
    let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
    let (known, unknown) = (queue.as_str(), name("missing"));
    for round in 0..10 {
        let enqueued = (0..300).map(|number| {
            let to = if (number * 7 + round) % 3 == 0 { unknown.as_str() } else { known };
            let sender = &sender;
            async move {
                let outcome = sender.enqueue(Outgoing::from(event(number % 50)).to(to)).await.unwrap();
                (to == known, outcome.await)
            }
        });
        for (is_known, outcome) in within(join_all(enqueued)).await {
            assert_eq!(outcome.is_ok(), is_known, "{outcome:?}");
            if let Err(error) = outcome {
                let refusal = error.source().unwrap().downcast_ref();
                assert!(matches!(refusal, Some(RabbitRefusal::Returned { code: 312, .. })), "{error:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_retries_wait_and_dead_letters_are_kept() {
    let Some(server) = real() else { return };
    let (queue, dead) = (name("retries"), name("dead"));
    for wait in ["classic", "quorum", "none"] {
        let url = format!("{server}?queue={queue}&declare={}", queues());
        let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
        within(sender.send(Outgoing::from(event(wait)).header("h", "x"))).await.unwrap();
        let from = format!("{url}&dead-letter={dead}&wait={wait}");
        let mut deliveries = receiver(&from, strict()).await.unwrap();
        let begun = Instant::now();
        within(next(&mut deliveries).await.retry(Duration::from_millis(400))).await.unwrap();
        let again = next(&mut deliveries).await;
        assert!(begun.elapsed() >= Duration::from_millis(400), "{wait}: {:?}", begun.elapsed());
        assert_eq!((again.attempt(), id(&again).as_str()), (2, wait));
        within(again.reject("enough")).await.unwrap();
        within(deliveries.drain(patience())).await.unwrap();
        let mut letters =
            receiver(&format!("{server}?queue={dead}&declare={}", queues()), strict()).await.unwrap();
        let letter = next(&mut letters).await;
        assert_eq!(letter.header_text("dead-letter-reason").as_deref(), Some("enough"));
        assert_eq!(letter.header_text("dead-letter-attempt").as_deref(), Some("2"));
        assert_eq!((id(&letter).as_str(), letter.header_text("h").as_deref()), (wait, Some("x")));
        within(letter.accept()).await.unwrap();
        within(letters.drain(patience())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_refusals_say_why() {
    let Some(server) = real() else { return };
    let open = async |url: String| sender(&url, RabbitSenderOptions::default()).await.map(drop).unwrap_err();
    for (url, words) in [
        (format!("{server}?exchange={}", name("no")), "NOT_FOUND"),
        (format!("{server}nowhere?queue=q"), "vhost"),
        (server.replace("guest:guest@", "guest:wrong@") + "?queue=q", "ACCESS_REFUSED"),
    ] {
        let error = within(open(url)).await;
        assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let queue = name("missing");
    let error = within(receiver(&format!("{server}?queue={queue}"), strict())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    // A queue that refuses messages when it is full.
    let url = format!("{server}?queue={}&declare={}", name("many"), queues());
    let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
    within(sender.send_all(events(2000))).await.unwrap();
}

/// A stream delivers nothing again, whatever is settled, and begins at its end at each connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_streams_are_refused() {
    let Some(server) = real() else { return };
    let queue = name("audit");
    let (_connection, channel) = bare::channel(&server).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("stream".into()));
    let declare = QueueDeclareOptions { durable: true, ..Default::default() };
    if let Err(error) = channel.queue_declare(queue.as_str().into(), declare, arguments).await {
        return println!("SKIPPED: this broker has no streams: {error}");
    }
    let opened = within(receiver(&format!("{server}?queue={queue}"), strict())).await;
    let (_connection, channel) = bare::channel(&server).await;
    channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let error = opened.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.to_string().contains("stream"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_places_for_dead_letters_that_are_missing_are_errors_of_opening() {
    let Some(server) = real() else { return };
    let (queue, missing) = (name("orders"), name("missing"));
    let url = format!("{server}?queue={queue}&declare={}", queues());
    sender(&url, RabbitSenderOptions::default()).await.unwrap();
    for place in [missing.clone(), format!("/exchanges/{missing}/key")] {
        let opened = receiver(&format!("{server}?queue={queue}&dead-letter={place}"), strict()).await;
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        let named = format!("the dead-letter place `{place}` takes nothing: NOT_FOUND");
        assert!(error.detail().starts_with(&named), "{error}");
    }
    receiver(&format!("{url}&dead-letter={missing}"), strict()).await.unwrap();
}

/// The broker closes the channel of all of them. LavinMQ takes larger messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_too_large_is_the_mistake_of_that_message_only() {
    let Some(server) = real() else { return };
    let url = format!("{server}?queue={}&declare={}&max-message-size=20000000", name("large"), queues());
    let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
    let mut outcomes = Vec::new();
    for number in 0..20 {
        let bytes = if number == 10 { (16 << 20) + 1 } else { 100_000 };
        outcomes.push((number == 10, within(sender.enqueue(large(number, bytes))).await.unwrap()));
    }
    let mut lost = 0;
    for (is_large, outcome) in outcomes {
        match within(outcome).await {
            Ok(_) => {}
            Err(error) if is_large => {
                assert_eq!(
                    (error.kind(), sender.refuses_message(&error)),
                    (ErrorKind::TooLarge, true),
                    "{error}"
                );
            }
            Err(error) => {
                assert_eq!(
                    (error.kind(), sender.refuses_message(&error)),
                    (ErrorKind::Disconnected, false),
                    "{error}"
                );
                lost += 1;
            }
        }
    }
    println!("{lost} others were lost with the channel");
    within(sender.send(large("last", 100_000))).await.unwrap();
}

/// The broker ends the connection because of a frame that is larger than agreed on. The last that is not refused is what it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_headers_that_do_not_fit_into_a_frame_are_not_sent() {
    let Some(server) = real() else { return };
    let url = format!("{server}?queue={}&declare={}", name("frames"), queues());
    let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
    let with = |size: usize| Outgoing::from(event("e")).header("x-large", "x".repeat(size));
    let mut size = 130_600;
    let error = loop {
        match within(sender.send(with(size))).await {
            Ok(_) => size += 16,
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), sender.refuses_message(&error)), (ErrorKind::TooLarge, true), "{error}");
    assert!((130_700..131_072).contains(&size), "{size}");
    within(sender.send(&event("last"))).await.unwrap();
    assert_eq!(sender.connectivity().losses(), 0);
}
