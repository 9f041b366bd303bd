//! Tests on a real broker: with the contract, those that `.ci/brokers/mqtt` runs.

use crate::tools::{event, events, id, large, next, strict, within};
use cloudevents_core::ErrorKind;
use cloudevents_mqtt::rumqttc_next034::{ReceivedPublish, receiver, sender};
use cloudevents_testkit::patience;
use cloudevents_testkit::tls::Authority;
use cloudevents_transport::Outgoing;
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    time::Duration,
};
use tokio::net::TcpStream;

/// The broker's URL, and a topic of its own.
fn topic(test: &str) -> Option<String> {
    let Ok(prefix) = env::var("CE_TEST_MQTT_URL") else {
        println!("SKIPPED: CE_TEST_MQTT_URL is not set");
        return None;
    };
    Some(format!("{prefix}real/{}/{test}", process::id()))
}

#[tokio::test]
async fn everything_that_goes_along() {
    let Some(url) = topic("along") else { return };
    let mut early = receiver(&url, strict()).await.unwrap();
    let sender = sender(&format!("{url}?retain=true&qos=2&expiry=1h"), Default::default()).await.unwrap();
    let event =
        event(1).into_builder().payload("text/plain", cloudevents_core::Payload::text("x")).build().unwrap();
    let outgoing = Outgoing::from(&event)
        .header("x-a", "1")
        .header("x-a", "2")
        .reply_to("answers")
        .correlation([0xff, 0]);
    within(sender.send(outgoing)).await.unwrap();
    let mut late = receiver(&url, strict()).await.unwrap();
    for (receiver, retained) in [(&mut early, false), (&mut late, true)] {
        let delivery = next(receiver).await;
        let arrived = delivery.event().unwrap();
        assert_eq!((arrived.id(), arrived.data_bytes()), (event.id(), event.data_bytes()));
        assert_eq!(delivery.native::<ReceivedPublish>().unwrap().is_retained(), retained);
        assert_eq!(
            (delivery.reply_to(), delivery.correlation().as_deref()),
            (Some("answers"), Some(&[0xff, 0][..]))
        );
        assert_eq!(delivery.headers().iter().filter(|(name, _)| *name == "x-a").count(), 2);
        within(delivery.accept()).await.unwrap();
    }
}

/// Mosquitto ends the connection for them, with everything that is on its way.
#[tokio::test]
async fn a_header_that_a_real_broker_calls_malformed_is_the_mistake_of_its_message_only() {
    let Some(url) = topic("malformed") else { return };
    let sender = sender(&url, Default::default()).await.unwrap();
    let mut outcomes = Vec::new();
    for number in 0..10 {
        outcomes.push(within(sender.enqueue(&event(number))).await.unwrap());
        for note in ["a\tb", "\u{85}", "\u{ffff}"] {
            let refused = Outgoing::from(&event(number)).header("x-note", note);
            // As any header that a target does not carry, unless its losses are allowed.
            assert_eq!(within(sender.send(refused)).await.unwrap_err().kind(), ErrorKind::Inexact);
        }
    }
    for outcome in outcomes {
        within(outcome).await.unwrap();
    }
    assert_eq!(sender.connectivity().losses(), 0);
}

/// HiveMQ ends the connection for a topic that begins with `$`, with everything that is on its way; Mosquitto takes it for one of its own.
#[tokio::test]
async fn an_event_that_names_a_topic_of_a_real_broker_is_the_mistake_of_its_message_only() {
    let Some(url) = topic("reserved") else { return };
    let (host, _) = url.split_at(url[7..].find('/').unwrap() + 8);
    let sender = sender(&format!("{host}{{subject}}"), Default::default()).await.unwrap();
    let about = |subject: &str| event("1").into_builder().subject(subject).build().unwrap();
    let under_way = within(sender.enqueue(&about("real/reserved"))).await.unwrap();
    let refused = within(sender.send(&about("$SYS/broker"))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidString);
    within(under_way).await.unwrap();
    within(sender.send(&about("real/reserved"))).await.unwrap();
    assert_eq!(sender.connectivity().losses(), 0);
}

/// The broker confirms it with reason code 0x10 (MQTT 5.0, section 3.4.2.1).
#[tokio::test]
async fn a_dead_letter_that_has_no_subscriber_at_a_real_broker_is_not_stored() {
    let (Some(url), Some(place)) = (topic("unheard"), topic("unheard-letters")) else { return };
    let name = format!("real/{}/unheard-letters", process::id());
    let mut options = strict();
    options.log.sink_backoff = Duration::from_millis(50);
    let from = format!("{url}?client=unheard-{}&dead-letter={name}", process::id());
    let mut deliveries = receiver(&from, options).await.unwrap();
    let sender = sender(&url, Default::default()).await.unwrap();
    let to = |name: &str| Outgoing::from(event(1)).to(name);
    let unheard = within(sender.send(to(&name))).await.unwrap();
    assert_eq!((unheard.has_subscribers(), unheard.kept().is_err()), (Some(false), true));
    let heard = within(sender.send(&event(1))).await.unwrap();
    assert_ne!(heard.has_subscribers(), Some(false));
    let error = within(next(&mut deliveries).await.reject("no")).await.unwrap_err();
    assert!(error.to_string().contains("nothing has subscribed"), "{error}");
    let mut letters = receiver(&place, strict()).await.unwrap();
    let letter = next(&mut letters).await;
    assert_eq!(letter.header_text("dead-letter-reason").as_deref(), Some("no"));
    within(letter.accept()).await.unwrap();
    within(deliveries.drain(patience())).await.unwrap();
}

/// The broker sends what has waited before it confirms the subscription.
#[tokio::test]
async fn a_real_session_with_many_waiting_messages_is_resumed() {
    const COUNT: usize = 200;
    let Some(url) = topic("waiting") else { return };
    let from = format!("{url}?client=waiting-{}&session=10m", process::id());
    within(receiver(&from, strict()).await.unwrap().drain(patience())).await.unwrap();
    let sender = sender(&url, Default::default()).await.unwrap();
    within(sender.send_all((0..COUNT).map(|number| large(number, 100_000)))).await.unwrap();
    let mut receiver = within(receiver(&from, strict())).await.unwrap();
    for expected in 0..COUNT {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), expected.to_string());
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(receiver.connectivity().losses(), 0);
}

#[tokio::test]
async fn a_request_on_a_real_broker() {
    let Some(url) = topic("request") else { return };
    let mut requests = receiver(&url, strict()).await.unwrap();
    let asking = sender(&url, Default::default()).await.unwrap();
    let answering = async {
        let delivery = next(&mut requests).await;
        let answer = Outgoing::from(event("answer"))
            .to(delivery.reply_to().unwrap())
            .correlation(delivery.correlation().unwrap());
        within(asking.send(answer)).await.unwrap();
        within(delivery.accept()).await.unwrap();
    };
    let question = event("question");
    let (answer, ()) = tokio::join!(asking.request(&question, patience()), answering);
    assert_eq!(answer.unwrap().id(), "answer");
}

#[tokio::test]
async fn a_shared_subscription_on_a_real_broker() {
    let Some(url) = topic("shared") else { return };
    let (host, filter) = url.split_at(url[7..].find('/').unwrap() + 8);
    let shared = format!("{host}$share/group/{filter}");
    let mut one = receiver(&shared, strict()).await.unwrap();
    let mut two = receiver(&shared, strict()).await.unwrap();
    within(sender(&url, Default::default()).await.unwrap().send_all(events(20))).await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 20 {
        let delivery = tokio::select! {
            delivery = next(&mut one) => delivery,
            delivery = next(&mut two) => delivery,
        };
        assert!(seen.insert(id(&delivery)));
        within(delivery.accept()).await.unwrap();
    }
}

/// A Mosquitto of this test, which keeps its sessions on disk.
struct Mosquitto {
    program: String,
    folder: PathBuf,
    port: u16,
    running: Option<Child>,
}

impl Mosquitto {
    async fn start() -> Option<Self> {
        Self::start_with(|_| String::new()).await
    }

    /// With more lines of its configuration; the folder is there for files that they name.
    async fn start_with(lines: impl FnOnce(&Path) -> String) -> Option<Self> {
        let Ok(program) = env::var("CE_TEST_MQTT_BIN") else {
            println!("SKIPPED: CE_TEST_MQTT_BIN is not set");
            return None;
        };
        let port = cloudevents_testkit::ports::free();
        let folder = env::temp_dir().join(format!("ce-mqtt-{}-{port}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let place = folder.display();
        let user = env::var("USER").unwrap_or_else(|_| "root".into());
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nuser {user}\npersistence true\npersistence_location {place}/\n\
             autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\n{}",
            lines(&folder)
        );
        fs::write(folder.join("mosquitto.conf"), config).unwrap();
        let mut broker = Self { program, folder, port, running: None };
        broker.restart().await;
        Some(broker)
    }

    async fn restart(&mut self) {
        let config = self.folder.join("mosquitto.conf");
        let command = Command::new(&self.program).arg("-c").arg(config).stderr(Stdio::null()).spawn();
        self.running = Some(command.unwrap());
        within(async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await; // between two tries
            }
        })
        .await;
    }

    /// Ends it as a system does that shuts down: it writes what it has.
    fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = Command::new("kill").arg(running.id().to_string()).status();
            running.wait().unwrap();
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn a_real_broker_and_its_client_know_each_other_by_the_files_of_the_url() {
    let authority = Authority::new().unwrap();
    let (its, client) = (authority.issue("127.0.0.1").unwrap(), authority.issue("client").unwrap());
    let mut files = String::new();
    let broker = Mosquitto::start_with(|folder| {
        let file = |name: &str, pem: &str| {
            let path = folder.join(name);
            fs::write(&path, pem).unwrap();
            path.display().to_string()
        };
        let authority = file("authority.pem", &authority.pem());
        files = format!("ca={authority}&cert={}", file("client.pem", &(client.0 + &client.1)));
        let (certificate, key) = (file("its.pem", &its.0), file("its.key", &its.1));
        format!("cafile {authority}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate true\n")
    });
    let Some(broker) = broker.await else { return };
    let url = format!("mqtts://127.0.0.1:{}/orders?{files}", broker.port);
    let mut receiver = receiver(&url, strict()).await.unwrap();
    within(sender(&url, Default::default()).await.unwrap().send(&event(1))).await.unwrap();
    assert_eq!(id(&next(&mut receiver).await), "1");
    let without = url.split("&cert=").next().unwrap();
    let error = within(sender(without, Default::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_broker_that_stops_and_starts_under_load_loses_nothing() {
    let Some(mut broker) = Mosquitto::start().await else { return };
    let url = format!("mqtt://127.0.0.1:{}/load", broker.port);
    let mut receiver = receiver(&format!("{url}?client=load&session=1h&qos=1"), strict()).await.unwrap();
    let sender = sender(&url, Default::default()).await.unwrap();
    // How many are sent is open until the broker has stopped for the last time: it writes each to the disk.
    let (over, is_over) = tokio::sync::watch::channel(false);
    let (count, how_many) = tokio::sync::watch::channel(usize::MAX);
    let sending = tokio::spawn(async move {
        for number in 0.. {
            // What has failed may have arrived, or not: it is sent again.
            while within(sender.send(&event(number))).await.is_err() {}
            if *is_over.borrow() {
                // The receiver learns of the end while one more is on its way.
                count.send_replace(number + 2);
                while within(sender.send(&event(number + 1))).await.is_err() {}
                return number + 2;
            }
        }
        usize::MAX
    });
    let receiving = tokio::spawn(async move {
        let mut seen = BTreeSet::new();
        while seen.len() < *how_many.borrow() {
            let delivery = next(&mut receiver).await;
            seen.insert(id(&delivery).parse::<usize>().unwrap());
            let _ = within(delivery.accept()).await; // one that was revoked comes again
        }
        (seen, receiver.connectivity().losses())
    });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await; // under load for a while
        broker.stop();
        broker.restart().await;
    }
    over.send_replace(true);
    let count = tokio::time::timeout(4 * patience(), sending).await.unwrap().unwrap();
    let (seen, losses) = tokio::time::timeout(4 * patience(), receiving).await.unwrap().unwrap();
    assert!(seen.into_iter().eq(0..count));
    assert!(losses > 0, "the broker did not stop under load");
}
