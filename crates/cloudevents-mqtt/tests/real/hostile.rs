//! A broker, or what stands in its place, that sends what it should not.

use crate::tools::{connected_again, event, id, next, receiver_from, sender_to, strict, until, within};
use cloudevents_core::ErrorKind;
use cloudevents_mqtt::rumqttc_next034::{MqttSenderOptions, receiver, sender};
use cloudevents_testkit::{
    heap,
    logged::Logged,
    mqtt::{Broker, Published},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// PUBLISH of QoS 1 with these bytes behind the packet identifier.
fn message(id: u16, rest: &[u8]) -> Vec<u8> {
    let mut body = b"\0\x01t".to_vec();
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(rest);
    let mut packet = vec![0x32];
    let mut length = body.len();
    while length > 0x7f {
        packet.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend(body);
    packet
}

#[tokio::test]
async fn a_message_that_cannot_be_read_surfaces_and_blocks_nothing() {
    let broker = Broker::start().unwrap();
    let mut options = strict();
    options.max_packet_size = Some(4 << 20);
    let mut receiver = receiver(&format!("{}?client=c", broker.url("t")), options).await.unwrap();
    let flood = {
        let properties = b"\x26\0\0\0\0".repeat((1 << 20) / 5 + 1);
        let length = properties.len();
        let mut rest =
            vec![(length & 0x7f) as u8 | 0x80, (length >> 7 & 0x7f) as u8 | 0x80, (length >> 14) as u8];
        rest.extend(properties);
        rest.push(b'x');
        rest
    };
    let cases: [(&[u8], ErrorKind, &[u8]); 6] = [
        (b"\x05\x26\0\x01\xff\0x", ErrorKind::InvalidDocument, b"x"), // a name that is not UTF-8, and too short
        (b"\x06\x26\0\x01\xff\0\0x", ErrorKind::InvalidDocument, b"x"),
        (b"\x02\x7f\x01x", ErrorKind::InvalidDocument, b"x"), // no such property
        (b"\x05\x03\0\x02a\0x", ErrorKind::InvalidDocument, b"x"), // NUL
        (&flood, ErrorKind::TooLarge, b"x"),
        (&[b'x'; 5 << 20], ErrorKind::TooLarge, b""),
    ];
    for (number, (rest, kind, body)) in (1..).zip(cases) {
        assert!(broker.send_raw("c", &message(number, rest)));
        let delivery = next(&mut receiver).await;
        let error = delivery.event().unwrap_err();
        assert_eq!(error.kind(), kind, "{number}: {error}");
        assert_eq!(&delivery.body().unwrap()[..], body, "{number}");
        within(delivery.reject("unreadable")).await.unwrap();
    }
    // The connection is the same, and all were acknowledged in order.
    assert_eq!(receiver.connectivity().losses(), 0);
    within(sender_to(&broker, "t").await.send(&event("after"))).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!(id(&delivery), "after");
    within(delivery.accept()).await.unwrap();
    until(&broker, "c", |session| session.is_some_and(|session| session.unacknowledged == 0)).await;
}

#[tokio::test]
async fn what_is_no_packet_ends_the_connection_and_not_the_receiver() {
    let broker = Broker::start().unwrap();
    let mut receiver = receiver_from(&broker, "t", "c").await;
    for (losses, bytes) in
        (1..).zip([&b"\x36\x05\0\x01t\0\x01"[..], b"\x30\xff\xff\xff\xff\x7f", b"\x00\x00"])
    {
        assert!(broker.send_raw("c", bytes));
        within(async {
            let mut connectivity = receiver.connectivity();
            while connectivity.losses() < losses {
                connectivity.changed().await;
            }
        })
        .await;
        within(sender_to(&broker, "t").await.send(&event(losses))).await.unwrap();
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), losses.to_string());
        within(delivery.accept()).await.unwrap();
    }
}

/// Confirmations of what was never sent, and packets that a server must not send.
#[tokio::test]
async fn confirmations_of_nothing_are_ignored() {
    let broker = Broker::start().unwrap();
    let mut options = MqttSenderOptions::default();
    options.connection.client = Some("s".into());
    let sender = sender(&broker.url("t"), options).await.unwrap();
    for kind in [0x40, 0x50, 0x62, 0x70] {
        for id in [1_u16, 7, u16::MAX] {
            let [high, low] = id.to_be_bytes();
            assert!(broker.send_raw("s", &[kind, 2, high, low]));
        }
    }
    within(sender.send(&event(1))).await.unwrap();
    assert!(broker.send_raw("s", b"\x90\x04\xff\xff\0\x01"));
    broker.publish(Published::new("cloudevents/replies/s", "x"));
    within(sender.send(&event(2))).await.unwrap();
    assert_eq!(sender.connectivity().losses(), 0);
}

/// A flood of packets that are answered, to a client whose answers are not read.
#[tokio::test]
async fn answers_that_are_not_read_do_not_pile_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}/t?client=c", listener.local_addr().unwrap());
    let flooding = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 1024];
        let _ = stream.read(&mut bytes).await.unwrap();
        stream.write_all(b"\x20\x03\0\0\0").await.unwrap();
        let _ = stream.read(&mut bytes).await.unwrap();
        stream.write_all(b"\x90\x04\xff\xff\0\x01").await.unwrap();
        // PUBREL, each of which is answered with PUBCOMP.
        let release = b"\x62\x02\0\x01".repeat(1 << 16);
        let mut written = 0_usize;
        while let Ok(result) = tokio::time::timeout(Duration::from_secs(1), stream.write_all(&release)).await
        {
            result.unwrap();
            written += release.len();
            assert!(written < 256 << 20, "the client reads whatever comes");
        }
    });
    let receiver = receiver(&url, strict()).await.unwrap();
    within(flooding).await.unwrap();
    drop(receiver);
}

#[tokio::test]
async fn a_peer_of_another_protocol_is_an_error() {
    for answer in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x20\x02\0\x01", b"\x20\x02\0\x07", b"", b"\xd0\0"]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("mqtt://{}/t", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 1024];
            let _ = stream.read(&mut bytes).await.unwrap();
            stream.write_all(answer).await.unwrap();
        });
        let error = within(sender(&url, MqttSenderOptions::default())).await.unwrap_err();
        let expected = match answer {
            b"\x20\x02\0\x01" => ErrorKind::Unsupported, // MQTT 3.1.1 only
            _ => ErrorKind::Disconnected,
        };
        assert_eq!(error.kind(), expected, "{answer:?}: {error}");
    }
}

/// MQTT 5.0 allows it over another connection only (section 4.4), and some brokers do it when an acknowledgement takes long.
#[tokio::test]
async fn what_is_sent_again_over_the_same_connection_is_the_same_message() {
    let broker = Broker::start().unwrap();
    let mut receiver = receiver_from(&broker, "t", "c").await;
    let first = message(7, b"\0first");
    let again = [&[first[0] | 0x08], &first[1..]].concat();
    assert!(broker.send_raw("c", &first));
    let held = next(&mut receiver).await;
    for packet in [&again, &again, &message(8, b"\0second")] {
        assert!(broker.send_raw("c", packet));
    }
    let second = next(&mut receiver).await;
    assert_eq!((&held.body().unwrap()[..], &second.body().unwrap()[..]), (&b"first"[..], &b"second"[..]));
    within(held.accept()).await.unwrap();
    within(second.accept()).await.unwrap();
    // Once it is acknowledged, its identifier is free for another message (section 4.3.2).
    assert!(broker.send_raw("c", &message(7, b"\0third")));
    let third = next(&mut receiver).await;
    assert_eq!(&third.body().unwrap()[..], b"third");
    within(third.accept()).await.unwrap();
    assert_eq!(receiver.connectivity().losses(), 0);
}

/// The receiver logs a warning, and receives what comes.
#[tokio::test]
async fn a_session_that_is_not_as_it_was_is_reported() {
    let logged = Logged::begin();
    let mut broker = Broker::start().unwrap();
    drop(receiver_from(&broker, "old/+", "c").await);
    until(&broker, "c", |session| session.is_some_and(|session| !session.connected)).await;
    let mut receiver = receiver_from(&broker, "new/+", "c").await;
    assert!(!logged.text().contains("another subscription"), "{}", logged.text());
    for topic in ["old/1", "old/2", "new/1"] {
        within(sender_to(&broker, topic).await.send(&event(topic))).await.unwrap();
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), topic);
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(logged.text().matches("another subscription").count(), 1, "{}", logged.text());

    // The broker forgets.
    broker.stop();
    broker.forget();
    broker.restart().unwrap();
    until(&broker, "c", |session| session.is_some_and(|session| !session.filters.is_empty())).await;
    within(sender_to(&broker, "new/2").await.send(&event("after"))).await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "after");
    assert_eq!(logged.text().matches("has lost the session").count(), 1, "{}", logged.text());
}

/// Otherwise both would take it from each other for ever.
#[tokio::test]
async fn a_session_that_another_client_takes_over_is_left_to_it() {
    let broker = Broker::start().unwrap();
    let mut first = receiver_from(&broker, "t", "c").await;
    let mut second = receiver_from(&broker, "t", "c").await;
    let error = within(first.next()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("session taken over"), "{error}");
    assert!(first.connectivity().state().is_failed());
    within(sender_to(&broker, "t").await.send(&event(1))).await.unwrap();
    within(next(&mut second).await.accept()).await.unwrap();
    assert_eq!(second.connectivity().losses(), 0);
    // A program that goes on takes it back.
    within(sender_to(&broker, "t").await.send(&event(2))).await.unwrap();
    assert_eq!(id(&next(&mut first).await), "2");
    let error = loop {
        if let Err(error) = within(second.next()).await {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

/// Reads what a client sends, and answers with these bytes.
async fn answer(stream: &mut TcpStream, bytes: &[u8]) {
    let mut read = [0; 1024];
    assert!(stream.read(&mut read).await.unwrap() > 0);
    stream.write_all(bytes).await.unwrap();
}

/// The client's own writing may fail before it has read why the broker has closed the connection.
#[tokio::test]
async fn a_session_that_is_taken_over_while_nothing_is_read_is_left_to_the_other_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}/t?client=c&keep-alive=1s", listener.local_addr().unwrap());
    let mut options = strict();
    options.receiver.in_flight.bytes = 1;
    let broker = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream, b"\x20\x03\0\0\0").await;
        answer(&mut stream, b"\x90\x04\xff\xff\0\x01").await;
        let sent = [&message(1, b"\0one")[..], &message(2, b"\0two"), b"\xe0\x02\x8e\0"].concat();
        stream.write_all(&sent).await.unwrap();
    };
    let (receiver, ()) = tokio::join!(receiver(&url, options), broker);
    let mut receiver = receiver.unwrap();
    let again = tokio::time::timeout(Duration::from_secs(3), listener.accept()).await;
    assert!(again.is_err(), "it takes the session back");
    let error = loop {
        if let Err(error) = within(receiver.next()).await {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

/// The session that the failed attempt made is not the one that was lost.
#[tokio::test]
async fn a_session_that_was_lost_is_reported_when_the_next_subscription_fails() {
    let logged = Logged::begin();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}/t?client=c", listener.local_addr().unwrap());
    let broker = async {
        for (present, granted) in [(0, 1), (0, 0x87), (1, 1)] {
            let (mut stream, _) = listener.accept().await.unwrap();
            answer(&mut stream, &[0x20, 3, present, 0, 0]).await;
            answer(&mut stream, &[0x90, 4, 0xff, 0xff, 0, granted]).await;
            if present == 1 {
                return stream;
            }
        }
        unreachable!()
    };
    let receiving = async {
        let receiver = receiver(&url, strict()).await.unwrap();
        connected_again(&receiver).await;
        receiver
    };
    let _both = within(async { tokio::join!(receiving, broker) }).await;
    assert_eq!(logged.text().matches("has lost the session").count(), 1, "{}", logged.text());
}

/// Brokers end the connection of a client that is silent for one and a half of its Keep Alive.
#[tokio::test]
async fn a_client_that_waits_behind_a_backlog_for_its_subscription_is_not_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}/t?client=c&keep-alive=8s", listener.local_addr().unwrap());
    let mut options = strict();
    options.connection.connect_timeout = Duration::from_secs(40);
    let broker = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream, b"\x20\x03\x01\0\0").await;
        answer(&mut stream, &message(1, b"\0one")).await;
        let mut bytes = [0; 2];
        let heard = tokio::time::timeout(Duration::from_secs(12), stream.read(&mut bytes)).await;
        assert!(heard.is_ok_and(|read| read.is_ok()), "it is silent");
        assert_eq!(bytes, *b"\xc0\0");
    };
    let (receiver, ()) = within(async { tokio::join!(receiver(&url, options), broker) }).await;
    receiver.unwrap();
}

/// MQTT 5.0, section 3.2.2.3.14: such a broker would end the connection at each message.
#[tokio::test]
async fn a_broker_that_keeps_no_messages_is_an_error_when_opening() {
    for (query, opens) in [("", true), ("&retain=true", false)] {
        let url = silent(b"\x20\x05\0\0\x02\x25\0").await + query;
        match within(sender(&url, MqttSenderOptions::default())).await {
            Ok(_) => assert!(opens, "{query}"),
            Err(error) => assert_eq!((error.kind(), opens), (ErrorKind::Unsupported, false), "{error}"),
        }
    }
}

/// A broker that grants this CONNACK and the subscription, and says nothing more.
async fn silent(connack: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}/t?client=c&keep-alive=1s", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut bytes = [0; 1024];
                for said in [connack, b"\x90\x04\xff\xff\0\x01"] {
                    if stream.read(&mut bytes).await.is_err() || stream.write_all(said).await.is_err() {
                        return;
                    }
                }
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    url
}

/// The broker's Keep Alive is the longest that it permits (MQTT 5.0, section 3.2.2.3.14). The client's own stays.
#[tokio::test]
async fn a_broker_cannot_switch_off_the_watch_over_the_connection() {
    for connack in [&b"\x20\x06\0\0\x03\x13\0\0"[..], b"\x20\x06\0\0\x03\x13\xff\xff"] {
        let receiver = receiver(&silent(connack).await, strict()).await.unwrap();
        let mut connectivity = receiver.connectivity();
        within(async {
            while connectivity.losses() == 0 {
                connectivity.changed().await;
            }
        })
        .await;
    }
}

/// What comes before the subscription is confirmed is kept only if a receiver needs it.
#[test]
fn a_flood_before_the_subscription_is_confirmed_is_not_kept() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}/t?client=c", listener.local_addr().unwrap());
    let flooding = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 1024];
        let _ = stream.read(&mut bytes).unwrap();
        stream.write_all(b"\x20\x03\0\0\0").unwrap();
        let _ = stream.read(&mut bytes).unwrap();
        stream.write_all(&b"\xd0\0".repeat(1 << 19)).unwrap();
        stream.write_all(b"\x90\x04\xff\xff\0\x01").unwrap();
        let _ = stream.read(&mut bytes); // until the client is gone
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let heap = heap::of(|| runtime.block_on(within(receiver(&url, strict()))).unwrap());
    assert!(heap.peak < 4 << 20, "{}", heap.peak);
    drop(runtime);
    flooding.join().unwrap();
}

/// Empty properties take memory, too.
#[tokio::test]
async fn empty_properties_count_among_the_bytes_in_flight() {
    const COUNT: usize = 10_000;
    let broker = Broker::start().unwrap();
    let mut receiver = receiver_from(&broker, "t", "c").await;
    let length = COUNT * 5;
    let mut rest =
        vec![(length & 0x7f) as u8 | 0x80, (length >> 7 & 0x7f) as u8 | 0x80, (length >> 14) as u8];
    rest.extend(b"\x26\0\0\0\0".repeat(COUNT));
    assert!(broker.send_raw("c", &message(1, &rest)));
    let delivery = next(&mut receiver).await;
    let size = delivery.received().size();
    assert!(size >= COUNT * 2 * size_of::<String>(), "{size}");
    within(delivery.reject("x")).await.unwrap();
}

/// The frame, which any part of it keeps, and each text that was copied from it.
#[tokio::test]
async fn all_that_a_message_keeps_counts_among_the_bytes_in_flight() {
    let broker = Broker::start().unwrap();
    let mut options = strict();
    options.max_packet_size = Some(4 << 20);
    let mut receiver = receiver(&format!("{}?client=c", broker.url("t")), options).await.unwrap();
    let text = |kind: u8| [&[kind][..], &60_000_u16.to_be_bytes(), &[b'x'; 60_000]].concat();
    let texts = [text(0x03), text(0x08)].concat(); // content type and response topic
    let unread = b"\x26\0\0\0\0".repeat((2 << 20) / 5);
    for (number, properties, payload, least) in
        [(1, texts, &b""[..], 240_000), (2, unread.clone(), b"x", unread.len()), (3, unread, b"", 1)]
    {
        let length = properties.len();
        let size = [(length & 0x7f) as u8 | 0x80, (length >> 7 & 0x7f) as u8 | 0x80, (length >> 14) as u8];
        assert!(broker.send_raw("c", &message(number, &[&size[..], &properties, payload].concat())));
        let delivery = next(&mut receiver).await;
        let size = delivery.received().size();
        assert!((least..least + 1000).contains(&size), "{number}: {size}");
        within(delivery.reject("x")).await.unwrap();
    }
}

/// What is read in one piece is in one buffer, which any part of it keeps.
#[test]
fn a_small_message_does_not_keep_the_buffer_of_a_large_one() {
    const COUNT: u16 = 8;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}/t?client=c", listener.local_addr().unwrap());
    let broker = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 1024];
        let _ = stream.read(&mut bytes).unwrap();
        stream.write_all(b"\x20\x03\0\0\0").unwrap();
        let _ = stream.read(&mut bytes).unwrap();
        stream.write_all(b"\x90\x04\xff\xff\0\x01").unwrap();
        for pair in 0..COUNT {
            let large = message(2 * pair + 1, &[&b"\0"[..], &[b'x'; 3 << 20]].concat());
            stream.write_all(&[large, message(2 * pair + 2, b"\0x")].concat()).unwrap();
        }
        while stream.read(&mut bytes).is_ok_and(|read| read > 0) {} // until the client is gone
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let heap = heap::of(|| {
        runtime.block_on(async {
            let mut receiver = receiver(&url, strict()).await.unwrap();
            let mut held = Vec::new();
            for _ in 0..COUNT {
                within(next(&mut receiver).await.reject("large")).await.unwrap();
                held.push(next(&mut receiver).await);
            }
            (receiver, held)
        })
    });
    assert!(heap.held < 4 << 20, "{}", heap.held);
    drop(runtime);
    broker.join().unwrap();
}

/// One text for all codes, of which only the last one counts.
#[test]
fn a_refused_subscription_with_many_codes_costs_no_more_than_itself() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}/t?client=c", listener.local_addr().unwrap());
    let broker = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 1024];
        let _ = stream.read(&mut bytes).unwrap();
        stream.write_all(b"\x20\x03\0\0\0").unwrap();
        let _ = stream.read(&mut bytes).unwrap();
        // 66,543 bytes, of which 65,538 are the Reason String.
        stream.write_all(b"\x90\xef\x87\x04\xff\xff\x82\x80\x04\x1f\xff\xff").unwrap();
        stream.write_all(&[&[b'x'; 65_535][..], &[0x80; 1000]].concat()).unwrap();
        let _ = stream.read(&mut bytes); // until the client is gone
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let heap = heap::of(|| {
        let error = runtime.block_on(within(receiver(&url, strict()))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    });
    assert!(heap.peak < 2 << 20, "{}", heap.peak);
    drop(runtime);
    broker.join().unwrap();
}

/// MQTT 5.0, section 3.2.2.3.2: the broker's Session Expiry Interval holds.
#[tokio::test]
async fn a_broker_that_keeps_the_session_for_less_is_reported_and_one_that_does_not_is_an_error() {
    let logged = Logged::begin();
    for (connack, query, opens) in [
        (&b"\x20\x08\0\0\x05\x11\0\0\0\0"[..], "", false),
        (b"\x20\x08\0\0\x05\x11\0\0\0\0", "&qos=0", true),
        (b"\x20\x08\0\0\x05\x11\0\0\0\0", "&session=0s", true),
        (b"\x20\x08\0\0\x05\x11\0\x01\x51\x80", "", true), // 24 hours
        (b"\x20\x03\0\0\0", "&session=168h", true),
    ] {
        match within(receiver(&(silent(connack).await + query), strict())).await {
            Ok(_) => assert!(opens, "{query}"),
            Err(error) => assert_eq!((error.kind(), opens), (ErrorKind::Unsupported, false), "{error}"),
        }
    }
    assert!(!logged.text().contains("keeps the session"), "{}", logged.text());
    let url = silent(b"\x20\x08\0\0\x05\x11\0\x01\x51\x80").await + "&session=168h";
    let receiver = receiver(&url, strict()).await.unwrap();
    let text = logged.text();
    assert!(text.matches("keeps the session").count() == 1 && text.contains("86400"), "{text}");
    drop(receiver);
}

/// A CONNECT that the broker has answered, though with "not now" or a reason that MQTT does not have, is none that it reads later.
#[tokio::test]
async fn a_session_that_another_client_takes_over_behind_refusals_is_left_to_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("mqtt://{address},{address},{address}/t?client=c");
    let broker = async {
        for reason in [0x89, 0x70] {
            let (mut busy, _) = listener.accept().await.unwrap();
            answer(&mut busy, &[0x20, 3, 0, reason, 0]).await;
        }
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream, b"\x20\x03\0\0\0").await;
        answer(&mut stream, b"\x90\x04\xff\xff\0\x01").await;
        stream.write_all(b"\xe0\x02\x8e\0").await.unwrap();
        let again = tokio::time::timeout(Duration::from_secs(3), listener.accept()).await;
        assert!(again.is_err(), "it takes the session back");
    };
    let receiving = async {
        let mut receiver = receiver(&url, strict()).await.unwrap();
        let error = receiver.next().await.unwrap_err();
        assert_eq!((error.kind(), receiver.connectivity().losses()), (ErrorKind::Refused, 1), "{error}");
    };
    within(async { tokio::join!(receiving, broker) }).await;
}

/// A broker that stood still reads a CONNECT that was given up, and takes the session from the living connection for it.
#[tokio::test]
async fn a_session_that_an_own_attempt_takes_over_is_taken_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("mqtt://{address},{address},{address}/t?client=c");
    let mut options = strict();
    options.connection.connect_timeout = Duration::from_secs(3);
    let broker = async {
        let (_silent, _) = listener.accept().await.unwrap();
        // What stands between may close the connection, and the broker has CONNECT all the same.
        let (mut closed, _) = listener.accept().await.unwrap();
        assert!(closed.read(&mut [0; 1024]).await.unwrap() > 0);
        drop(closed);
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            answer(&mut stream, b"\x20\x03\0\0\0").await;
            answer(&mut stream, b"\x90\x04\xff\xff\0\x01").await;
            stream.write_all(b"\xe0\x02\x8e\0").await.unwrap();
        }
        // Another client's.
        let again = tokio::time::timeout(Duration::from_secs(3), listener.accept()).await;
        assert!(again.is_err(), "it takes the session back");
    };
    let receiving = async {
        let mut receiver = receiver(&url, options).await.unwrap();
        let error = receiver.next().await.unwrap_err();
        assert_eq!((error.kind(), receiver.connectivity().losses()), (ErrorKind::Refused, 3), "{error}");
    };
    within(async { tokio::join!(receiving, broker) }).await;
}
