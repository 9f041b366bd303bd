//! Incidents of connections, over Kafka: the embedded broker, and the one that `CE_TEST_KAFKA_URL` names.

use crate::broker::{Topic, event, event_with, next, number, patience, soon};
use cloudevents_core::{Error, ErrorKind, Event};
use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, KafkaSenderOptions, receiver, sender};
use cloudevents_testkit::{
    fault_proxy::FaultProxy,
    incidents::{Patience, Proxied, check_all, check_replaced},
    kafka::Broker,
};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue},
};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// A topic whose broker is reached through a proxy only.
struct Place {
    topic: Topic,
    proxy: FaultProxy,
    patience: Patience,
}

impl Place {
    async fn new(topic: Topic, patience: Patience) -> Result<Self, Error> {
        let broker: SocketAddr =
            Endpoint::parse(&topic.url("")).unwrap().host().unwrap().to_string().parse().unwrap();
        let (relay, port) = relay(broker).await.unwrap();
        let proxy = FaultProxy::start(relay).unwrap();
        port.set(proxy.address().port()).unwrap();
        Ok(Self { topic, proxy, patience })
    }

    fn url(&self, query: &str) -> String {
        let direct = Endpoint::parse(&self.topic.url("")).unwrap().host().unwrap().to_string();
        self.topic.url(query).replace(&direct, &self.proxy.address().to_string())
    }

    /// A request without a response is a lost connection.
    fn silence(&self) -> String {
        self.patience.silence.as_millis().to_string()
    }
}

impl Venue for Place {
    fn claims(&self) -> Claims {
        Claims::default()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = KafkaSenderOptions::default();
        options.sender.timeout = Some(self.patience.send);
        options.sender.enqueue_timeout = self.patience.send;
        options.config.set("socket.timeout.ms", self.silence());
        options.config.set("request.timeout.ms", self.silence());
        sender(&self.url("key=partitionkey"), options).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = KafkaReceiverOptions::from(options);
        options.config.set("socket.timeout.ms", self.silence());
        // A session outlasts the stall that is to cost nothing, also of four seconds on a busy machine.
        let url = self.url(&format!(
            "group={}&reject=drop&session.timeout.ms=5000&max.poll.interval.ms=8000&heartbeat.interval.ms=300",
            self.topic.group()
        ));
        receiver(&url, options).await
    }
}

impl Proxied for Place {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }

    fn shows_each_loss(&self) -> bool {
        false
    }
}

/// It has the topic, without records, and no position of the group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_replaced_by_an_empty_one() {
    let (broker, empty) = (Broker::start().unwrap(), Broker::start().unwrap());
    let place = Place::new(Topic::on(&broker, 1), Patience::LONG).await.unwrap();
    empty.create_topic(&place.topic.name, 1).unwrap();
    let (relay, port) = relay(empty.bootstrap_servers().parse().unwrap()).await.unwrap();
    port.set(place.proxy.address().port()).unwrap();
    check_replaced(&place, relay).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_kafka() {
    let report = check_all(async |patience| Place::new(Topic::new(1), patience).await).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_on_a_real_broker() {
    let Some(_) = Topic::real(1).await else { return };
    let open = async |patience| Place::new(Topic::real(1).await.unwrap(), patience).await;
    let report = check_all(open).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

/// Kafka's clients connect to the addresses that a broker announces. This relay before the broker replaces its port by another one, that of
/// the proxy, as soon as that is known.
async fn relay(broker: SocketAddr) -> io::Result<(SocketAddr, Arc<OnceLock<u16>>)> {
    relay_with(broker, |_| ()).await
}

/// The same, and each response is changed.
async fn relay_with(
    broker: SocketAddr,
    change: impl Fn(&mut [u8]) + Copy + Send + 'static,
) -> io::Result<(SocketAddr, Arc<OnceLock<u16>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, port) = (listener.local_addr()?, Arc::new(OnceLock::new()));
    let announced = Arc::clone(&port);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let announced = Arc::clone(&announced);
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(broker).await else { return };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                    let _ = to_server.shutdown().await;
                });
                // Whole responses: 4 bytes of length, and as many.
                while let Ok(length) = from_server.read_u32().await {
                    let mut response = vec![0; length as usize];
                    if from_server.read_exact(&mut response).await.is_err() {
                        return;
                    }
                    announce(&mut response, broker, *announced.get().unwrap());
                    change(&mut response);
                    response.splice(..0, length.to_be_bytes());
                    if to_client.write_all(&response).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok((address, port))
}

/// In responses, a host is followed by its port, in four bytes.
fn announce(response: &mut [u8], broker: SocketAddr, port: u16) {
    let host = broker.ip().to_string();
    let old = [host.as_bytes(), &u32::from(broker.port()).to_be_bytes()].concat();
    let new = [host.as_bytes(), &u32::from(port).to_be_bytes()].concat();
    let places: Vec<usize> = response
        .windows(old.len())
        .enumerate()
        .filter(|(_, at)| *at == old)
        .map(|(place, _)| place)
        .collect();
    for place in places {
        response[place..place + new.len()].copy_from_slice(&new);
    }
}

/// Librdkafka fetches it again for ever: the program has to know, and may read what is elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_cannot_be_decompressed_is_an_error_and_stops_no_other_partition() {
    for (codec, said) in [(UNKNOWN_CODEC, "kafka-zstd"), (SNAPPY, "seek behind it")] {
        let broker = Broker::start().unwrap();
        let (batches, plain) = (Topic::on(&broker, 1), Topic::on(&broker, 1));
        let mut options = KafkaSenderOptions::default();
        options.config.set("compression.type", "lz4");
        let long = event_with(1, "k", "0123456789".repeat(100));
        soon(batches.sender_with(options).await.unwrap().send(&long)).await.unwrap();
        let address = broker.bootstrap_servers().parse().unwrap();
        let (relay, port) = relay_with(address, move |response| claim_codec(response, codec)).await.unwrap();
        port.set(relay.port()).unwrap();
        let url = format!("kafka://{relay}/{},{}?group=g&reject=drop", batches.name, plain.name);
        let mut receiver = soon(receiver(&url, KafkaReceiverOptions::default())).await.unwrap();
        for round in 2..4 {
            let error = soon(receiver.next()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:#}");
            assert!(format!("{error:#}").contains(said), "{error:#}");
            soon(plain.sender().await.send(&event(round, "k"))).await.unwrap();
            let delivery = soon(async {
                loop {
                    if let Ok(delivery) = receiver.next().await {
                        break delivery.unwrap();
                    }
                }
            });
            let delivery = delivery.await;
            assert_eq!(number(&delivery), round);
            delivery.accept().await.unwrap();
        }
        let run = receiver.run(async |_: Event| {});
        assert_eq!(soon(run).await.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

/// In a broker's metadata after its restart, or because it is deleted and made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_unknown_for_a_moment_stops_nothing() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    let mut receiver = topic.receiver_with(IMPATIENT, KafkaReceiverOptions::default()).await;
    soon(topic.sender().await.send(&event(1, "k"))).await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
    broker.forget_topic(&topic.name).unwrap();
    // A bridge would call it idle otherwise: it may have messages again before the group has its partitions.
    let is_connected = |receiver: &Receiver| receiver.connectivity().state().is_connected();
    soon(async {
        while is_connected(&receiver) {
            sleep(TURN).await
        }
    })
    .await;
    let early = tokio::time::timeout(Duration::from_secs(3), receiver.next()).await;
    assert!(early.is_err(), "{early:?}"); // the client asks five times a second
    broker.remember_topic(&topic.name).unwrap();
    soon(topic.sender().await.send(&event(2, "k"))).await.unwrap();
    // The first one comes again if its commit was not under way before.
    while number(&next(&mut receiver).await) != 2 {}
    assert!(!is_connected(&receiver));
    let back = async {
        while !is_connected(&receiver) {
            sleep(TURN).await
        }
    };
    tokio::time::timeout(2 * patience(), back).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_unknown_for_a_moment_ends_no_member_without_partitions() {
    let broker = Broker::start().unwrap();
    let topic = Topic::on(&broker, 1);
    let mut first = topic.receiver_with(IMPATIENT, KafkaReceiverOptions::default()).await;
    soon(topic.sender().await.send(&event(1, "k"))).await.unwrap();
    next(&mut first).await.accept().await.unwrap();
    // Whoever gets the partition later gets nothing from it.
    crate::first::committed(&topic, 1).await;
    let mut second = topic.receiver_with(IMPATIENT, KafkaReceiverOptions::default()).await;
    // Let in by the group, which has no partition for one of the two.
    soon(async {
        while !second.connectivity().state().is_connected() {
            sleep(TURN).await
        }
    })
    .await;
    broker.forget_topic(&topic.name).unwrap();
    let connectivity = second.connectivity();
    let unknown = async {
        while connectivity.state().is_connected() {
            sleep(TURN).await;
        }
        sleep(Duration::from_secs(3)).await; // the client asks five times a second
    };
    tokio::select! {
        came = first.next() => panic!("{came:?}"),
        came = second.next() => panic!("{came:?}"),
        () = soon(unknown) => {}
    }
    assert!(!connectivity.state().is_connected());
}

/// Between two looks at a condition.
const TURN: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_stays_unknown_is_an_error() {
    let broker = Broker::start().unwrap();
    let (stays, goes) = (Topic::on(&broker, 1), Topic::on(&broker, 1));
    let both = Topic { name: format!("{},{}", stays.name, goes.name), ..stays.clone() };
    let mut receiver = both.receiver_with(IMPATIENT, KafkaReceiverOptions::default()).await;
    for topic in [&stays, &goes] {
        soon(topic.sender().await.send(&event(1, "k"))).await.unwrap();
        next(&mut receiver).await.accept().await.unwrap();
    }
    broker.forget_topic(&goes.name).unwrap();
    let error = tokio::time::timeout(2 * patience(), receiver.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains(&format!("`{}`", goes.name)), "{error}");
}

/// Without the time that librdkafka gives topics that are young.
const IMPATIENT: &str = "&topic.metadata.propagation.max.ms=0&topic.metadata.refresh.interval.ms=200\
                         &session.timeout.ms=2500&max.poll.interval.ms=8000&heartbeat.interval.ms=300";

const SNAPPY: u8 = 2;
const LZ4: u8 = 3;
const UNKNOWN_CODEC: u8 = 5;

/// Batches of one response that are compressed with lz4 claim another codec. The checksum is not looked at.
fn claim_codec(response: &mut [u8], codec: u8) {
    const HEADER: usize = 61;
    let frames: Vec<_> = response
        .windows(4)
        .enumerate()
        .filter(|(_, at)| *at == [4, 0x22, 0x4d, 0x18])
        .map(|(at, _)| at)
        .collect();
    for batch in frames.into_iter().filter_map(|at| at.checked_sub(HEADER)) {
        if (response[batch + 16], response[batch + 22] & 7) == (2, LZ4) {
            response[batch + 22] = codec;
        }
    }
}

#[test]
fn the_port_that_a_broker_announces_is_replaced() {
    let mut response = b"\x00\x09127.0.0.1\x00\x00\x23\x84..".to_vec();
    announce(&mut response, "127.0.0.1:9092".parse().unwrap(), 1);
    assert_eq!(response, b"\x00\x09127.0.0.1\x00\x00\x00\x01..");
}
