//! Incidents of connections, over RabbitMQ: the broker in memory, and the one that `CE_TEST_RABBITMQ_URL` names.

use crate::tools::{name, queues, real};
use cloudevents_core::Error;
use cloudevents_rabbitmq::lapin4::{
    QueueType, RabbitConnection, RabbitReceiverOptions, RabbitSenderOptions, receiver, sender,
};
use cloudevents_testkit::{
    fault_proxy::{End, FaultProxy},
    incidents::{Patience, Proxied, check_all, check_members, check_replaced},
    rabbitmq::Broker,
};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverOptions, Sender,
    contract::{Claims, Venue},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::sleep;

struct Place {
    proxy: Arc<FaultProxy>,
    /// All but the options.
    url: String,
    queue: String,
    queues: QueueType,
    patience: Patience,
}

impl Place {
    fn new(server: &str, queues: QueueType, patience: Patience) -> Self {
        let host = Endpoint::parse(server).unwrap().host().unwrap().to_string();
        let proxy = Arc::new(FaultProxy::start(host.parse().unwrap()).unwrap());
        let url = server.replace(&host, &proxy.address().to_string());
        Self { proxy, url, queue: name("incident"), queues, patience }
    }

    fn url(&self, query: &str) -> String {
        format!("{}?queue={}{query}", self.url.trim_end_matches('?'), self.queue)
    }

    /// A connection that is silent for two heartbeats is lost.
    fn connection(&self) -> RabbitConnection {
        let mut connection = RabbitConnection::default();
        connection.heartbeat = self.patience.silence / 2;
        connection
    }
}

impl Venue for Place {
    fn claims(&self) -> Claims {
        Claims::default()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let mut options = RabbitSenderOptions::default();
        (options.connection, options.sender.timeout) = (self.connection(), Some(self.patience.send));
        options.sender.enqueue_timeout = self.patience.send;
        options.declare = Some(self.queues);
        sender(&self.url(""), options).await
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let mut options = RabbitReceiverOptions::from(options);
        options.connection = self.connection();
        options.declare = Some(self.queues);
        receiver(&self.url("&reject=broker"), options).await
    }
}

impl Proxied for Place {
    fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }
}

/// Queues are declared again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_replaced_by_an_empty_one() {
    let (broker, empty) = (Broker::start().unwrap(), Broker::start().unwrap());
    let place = Place::new(&broker.url(""), QueueType::Classic, Patience::LONG);
    check_replaced(&place, ([127, 0, 0, 1], empty.port()).into()).await.unwrap();
    assert!(empty.has_queue(&place.queue));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_of_rabbitmq() {
    let broker = Broker::start().unwrap();
    let report =
        check_all(async |patience| Ok(Place::new(&broker.url(""), QueueType::Classic, patience))).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incidents_on_a_real_broker() {
    let Some(server) = real() else { return };
    let report = check_all(async |patience| Ok(Place::new(&server, queues(), patience))).await;
    println!("{report}");
    assert!(report.holds(), "\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_join_and_leave_under_load() {
    let broker = Broker::start().unwrap();
    let place = Place::new(&broker.url(""), QueueType::Classic, Patience::LONG);
    check_members(&place).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_join_and_leave_under_load_on_a_real_broker() {
    let Some(server) = real() else { return };
    check_members(&Place::new(&server, queues(), Patience::LONG)).await.unwrap();
}

/// With clients that wait too long, wait too briefly, go around the faults, do not come back, or lose their connection for another reason,
/// each check fails at least once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_incident_can_fail() {
    let broker = Broker::start().unwrap();
    let (server, seconds) = (broker.url(""), Duration::from_secs);
    let place = |patience| Place::new(&server, QueueType::Classic, patience);
    let with = |patience: Patience, send, silence| {
        let mut patience = patience;
        (patience.send, patience.silence) = (send, silence);
        place(patience)
    };
    let patient = check_all(async |patience| Ok(with(patience, seconds(60), seconds(60))));
    let impatient = check_all(async |patience| Ok(with(patience, Duration::from_millis(300), seconds(60))));
    let around = check_all(async |patience| Ok(Place { url: server.clone(), ..place(patience) }));
    let away = check_all(async |patience| {
        let place = place(patience);
        let proxy = Arc::clone(&place.proxy);
        tokio::spawn(async move {
            proxy.until(|counts| counts.open < counts.accepted).await; // the first connection has ended
            loop {
                proxy.refuse().await;
                sleep(Duration::from_millis(1)).await;
            }
        });
        Ok(place)
    });
    let cut = check_all(async |patience| {
        let place = place(patience);
        let proxy = Arc::clone(&place.proxy);
        tokio::spawn(async move {
            sleep(seconds(4)).await;
            proxy.end(End::Cut);
        });
        Ok(place)
    });
    let (patient, impatient, around, away, cut) = tokio::join!(patient, impatient, around, away, cut);
    let mut never: BTreeSet<&str> = patient.iter().map(|(check, _)| check).collect();
    for (name, report) in
        [("patient", patient), ("impatient", impatient), ("around", around), ("away", away), ("cut", cut)]
    {
        println!("{name}:\n{report}");
        for (check, _) in report.iter().filter(|(_, verdict)| verdict.is_err()) {
            never.remove(check);
        }
    }
    assert!(never.is_empty(), "they never fail: {never:?}");
}
