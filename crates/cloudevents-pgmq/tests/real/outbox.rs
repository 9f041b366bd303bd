//! A target of an outbox as the source, over the server that `CE_TEST_POSTGRES_URL` names.

use crate::tools::{Place, event, id, next, patience, until, within};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_outbox::{Entry, Outbox, Query, State, tokio_postgres07::PostgresStore};
use cloudevents_pgmq::tokio_postgres07::{BINDING, PgmqReceiverOptions, Tls, create, receiver};
use cloudevents_testkit::{
    deliveries::{look, number},
    fault_proxy::{End, FaultProxy, Flow},
    kill::{handled, handled_until_killed},
    tls::Authority,
};
use cloudevents_transport::{
    Carries, Confirmed, Endpoint, Outcome, Outgoing, Receipt, Receiver, ReceiverOptions, Sender,
    SenderCapabilities,
    binding::{
        Transmit,
        batches::{Batch, Batches, Limits, all_failed},
    },
    contract::{Claims, Venue, check_all, check_some},
};
use std::{collections::BTreeSet, env, time::Duration};
use tokio::{task::spawn_blocking, time::timeout};
use tokio_postgres::NoTls;

/// The environment variable with the URL for the consumer's process.
const URL: &str = "CE_KILL_URL";

/// A target of an outbox.
struct Target {
    database: String,
    outbox: Outbox<PostgresStore>,
    name: String,
    ordered: bool,
}

impl Target {
    /// A new target, if there is a server. Its outbox has the name of a test.
    async fn new(what: &str) -> Option<Self> {
        Some(Self::of(&Place::new(what).await?, what).await)
    }

    async fn of(place: &Place, what: &str) -> Self {
        let store = PostgresStore::connect(place.database.parse().unwrap(), NoTls).await.unwrap();
        let name = crate::tools::name(what);
        Self { database: place.database.clone(), outbox: Outbox::new(store), name, ordered: false }
    }

    fn url(&self, query: &str) -> String {
        format!("{}?outbox={}&poll=20ms&{query}", self.database, self.name)
    }

    async fn enqueue(&self, ids: impl IntoIterator<Item = usize>) {
        let entries = ids.into_iter().map(|id| {
            let entry = Entry::new(&*self.name, event(id));
            if self.ordered { entry.in_order() } else { entry }
        });
        within(self.outbox.enqueue_all(entries.collect::<Vec<_>>())).await.unwrap();
    }

    async fn receiver(&self, query: &str) -> Receiver {
        let options = PgmqReceiverOptions::from(DecodeOptions::strict());
        within(receiver(&self.url(&format!("reject=broker&{query}")), options)).await.unwrap()
    }

    /// How many messages are in this state.
    async fn count(&self, state: State) -> usize {
        let query = Query::default().with_target(&*self.name).with_state(state).with_limit(100_000);
        self.outbox.find(query).await.unwrap().len()
    }
}

/// A sender that enqueues, for the contract. The program that has the outbox enqueues in a transaction of its own.
struct Enqueuing {
    batches: Batches<Entries>,
    target: String,
    ordered: bool,
}

struct Entries(Outbox<PostgresStore>);

impl Batch for Entries {
    type Entry = Entry;
    type Answer = Receipt;

    fn size(_: &Entry) -> usize {
        0
    }

    async fn ask(&self, entries: Vec<Entry>) -> Vec<Result<Receipt, Error>> {
        let count = entries.len();
        match self.0.enqueue_all(entries).await {
            Ok(_) => (0..count).map(|_| Ok(Receipt::new())).collect(),
            Err(error) => all_failed(count, &error),
        }
    }
}

impl Transmit for Enqueuing {
    fn capabilities(&self) -> SenderCapabilities {
        let carries = Carries::KEY.and(Carries::HEADERS).and(Carries::REPLY_TO).and(Carries::CORRELATION);
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(carries);
        capabilities.batches = true;
        capabilities
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let entry = Entry::new(&*self.target, outgoing);
        Ok(self.batches.add(if self.ordered { entry.in_order() } else { entry }, None))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl Venue for Target {
    fn claims(&self) -> Claims {
        let mut claims = Claims::default();
        claims.patience = patience();
        claims.attempts = Some(10);
        claims
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let limits = Limits { requests: 1, entries: 500, bytes: usize::MAX };
        let batches = Batches::start(Entries(self.outbox.clone()), limits);
        Ok(Sender::new(Enqueuing { batches, target: self.name.clone(), ordered: self.ordered }))
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        receiver(&self.url("lock=1m&reject=broker"), PgmqReceiverOptions::from(options)).await
    }
}

/// There are no requests, no receipts and no limit, the tables have no garbage, and the server is not stopped here.
const UNCLAIMED: [&str; 7] = [
    "receipts_say_where",
    "what_is_too_large_is_refused_and_blocks_nothing",
    "what_is_malformed_surfaces_and_blocks_nothing",
    "what_is_foreign_goes_by_the_policy",
    "requests_get_their_own_replies",
    "a_broker_that_stops_and_starts_loses_nothing",
    "a_receiver_outlives_its_broker",
];

/// These hold several messages: the next one in order comes when the one before is settled.
const HOLD_SEVERAL: [&str; 11] = [
    "a_thousand_in_flight",
    "what_is_retried_comes_again",
    "what_is_dropped_comes_again",
    "a_stalled_consumer_bounds_messages",
    "a_stalled_consumer_bounds_bytes",
    "a_cancelled_next_loses_nothing",
    "draining_waits_for_settlements",
    "draining_loses_nothing",
    "what_is_left_at_an_end_keeps_its_order",
    "a_redrive_keeps_what_is_refused_again",
    "run_is_concurrent_and_keeps_order",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_of_messages_without_an_order() {
    if Place::new("outbox").await.is_none() {
        return;
    }
    check_all(async || Ok(Target::new("outbox").await.unwrap())).await.assert_holds_but(&UNCLAIMED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_of_messages_in_order() {
    if Place::new("ordered").await.is_none() {
        return;
    }
    let open = async || Ok(Target { ordered: true, ..Target::new("ordered").await.unwrap() });
    let wanted = |name: &str| !HOLD_SEVERAL.contains(&name);
    check_some(open, wanted).await.assert_holds_but(&UNCLAIMED);
}

/// Runs `CE_KILL_ROUNDS` rounds, 3 by default. The events that the consumers reported as handled, and those left in the end, are all
/// events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_consumer_loses_nothing() {
    const EVENTS: usize = 200;
    let rounds: usize = env::var("CE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let Some(mut target) = Target::new("kill").await else { return };
    let (mut sent, mut handled) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..rounds {
        target.ordered = round % 2 == 1;
        let ids = round * EVENTS..(round + 1) * EVENTS;
        sent.extend(ids.clone().map(|id| id.to_string()));
        target.enqueue(ids).await;
        let kill_after = 1 + (round * 67) % (EVENTS - 20);
        let url = target.url("lock=1s&reject=broker");
        let consuming =
            spawn_blocking(move || handled_until_killed("outbox::consumer", (URL, &url), kill_after));
        handled.extend(timeout(patience(), consuming).await.unwrap().unwrap().unwrap());
    }
    let before = handled.len();
    assert!(before < sent.len(), "nothing was left: no consumer was killed in the middle");
    let mut left = target.receiver("lock=1s").await;
    while target.count(State::Pending).await > 0 {
        while let Ok(delivery) = timeout(Duration::from_millis(200), left.next()).await {
            let delivery = delivery.unwrap().unwrap();
            handled.insert(id(&delivery));
            within(delivery.accept()).await.unwrap();
        }
    }
    println!("{rounds} rounds: {before} of {} dealt with before the kill", sent.len());
    assert_eq!(handled, sent);
    assert_eq!(target.count(State::Delivered).await, sent.len());
}

/// Not a test: the process that is killed.
#[tokio::test]
async fn consumer() {
    let Ok(url) = env::var(URL) else { return };
    let options = PgmqReceiverOptions::from(DecodeOptions::strict());
    let mut receiver = receiver(&*url, options).await.unwrap();
    loop {
        let delivery = next(&mut receiver).await;
        handled(&id(&delivery));
        within(delivery.accept()).await.unwrap();
    }
}

/// A proxy before the server, and the target behind it.
fn proxied(target: &Target) -> (FaultProxy, String) {
    let address = target.database.rsplit_once('@').unwrap().1.split('/').next().unwrap();
    let proxy = FaultProxy::start(address.parse().unwrap()).unwrap();
    let url = target.url("reject=broker&lock=2s").replace(address, &proxy.address().to_string());
    (proxy, url)
}

/// Connections are lost again and again, also in the middle of answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_lost_lose_no_message() {
    const COUNT: usize = 300;
    let Some(target) = Target::new("cut").await else { return };
    let (proxy, url) = proxied(&target);
    target.enqueue(0..COUNT).await;
    let options = PgmqReceiverOptions::from(DecodeOptions::strict());
    let mut receiver = within(receiver(&*url, options)).await.unwrap();
    let mut taken = BTreeSet::new();
    let mut deliveries = 0;
    while target.count(State::Delivered).await < COUNT {
        let Ok(delivery) = timeout(Duration::from_millis(100), receiver.next()).await else { continue };
        let delivery = delivery.unwrap().unwrap();
        taken.insert(id(&delivery));
        drop(delivery.accept());
        deliveries += 1;
        if deliveries % 37 == 0 {
            proxy.end(if deliveries % 2 == 0 { End::Reset } else { End::Cut });
        }
    }
    println!("{deliveries} deliveries of {COUNT} messages");
    assert_eq!(taken.len(), COUNT);
    assert!(deliveries < 4 * COUNT, "{deliveries}");
}

/// A server that is silent for a while, and one that is away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_for_a_while_loses_no_message() {
    let Some(target) = Target::new("away").await else { return };
    let (proxy, url) = proxied(&target);
    target.enqueue([1]).await;
    let options = PgmqReceiverOptions::from(DecodeOptions::strict());
    let mut receiver = within(receiver(&*url, options)).await.unwrap();
    let held = next(&mut receiver).await;
    proxy.refuse().await;
    proxy.end(End::Reset);
    assert!(within(held.accept()).await.is_err());
    target.enqueue([2]).await;
    until(async || receiver.connectivity().losses() > 0).await;
    proxy.resume();
    let mut taken = BTreeSet::new();
    while taken.len() < 2 {
        let delivery = next(&mut receiver).await;
        taken.insert(id(&delivery));
        within(delivery.accept()).await.unwrap();
    }
    proxy.stall(Flow::ToClient);
    target.enqueue([3]).await;
    tokio::time::sleep(Duration::from_millis(500)).await; // a request is under way
    proxy.resume();
    assert_eq!(id(&next(&mut receiver).await), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls() {
    let Some(mut target) = Target::new("tls").await else { return };
    target.enqueue([1]).await;
    let address = target.database.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();
    let server: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let authority = Authority::new().unwrap();
    let port = crate::broken::secured(authority.terminate(server, false).await.unwrap()).await;
    target.database = target.database.replace(&address, &format!("127.0.0.1:{port}"));
    let url = target.url("reject=broker&sslmode=verify-full");
    let mut options = PgmqReceiverOptions::from(DecodeOptions::strict());
    let error = within(receiver(&*url, options.clone())).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    options.connection.tls = Tls::default().with_authorities(authority.pem());
    assert_eq!(id(&next(&mut within(receiver(&*url, options)).await.unwrap()).await), "1");
}

#[tokio::test]
async fn its_tables_are_created_and_its_messages_are_shown() {
    let Some(place) = Place::alone("shown").await else { return };
    let url = format!("{}?outbox=billing", place.database);
    let look = async || look(&BINDING, &url).await;
    let options = PgmqReceiverOptions::from(DecodeOptions::strict());
    let error = within(receiver(&*format!("{url}&reject=broker"), options)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.help()),
        (ErrorKind::Unsupported, Some("`ce create URL` creates the tables"))
    );
    assert_eq!(look().await.unwrap_err().kind(), ErrorKind::Refused);
    let setting = vec![("partitions".to_owned(), "6".to_owned())];
    let error = create(Endpoint::parse(&*url).unwrap(), setting).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    for _ in 0..2 {
        let created = within(create(Endpoint::parse(&*url).unwrap(), Vec::new())).await.unwrap();
        assert_eq!((created.kind, &*created.name), ("outbox", "billing"));
    }
    let target = Target { name: "billing".to_owned(), ..Target::of(&place, "shown").await };
    target.enqueue(0..3).await;
    next(&mut target.receiver("").await).await.reject("no").await.unwrap();
    // One pending message is an hour older than the other one. The dead message and those of other targets are older, and do not wait here.
    let older = "UPDATE ce_outbox SET enqueued = enqueued - 3600000";
    place.run(&format!("{older} WHERE number = (SELECT min(number) FROM ce_outbox WHERE state = 0)")).await;
    place.run(&format!("{older} * 3 WHERE state = 2")).await;
    let other = Target { name: "shipping".to_owned(), ..Target::of(&place, "shown").await };
    other.enqueue([7]).await;
    place.run(&format!("{older} * 3 WHERE target = 'shipping'")).await;
    let found = look().await.unwrap();
    let [shown] = &found.list[..] else { panic!("{found:?}") };
    assert_eq!((shown.kind, &*shown.name), ("outbox", "billing"));
    assert_eq!(["pending", "dead"].map(|name| number(shown, name)), [Some(2), Some(1)]);
    let oldest = number(shown, "oldest_age_seconds").unwrap();
    assert!((3600..7200).contains(&oldest), "{shown:?}");
}

#[tokio::test]
async fn what_a_url_must_not_have() {
    let open = async |query: &str| {
        let options = PgmqReceiverOptions::from(DecodeOptions::strict());
        receiver(&*format!("postgres://u@127.0.0.1:1/d?{query}"), options).await.unwrap_err()
    };
    for (query, kind) in [
        ("outbox=", ErrorKind::InvalidUrl),
        ("outbox=a&queue=b&reject=drop", ErrorKind::InvalidUrl),
        ("outbox=a&groups=true&reject=drop", ErrorKind::InvalidUrl),
        ("outbox=a&dead-letter=b", ErrorKind::InvalidUrl),
        ("outbox=a&reject=drop&lock=10ms", ErrorKind::InvalidUrl),
        ("outbox=a&reject=drop&poll=0ms", ErrorKind::InvalidUrl),
        ("outbox=a", ErrorKind::Unsupported),
    ] {
        let error = open(query).await;
        assert_eq!(error.kind(), kind, "{query}: {error}");
    }
}
