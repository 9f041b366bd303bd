//! The contents of a queue, and their ends.

use crate::tools::{Place, event, id, name, next, strict, take, until, within};
use cloudevents_core::{Document, ErrorKind, Event, FormatId, Message, Payload};
use cloudevents_pgmq::tokio_postgres07::{PgmqReceiverOptions, PgmqSenderOptions, receiver, sender};
use cloudevents_testkit::{patience, queues::each_message_is_settled_once};
use cloudevents_transport::Outgoing;
use serde_json::{Value, json};
use std::time::Duration;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn what_is_sent_is_read_by_sql() {
    let Some(place) = Place::new("Written").await else { return };
    let data = Payload::json(r#"{"b": 1.50, "long": 12345678901234567890123, "exponent": 1e2}"#);
    let order = Event::builder()
        .id("1")
        .source("/shop")
        .ty("placed")
        .payload("application/json", data)
        .build()
        .unwrap();
    let sender = place.sender("").await;
    let outgoing = Outgoing::from(order).key("customer 7").header("traceparent", "00-1");
    let receipt = within(sender.send(outgoing)).await.unwrap();
    assert_eq!((receipt.place(), receipt.offset()), (Some(&*place.queue), Some(1)));
    let read = format!("FROM pgmq.read('{}', 0, 1)", place.queue);
    // As the documentation says of jsonb.
    let text = &place.ask(&format!("SELECT message->>'data' {read}")).await[0];
    assert_eq!(text, r#"{"b": 1.50, "long": 12345678901234567890123, "exponent": 100}"#);
    let message = parsed(&place.ask(&format!("SELECT message - 'data' {read}")).await[0]);
    let wanted = json!({"specversion": "1.0", "id": "1", "source": "/shop", "type": "placed", "datacontenttype": "application/json"});
    assert_eq!(message, wanted);
    let headers = parsed(&place.ask(&format!("SELECT headers {read}")).await[0]);
    let wanted = json!({"content-type": "application/cloudevents+json", "traceparent": "00-1", "x-pgmq-group": "customer 7"});
    assert_eq!(headers, wanted);
    let delivery = next(&mut place.receiver("").await).await;
    assert_eq!((delivery.topic(), delivery.offset(), delivery.attempt()), (Some(&*place.queue), Some(1), 4));
    assert_eq!(delivery.key().as_deref(), Some(&b"customer 7"[..]));
    assert_eq!(delivery.header("traceparent").as_deref(), Some(&b"00-1"[..]));
    assert!(delivery.received().timestamp().unwrap().elapsed().unwrap() < Duration::from_secs(600));
    within(delivery.accept()).await.unwrap();
}

#[tokio::test]
async fn what_sql_has_sent_is_received() {
    let Some(place) = Place::new("sql").await else { return };
    let document =
        |id: &str| format!(r#"{{"specversion": "1.0", "id": "{id}", "source": "/sql", "type": "t"}}"#);
    let queue = &place.queue;
    place.run(&format!("SELECT pgmq.send('{queue}', '{}')", document("1"))).await;
    let headers = r#"{"number": 7, "nothing": null, "list": [1, "x"], "x-pgmq-group": "g"}"#;
    place.run(&format!("SELECT pgmq.send('{queue}', '{}', '{headers}'::jsonb)", document("2"))).await;
    // Headers that are no object, and messages that are no events, or are null.
    place.run(&format!("SELECT pgmq.send('{queue}', '{}', '[1]'::jsonb)", document("3"))).await;
    place.run(&format!("SELECT pgmq.send('{queue}', '{{\"a\": 1}}')")).await;
    place.run(&format!("SELECT pgmq.send('{queue}', NULL::jsonb)")).await;
    let mut receiver = place.receiver("").await;
    assert_eq!(take(&mut receiver).await, "1");
    let delivery = next(&mut receiver).await;
    let header = |name| delivery.header(name).map(|value| String::from_utf8(value.into_owned()).unwrap());
    assert_eq!((header("number"), header("nothing")), (Some("7".into()), Some("null".into())));
    assert_eq!((header("list"), id(&delivery)), (Some("[1, \"x\"]".into()), "2".into()));
    assert_eq!(delivery.key().as_deref(), Some(&b"g"[..]));
    within(delivery.accept()).await.unwrap();
    assert_eq!(take(&mut receiver).await, "3");
    for body in [&b"{\"a\": 1}"[..], b""] {
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.received().error_kind(), Some(ErrorKind::NotACloudEvent));
        assert_eq!(delivery.received().body().unwrap(), body);
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(place.counts().await, (0, 0));
}

/// One statement has them all, and stores none where one of them is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_refuses_is_refused_alone() {
    let Some(place) = Place::new("refused").await else { return };
    let sender = place.sender("").await;
    let with = |id: &str, data: &str| {
        let document =
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":{data}}}"#);
        Message::Structured(Document::new(FormatId::JSON, document))
    };
    let mut outcomes = Vec::new();
    for number in 0..50 {
        // A number with too many digits, and a text that is no JSON: only Postgres knows.
        let data = match number {
            20 => "1e200000",
            30 => "oops",
            _ => "1",
        };
        outcomes.push(sender.enqueue(with(&number.to_string(), data)).await.unwrap());
    }
    // This one does not get as far.
    let error = sender.enqueue(with("nul", r#""a\u0000b""#)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.detail().contains(r"\u0000"), "{error}");
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match within(outcome).await {
            Ok(_) => assert!(number != 20 && number != 30, "{number}"),
            Err(error) => {
                assert!(number == 20 || number == 30, "{number}: {error}");
                assert!(sender.refuses_message(&error), "{error:?}");
            }
        }
    }
    let stored =
        place.ask(&format!("SELECT message->>'id' FROM pgmq.q_{} ORDER BY msg_id", place.queue)).await;
    let wanted: Vec<_> =
        (0..50).filter(|number| *number != 20 && *number != 30).map(|number| number.to_string()).collect();
    assert_eq!((stored, sender.connectivity().losses()), (wanted, 0));
}

#[tokio::test]
async fn rejected_messages_are_letters_archived_or_dropped() {
    let Some(place) = Place::new("rejected").await else { return };
    let letters = name("letters");
    place.create(&letters).await;
    let sender = place.sender("").await;
    let reject = async |query: &str| {
        within(sender.send(Outgoing::from(event("bad")).header("kept", "x").key("g"))).await.unwrap();
        let mut receiver = within(receiver(&place.url(query), PgmqReceiverOptions::default())).await.unwrap();
        within(next(&mut receiver).await.reject("no")).await.unwrap();
        assert_eq!(place.counts().await, (0, 0));
    };
    let count =
        async |table: String| place.ask(&format!("SELECT message->>'id' FROM pgmq.{table}")).await.len();
    reject("reject=drop").await;
    assert_eq!(count(format!("a_{}", place.queue)).await, 0);
    reject("reject=broker").await;
    assert_eq!(count(format!("a_{}", place.queue)).await, 1);
    reject(&format!("dead-letter={letters}")).await;
    assert_eq!(count(format!("a_{}", place.queue)).await, 1);
    let headers = parsed(&place.ask(&format!("SELECT headers FROM pgmq.q_{letters}")).await[0]);
    assert_eq!((&headers["kept"], &headers["x-pgmq-group"]), (&json!("x"), &json!("g")));
    assert!(headers.to_string().contains("no"), "{headers}");
    let letter = Place { queue: letters, ..place.clone() };
    assert_eq!(take(&mut letter.receiver("").await).await, "bad");
}

/// The letter waits for its queue, and its message stays hidden.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_is_not_stored_keeps_its_message() {
    let Some(place) = Place::new("kept").await else { return };
    let letters = name("letters");
    place.create(&letters).await;
    place.sender("").await.send(&event(0)).await.unwrap();
    let mut receiver = place.receiver(&format!("dead-letter={letters}")).await;
    let delivery = next(&mut receiver).await;
    place.run(&format!("SELECT pgmq.drop_queue('{letters}')")).await;
    assert_eq!(within(delivery.reject("no")).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(place.counts().await, (0, 1));
    place.create(&letters).await;
    // It is tried again.
    let letter = Place { queue: letters, ..place.clone() };
    until(async || letter.counts().await == (1, 0) && place.counts().await == (0, 0)).await;
}

#[tokio::test]
async fn accepted_messages_may_be_archived() {
    let Some(place) = Place::new("archived").await else { return };
    within(place.sender("").await.send_all((0..3).map(event))).await.unwrap();
    let mut receiver = place.receiver("archive=true").await;
    for expected in 0..3 {
        assert_eq!(take(&mut receiver).await, expected.to_string());
    }
    let archived =
        place.ask(&format!("SELECT message->>'id' FROM pgmq.a_{} ORDER BY msg_id", place.queue)).await;
    assert_eq!((archived, place.counts().await), (vec!["0".into(), "1".into(), "2".into()], (0, 0)));
}

/// The queue would be asked again in an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_wakes_a_receiver() {
    let Some(place) = Place::new("notified").await else { return };
    place.run(&format!("SELECT pgmq.enable_notify_insert('{}', 0)", place.queue)).await;
    let mut receiver = within(receiver(&place.url("poll=1h"), strict())).await.unwrap();
    let sender = place.sender("").await;
    for number in 0..3 {
        // It has asked once, and waits.
        let idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND application_name = 'cloudevents' AND query = 'COMMIT'";
        until(async || place.ask(idle).await != ["0"]).await;
        within(sender.send(&event(number))).await.unwrap();
        assert_eq!(take(&mut receiver).await, number.to_string());
    }
    within(receiver.drain(Duration::from_secs(5))).await.unwrap();
}

/// Long before it would ask again.
#[tokio::test]
async fn a_receiver_that_waits_ends_soon() {
    let Some(place) = Place::new("waits").await else { return };
    let mut receiver = within(receiver(&place.url("poll=1h"), strict())).await.unwrap();
    tokio::select! {
        biased;
        _ = receiver.next() => panic!("nothing is there"),
        () = tokio::task::yield_now() => {}
    }
    within(receiver.drain(patience())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why() {
    let Some(place) = Place::new("opened").await else { return };
    let (server, _) = place.database.rsplit_once('/').unwrap();
    let missing = name("missing");
    for (url, kind, word) in [
        (format!("{}?queue={missing}", place.database), ErrorKind::Refused, "pgmq.create"),
        (format!("{server}/postgres?queue=q"), ErrorKind::Refused, "install pgmq"),
        (format!("{server}/{missing}?queue=q"), ErrorKind::Refused, "create the database"),
        (format!("{}?queue=q&mode=binary", place.database), ErrorKind::InvalidUrl, "leave out"),
        ("postgres://ci@127.0.0.1:1/d?queue=q".into(), ErrorKind::Disconnected, ""),
    ] {
        let error = within(sender(&url, PgmqSenderOptions::default())).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{url}: {error}");
        assert!(error.help().unwrap_or_default().contains(word), "{url}: {error}");
        if kind != ErrorKind::InvalidUrl {
            let error = within(receiver(&url, strict())).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{url}: {error}");
        }
    }
    let undecided = within(receiver(&place.url(""), PgmqReceiverOptions::default())).await.unwrap_err();
    assert_eq!(undecided.kind(), ErrorKind::Unsupported, "{undecided}");
    let letters = place.url(&format!("dead-letter={missing}"));
    let error = within(receiver(&letters, PgmqReceiverOptions::default())).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Refused && error.detail().contains(&missing), "{error}");
    let own = place.url(&format!("dead-letter={}", place.queue.to_uppercase()));
    let error = within(receiver(&own, PgmqReceiverOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{error}");
    for query in ["lock=10ms", "poll=0s", "groups=maybe", "archive=x"] {
        let error = within(receiver(&place.url(query), strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{query}: {error}");
    }
}

/// Handlers that release, retry and reject lose nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_retries_and_rejections_under_load() {
    const COUNT: usize = 1000;
    let Some(place) = Place::new("load").await else { return };
    within(place.sender("").await.send_all((0..COUNT).map(event))).await.unwrap();
    let query = "lock=1m&reject=broker";
    let (one, other) = (place.receiver(query).await, place.receiver(query).await);
    each_message_is_settled_once(one, other, COUNT).await;
    let archived = place.ask(&format!("SELECT msg_id FROM pgmq.a_{}", place.queue)).await;
    assert_eq!((archived.len(), place.counts().await), (COUNT / 10, (0, 0)));
}
