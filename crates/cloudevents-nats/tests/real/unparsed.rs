//! Messages of a stream whose headers the client cannot parse: each ends the connection over which it comes.

use crate::{
    process::Process,
    tools::{create_stream, event, events, id, name, patience, put_raw, real, stream_config, strict, within},
};
use async_nats::jetstream::{Context, consumer::pull};
use cloudevents_nats::async_nats051::{NatsReceiverOptions, NatsSenderOptions, receiver, sender};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{Missing, Receiver};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// A stream on a real server, with messages that the client can parse and some that it cannot.
struct Stream {
    server: String,
    name: String,
    context: Context,
}

impl Stream {
    async fn create() -> Option<Self> {
        let (server, name) = (real()?, name("unparsed"));
        let context = create_stream(&server, &name).await;
        Some(Self { server, name, context })
    }

    fn url(&self, query: &str) -> String {
        format!("{}/{}.x{query}", self.server.replacen("nats:", "nats+jetstream:", 1), self.name)
    }

    /// Sends this many events, with ids from `first` on.
    async fn send(&self, first: usize, count: usize) {
        let sender = sender(&self.url(""), NatsSenderOptions::default()).await.unwrap();
        within(sender.send_all(events(first + count).skip(first))).await.unwrap();
    }

    async fn put(&self, headers: &[u8], payload: &[u8]) {
        let port = self.server.rsplit_once(':').unwrap().1.parse().unwrap();
        put_raw(port, &format!("{}.x", self.name), headers, payload).await;
    }

    async fn unsettled(&self) -> usize {
        let mut consumer =
            self.context.get_consumer_from_stream::<pull::Config, _, _>("c", &self.name).await.unwrap();
        consumer.info().await.unwrap().num_ack_pending
    }
}

/// What came, and how often: the ids of events, and the bodies of what is none.
#[derive(Default)]
struct Came {
    events: BTreeMap<String, usize>,
    others: BTreeMap<String, usize>,
}

impl Came {
    /// Takes and accepts messages until these many different ones have come, and none for a while.
    async fn all(receiver: &mut Receiver, events: usize, others: usize) -> Self {
        let mut came = Self::default();
        let is_complete = |came: &Self| came.events.len() >= events && came.others.len() >= others;
        loop {
            let pause = if is_complete(&came) { Duration::from_secs(1) } else { patience() };
            let Ok(next) = timeout(pause, receiver.next()).await else { break };
            let delivery = next.unwrap().unwrap();
            let is_event = delivery.event().is_ok();
            let (of, name) = match is_event {
                true => (&mut came.events, id(&delivery)),
                false => (&mut came.others, String::from_utf8(delivery.body().unwrap().to_vec()).unwrap()),
            };
            let accepted = delivery.accept().await;
            if let Err(error) = &accepted {
                assert_eq!(error.kind(), cloudevents_core::ErrorKind::Disconnected);
            }
            // What ends a connection may take the settlement along. Then an event comes again; that of the others is made again.
            if accepted.is_ok() || !is_event {
                *of.entry(name).or_default() += 1;
            }
        }
        assert!(
            is_complete(&came),
            "{} events and {:?} of {events} and {others}",
            came.events.len(),
            came.others
        );
        came
    }
}

/// Header blocks that the client cannot parse.
const UNPARSED: [&[u8]; 6] = [
    b"NATS/1.0\r\nx: \xff\xfe\r\nce-id: 1\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\n\r\n",
    b"NATS/1.0\r\nbad name: x\r\n\r\n",
    b"NATS/2.0\r\nce-id: 1\r\n\r\n",
    b"NATS/1.0 later\r\nce-id: 1\r\n\r\n",
    b"NATS/1.0\r\nx: a\rb\r\n\r\n",
];

/// With the default options, but a shorter `ack-wait`.
#[tokio::test]
async fn one_is_delivered_as_malformed_and_what_came_with_it_comes_again() {
    let logged = Logged::begin();
    let Some(stream) = Stream::create().await else { return };
    stream.send(0, 300).await;
    stream.put(UNPARSED[0], b"poison").await;
    stream.send(300, 300).await;
    let mut receiver = receiver(&stream.url("?consumer=c&ack-wait=2s"), strict()).await.unwrap();
    let came = Came::all(&mut receiver, 600, 1).await;
    assert_eq!(came.others.into_iter().collect::<Vec<_>>(), [("poison".to_owned(), 1)]);
    let losses = receiver.connectivity().losses();
    assert_eq!((losses, stream.unsettled().await), (1, 0));
    let logged = logged.text();
    assert!(logged.contains("cannot parse") && logged.contains("sequence=301"), "{logged}");
}

/// Each of them ends a connection, alone and side by side.
#[tokio::test]
async fn many_of_all_kinds_stop_nothing() {
    let Some(stream) = Stream::create().await else { return };
    for (number, headers) in UNPARSED.into_iter().cycle().take(18).enumerate() {
        stream.put(headers, format!("poison {number}").as_bytes()).await;
        if number % 3 == 0 {
            stream.send(number * 10, 10).await;
        }
    }
    let mut receiver = receiver(&stream.url("?consumer=c&ack-wait=2s"), strict()).await.unwrap();
    let came = Came::all(&mut receiver, 60, 18).await;
    assert!(came.others.values().all(|times| *times <= 2), "{:?}", came.others);
    // An acknowledgement that the next one of them took along is made again.
    let begun = Instant::now();
    while stream.unsettled().await > 0 {
        assert!(begun.elapsed() < patience(), "{}", receiver.metrics());
        if let Ok(next) = timeout(Duration::from_secs(1), receiver.next()).await {
            drop(next.unwrap().unwrap().accept().await);
        }
    }
}

/// Whatever a block of headers has: each message comes, from the client or read from the stream. What is read is what ended a connection.
#[tokio::test]
async fn any_block_of_headers_arrives_once() {
    const PARTS: [&[u8]; 20] = [
        b"NATS/1.0",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"a",
        b"ce-id",
        b":",
        b": ",
        b" ",
        b"\t",
        b"\xc3\xa9",
        b"\xff",
        b"\xc2\xa0",
        b"\0",
        b"200",
        b"503 x",
        b"99",
        b"\"",
        b"\x7f",
    ];
    let Some(stream) = Stream::create().await else { return };
    let (mut seed, count) = (0x9E37_79B9_7F4A_7C15_u64, 60);
    let mut below = |end: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % end
    };
    for number in 0..count {
        let mut headers = if below(8) > 0 { b"NATS/1.0\r\n".to_vec() } else { Vec::new() };
        (0..below(6)).for_each(|_| headers.extend_from_slice(PARTS[below(PARTS.len())]));
        headers.extend_from_slice(b"\r\n\r\n");
        stream.put(&headers, number.to_string().as_bytes()).await;
    }
    let mut receiver = receiver(&stream.url("?consumer=c&ack-wait=2s&prefetch=1"), strict()).await.unwrap();
    let (mut came, mut unparsed) = (BTreeMap::new(), 0);
    while came.len() < count {
        let delivery = within(receiver.next()).await.unwrap().unwrap();
        *came.entry(delivery.body().unwrap()).or_insert(0) += 1;
        unparsed += u64::from(delivery.event().unwrap_err().to_string().contains("cannot parse"));
        delivery.accept().await.unwrap();
    }
    assert!(came.values().all(|times| *times == 1), "{came:?}");
    assert!(unparsed > 10 && unparsed < count as u64 - 10, "{unparsed}");
    assert!(receiver.connectivity().losses() >= unparsed);
}

/// One with a space of Unicode.
#[tokio::test]
async fn so_does_a_subject_that_the_client_cannot_parse() {
    let Some(stream) = Stream::create().await else { return };
    let url = format!(
        "{}/?stream={}&consumer=c&ack-wait=2s",
        stream.url("").rsplit_once('/').unwrap().0,
        stream.name
    );
    let mut receiver = receiver(&url, strict()).await.unwrap();
    stream.send(0, 5).await;
    let port = stream.server.rsplit_once(':').unwrap().1.parse().unwrap();
    put_raw(port, &format!("{}.a\u{a0}b", stream.name), b"NATS/1.0\r\nce-id: 1\r\n\r\n", b"space").await;
    stream.send(5, 5).await;
    let came = Came::all(&mut receiver, 10, 1).await;
    assert_eq!(came.others.into_iter().collect::<Vec<_>>(), [("space".to_owned(), 1)]);
}

/// As a rejected message that the program has seen.
#[tokio::test]
async fn one_becomes_a_dead_letter() {
    let Some(stream) = Stream::create().await else { return };
    stream.put(b"NATS/1.0\r\nx-kept: yes\r\nbad: \xff\r\n\r\n", b"poison").await;
    let query = format!("?consumer=c&ack-wait=2s&dead-letter={}.letters", stream.name);
    let receiver = receiver(&stream.url(&query), NatsReceiverOptions::default()).await.unwrap();
    let running =
        tokio::spawn(receiver.run(async |_: cloudevents_core::Event| Ok::<_, cloudevents_core::Error>(())));
    let letter = within(async {
        loop {
            let raw = stream.context.get_stream(&stream.name).await.unwrap();
            match raw.get_last_raw_message_by_subject(&format!("{}.letters", stream.name)).await {
                Ok(letter) => break letter,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await, // between two tries
            }
        }
    })
    .await;
    assert_eq!(
        (&letter.payload[..], letter.headers.get("x-kept").unwrap().as_str()),
        (&b"poison"[..], "yes")
    );
    within(async {
        while stream.unsettled().await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await; // between two tries
        }
    })
    .await;
    running.abort();
}

/// One that is released comes again, as every other one.
#[tokio::test]
async fn one_that_is_released_comes_again() {
    let Some(stream) = Stream::create().await else { return };
    stream.put(UNPARSED[1], b"poison").await;
    let mut receiver = receiver(&stream.url("?consumer=c&ack-wait=2s"), strict()).await.unwrap();
    for _ in 0..3 {
        let delivery = within(receiver.next()).await.unwrap().unwrap();
        assert!(delivery.event().is_err() && delivery.body().unwrap() == "poison");
        drop(delivery);
    }
    let delivery = within(receiver.next()).await.unwrap().unwrap();
    delivery.accept().await.unwrap();
    stream.send(0, 1).await;
    assert_eq!(id(&within(receiver.next()).await.unwrap().unwrap()), "0");
}

/// As a redrive does, whose target takes none of them. What is released with it is there for the next receiver, long before `ack_wait`.
#[tokio::test]
async fn one_that_is_held_until_the_end_keeps_back_no_other() {
    let Some(stream) = Stream::create().await else { return };
    let url = stream.url("?consumer=c&ack-wait=300s");
    stream.send(0, 4).await;
    stream.put(UNPARSED[0], b"poison").await;
    let mut first = receiver(&url, strict()).await.unwrap();
    let mut held = Vec::new();
    while held.len() < 5 {
        held.push(within(first.next()).await.unwrap().unwrap());
    }
    drop(held);
    within(first.drain(patience())).await.unwrap();
    let mut second = receiver(&url, strict()).await.unwrap();
    let came = Came::all(&mut second, 4, 1).await;
    assert_eq!((came.events.len(), came.others.len()), (4, 1));
}

/// Who may not read the stream does not find it: all others come, and the receiver says what to do.
#[tokio::test]
async fn without_the_right_to_find_one_only_that_one_does_not_come() {
    let logged = Logged::begin();
    let started = Process::start_with(|folder| {
        let config = folder.join("users.conf");
        let text = r#"authorization { users = [ { user: root, password: p }, { user: alice, password: p, permissions: { publish: { deny: "$JS.API.STREAM.MSG.GET.>" } } } ] }"#;
        std::fs::write(&config, text).unwrap();
        vec!["--config".into(), config.to_str().unwrap().into()]
    });
    let Some(server) = started else { return };
    let as_user = |user: &str| server.url().replace("nats://", &format!("nats://{user}:p@"));
    let root = async_nats::ConnectOptions::with_user_and_password("root".into(), "p".into());
    let context = async_nats::jetstream::new(root.connect(server.url()).await.unwrap());
    context.create_stream(stream_config("S")).await.unwrap();
    let url = |user: &str, query: &str| {
        format!("{}/S.x{query}", as_user(user).replacen("nats:", "nats+jetstream:", 1))
    };
    let sending = sender(&url("root", ""), NatsSenderOptions::default()).await.unwrap();
    within(sending.send_all(events(20))).await.unwrap();
    put_raw_as(&server.url(), "S.x", UNPARSED[0]).await;
    within(sending.send_all(events(40).skip(20))).await.unwrap();
    let mut receiver = receiver(&url("alice", "?consumer=c&ack-wait=2s"), strict()).await.unwrap();
    let came = Came::all(&mut receiver, 40, 0).await;
    assert!(came.others.is_empty());
    // An event may come again whose settlement was lost. When none can, that one is left.
    let mut connectivity = receiver.connectivity();
    within(async {
        while connectivity.missing() != Some(Missing::Unreadable) {
            tokio::select! {
                () = connectivity.changed() => (),
                again = receiver.next() => drop(again.unwrap().unwrap().accept().await),
            }
        }
    })
    .await;
    // It goes on.
    within(sending.send(&event("later"))).await.unwrap();
    let came = Came::all(&mut receiver, 1, 0).await;
    assert!(came.events.contains_key("later"));
    let logged = logged.text();
    assert!(logged.contains("$JS.API.STREAM.MSG.GET.S"), "{logged}");
}

/// Publishes without a payload, as the user `root`.
async fn put_raw_as(server: &str, subject: &str, headers: &[u8]) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = server.strip_prefix("nats://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut bytes =
        b"CONNECT {\"verbose\":false,\"headers\":true,\"user\":\"root\",\"pass\":\"p\"}\r\n".to_vec();
    bytes.extend_from_slice(format!("HPUB {subject} {0} {0}\r\n", headers.len()).as_bytes());
    bytes.extend_from_slice(headers);
    bytes.extend_from_slice(b"\r\nPING\r\n");
    stream.write_all(&bytes).await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"PONG\r\n") {
        assert_ne!(within(stream.read_buf(&mut said)).await.unwrap(), 0);
    }
}
