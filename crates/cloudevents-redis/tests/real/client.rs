//! Refusals of a server, and the contents of its streams.

use crate::{
    process::Process,
    tools::{Place, event, id, large, name, next, strict, take, until, within},
};
use cloudevents_core::ErrorKind;
use cloudevents_redis::redis1::{ReceivedMessage, RedisSenderOptions, Tls, receiver, sender};
use cloudevents_testkit::{logged::Logged, tls::Authority};
use std::{collections::BTreeMap, fs, time::Duration};

type Fields = BTreeMap<String, String>;

async fn entries(place: &Place, stream: &str) -> Vec<Fields> {
    let found: Vec<(String, Fields)> = place.ask(&["XRANGE", stream, "-", "+"]).await;
    found.into_iter().map(|(_, fields)| fields).collect()
}

#[tokio::test]
async fn what_is_in_a_stream_is_what_dapr_reads_and_binary_mode_is_fields() {
    let Some(place) = Place::new("fields") else { return };
    place.sender("").await.send(&event(1)).await.unwrap();
    let receipt = place.sender("mode=binary").await.send(&large(2, 3)).await.unwrap();
    assert_eq!(receipt.place(), Some(&*place.stream));
    let wanted = [
        [
            ("content-type", "application/cloudevents+json"),
            ("data", r#"{"specversion":"1.0","id":"1","source":"/tests","type":"t"}"#),
        ]
        .as_slice(),
        &[
            ("ce-id", "2"),
            ("ce-source", "/tests"),
            ("ce-specversion", "1.0"),
            ("ce-type", "t"),
            ("content-type", "application/octet-stream"),
            ("data", "xxx"),
        ],
    ];
    let wanted = wanted
        .map(|fields| fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect());
    assert_eq!(entries(&place, &place.stream).await, wanted);
}

#[tokio::test]
async fn a_length_trims_and_is_warned_of() {
    let Some(place) = Place::new("maxlen") else { return };
    let logged = Logged::begin();
    let sender = place.sender("maxlen=10").await;
    assert!(logged.text().contains("older entries are trimmed"), "{}", logged.text());
    within(sender.send_all((0..1000).map(event))).await.unwrap();
    let length: usize = place.ask(&["XLEN", &place.stream]).await;
    assert!(length < 300, "{length}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_refuses_is_refused_and_blocks_nothing() {
    let Some(mut process) = Process::prepare(|_, _| vec!["--maxmemory".into(), "20mb".into()]) else {
        return;
    };
    process.restart();
    let place = Place { server: process.url(), stream: name("refused") };
    place.ask::<String>(&["SET", "text", "x"]).await;
    place.ask::<String>(&["ACL", "SETUSER", "reader", "on", ">s3cr3t", "~*", "+@read", "+@connection"]).await;
    let wrong =
        sender(&format!("{}/?stream=text", place.server), RedisSenderOptions::default()).await.unwrap();
    let error = within(wrong.send(&event(1))).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    let reader = place.url("").replacen("://", "://reader:s3cr3t@", 1);
    let reader = sender(&reader, RedisSenderOptions::default()).await.unwrap();
    let error = within(reader.send(&event(1))).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, false), "{error}");
    for (login, kind) in [("reader:wrong@", ErrorKind::Refused), ("stranger:s3cr3t@", ErrorKind::Refused)] {
        let url = place.url("").replacen("://", &format!("://{login}"), 1);
        let error = within(sender(&url, RedisSenderOptions::default())).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
    }
    // Full, until something is deleted. Events that come between are refused, and nothing else.
    let filling = place.sender("").await;
    let mut sent = 0;
    let error = loop {
        match within(filling.send(&large(sent, 1_000_000))).await {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, true), "{error}");
    place.ask::<usize>(&["XTRIM", &place.stream, "MAXLEN", "0"]).await;
    within(filling.send(&event("after"))).await.unwrap();
    let error = within(filling.send(&large("large", 17 << 20))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    let error = receiver(&format!("{}/?stream=text", place.server), strict()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_messages_are_letters_as_they_were_received() {
    let Some(place) = Place::new("rejecting") else { return };
    let letters = name("letters");
    place.ask::<String>(&["XADD", &place.stream, "*", "data", "no event", "own", "\u{e9}"]).await;
    place.sender("mode=binary").await.send(&event(1)).await.unwrap();
    let mut receiver = place.receiver(&format!("dead-letter={letters}")).await;
    for _ in 0..2 {
        let delivery = next(&mut receiver).await;
        assert!(delivery.received().native::<ReceivedMessage>().is_some());
        within(delivery.reject("no good")).await.unwrap();
    }
    let found = entries(&place, &letters).await;
    assert_eq!(found.len(), 2);
    let has = |index: usize, name: &str| found[index].get(name).map(String::as_str);
    assert_eq!((has(0, "data"), has(0, "own")), (Some("no event"), Some("\u{e9}")));
    assert_eq!(
        (has(0, "dead-letter-reason"), has(0, "dead-letter-error")),
        (Some("no good"), Some("not-a-cloudevent"))
    );
    assert_eq!((has(1, "ce-id"), has(1, "dead-letter-topic")), (Some("1"), Some(&*place.stream)));
    assert_eq!(place.pending("cloudevents").await, 0);
    for query in [format!("dead-letter={}", place.stream), "reject=broker".into()] {
        let error = crate::tools::receiver_error(&place.url(&query)).await;
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{error}");
    }
    place.ask::<String>(&["SET", &format!("{letters}-text"), "x"]).await;
    let error = crate::tools::receiver_error(&place.url(&format!("dead-letter={letters}-text"))).await;
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

/// A transaction would accept the message although its letter is not stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_is_not_stored_keeps_its_message() {
    let Some(place) = Place::new("kept") else { return };
    let letters = name("letters");
    place.sender("").await.send(&event(1)).await.unwrap();
    let mut receiver = place.receiver(&format!("dead-letter={letters}")).await;
    let delivery = next(&mut receiver).await;
    place.ask::<String>(&["SET", &letters, "no stream"]).await;
    assert_eq!(within(delivery.reject("no")).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(place.pending("cloudevents").await, 1);
    place.ask::<usize>(&["DEL", &letters]).await;
    // It is tried again.
    until(async || place.ask::<usize>(&["XLEN", &letters]).await == 1).await;
    until(async || place.pending("cloudevents").await == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_the_master_is_found_also_after_a_failover() {
    let Some(one) = Process::start() else { return };
    let Some(other) = Process::start() else { return };
    let at = |process: &Process| Place { server: process.url(), stream: "s".into() };
    let (one_port, other_port) = (one.port.to_string(), other.port.to_string());
    at(&one).ask::<String>(&["REPLICAOF", "127.0.0.1", &other_port]).await;
    let url = format!("redis://127.0.0.1:{one_port},127.0.0.1:{other_port}/?stream=s");
    let sending = within(sender(&url, RedisSenderOptions::default())).await.unwrap();
    let mut receiving = within(receiver(&url, strict())).await.unwrap();
    within(sending.send(&event(1))).await.unwrap();
    assert_eq!(take(&mut receiving).await, "1");
    until(async || at(&one).ask::<usize>(&["EXISTS", "s"]).await == 1).await;
    at(&one).ask::<String>(&["REPLICAOF", "NO", "ONE"]).await;
    at(&other).ask::<String>(&["REPLICAOF", "127.0.0.1", &one_port]).await;
    until(async || sending.send(&event(2)).await.is_ok()).await;
    while take(&mut receiving).await != "2" {} // settlements are replicated later
}

/// The group is gone with its stream, and so are their entries. The receiver makes both again, with a warning.
#[tokio::test]
async fn a_stream_that_was_deleted_is_made_again() {
    for is_known in [false, true] {
        deleted_and_made_again(is_known).await;
    }
}

/// The group may be there before the receiver.
async fn deleted_and_made_again(is_known: bool) {
    let Some(place) = Place::new("deleted") else { return };
    let logged = Logged::begin();
    if is_known {
        place.ask::<String>(&["XGROUP", "CREATE", &place.stream, "cloudevents", "0", "MKSTREAM"]).await;
    }
    let (sender, mut receiver) = (place.sender("").await, place.receiver("").await);
    sender.send(&event(1)).await.unwrap();
    assert_eq!(take(&mut receiver).await, "1");
    assert!(!logged.text().contains("made again"), "{}", logged.text());
    place.ask::<usize>(&["DEL", &place.stream]).await;
    let mut connectivity = receiver.connectivity();
    let taking = tokio::spawn(async move { id(&next(&mut receiver).await) });
    within(async {
        while connectivity.connects() < 2 {
            connectivity.changed().await;
        }
    })
    .await;
    sender.send(&event(2)).await.unwrap();
    assert_eq!(within(taking).await.unwrap(), "2");
    assert!(logged.text().contains("is made again"), "{}", logged.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_knows_the_server_by_its_authority() {
    let authority = Authority::new().unwrap();
    let (certificate, key) = authority.issue("localhost").unwrap();
    let tls = |port: u16, folder: &std::path::Path| {
        let file = |name: &str, pem: &str| {
            let path = folder.join(name);
            fs::write(&path, pem).unwrap();
            path.to_string_lossy().into_owned()
        };
        let arguments = [
            ("--tls-port", (port + 1).to_string()),
            ("--tls-cert-file", file("certificate", &certificate)),
            ("--tls-key-file", file("key", &key)),
            ("--tls-ca-cert-file", file("authority", &authority.pem())),
            ("--tls-auth-clients", "no".into()),
        ];
        arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    };
    let Some(mut process) = Process::prepare(tls) else { return };
    process.restart();
    let url = format!("rediss://localhost:{}/?stream=s", process.port + 1);
    let mut options = RedisSenderOptions::default();
    options.connection.tls = Tls::default().with_authorities(authority.pem());
    let mut receiving = strict();
    receiving.connection.tls = options.connection.tls.clone();
    within(sender(&url, options)).await.unwrap().send(&event(1)).await.unwrap();
    assert_eq!(take(&mut within(receiver(&url, receiving)).await.unwrap()).await, "1");
    let error = within(sender(&url, RedisSenderOptions::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    // The port without TLS, and the one with it.
    let mixed = url.replacen("rediss", "redis", 1);
    let mut options = RedisSenderOptions::default();
    options.connection.connect_timeout = Duration::from_secs(3);
    let error = within(sender(&mixed, options)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout), "{error}");
}
