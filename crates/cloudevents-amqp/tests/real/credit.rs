//! Credit that is used up, and with peers that say more, and send less, than the embedded broker: a scripted peer, in frames.

use crate::tools::{event, id, next, patience, strict, within};
use cloudevents_amqp::fe2o3_amqp018::{AmqpSenderOptions, receiver, sender};
use cloudevents_core::ErrorKind;
use cloudevents_testkit::{
    amqp::{Answer, Broker, BrokerOptions},
    logged::Logged,
};
use cloudevents_transport::{Bounds, Outgoing};
use fe2o3_amqp::{Connection, Session, sasl_profile::SaslProfile};
use fe2o3_amqp_types::{
    definitions::{Handle, Role, SenderSettleMode},
    performatives::{Attach, Flow, Performative, Transfer},
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const IN_FLIGHT: usize = 300;
const PREFETCH: u32 = 256;

/// RabbitMQ 4.3 sends a `flow` behind the first messages of a quorum queue, Azure one that requests an answer where the credit is used.
#[tokio::test]
async fn a_flow_of_the_peer_behind_messages_grants_nothing_twice() {
    for echo in [false, true] {
        let peer = Peer::start(move |link| {
            let before = link.sent;
            let mut out = Vec::new();
            while link.has_credit() {
                out.extend(link.message());
            }
            if before == 0 || (echo && link.sent > before) {
                out.extend(link.flow(echo));
            }
            out
        });
        let peer = peer.await;
        let mut options = strict();
        options.receiver.in_flight = Bounds { messages: IN_FLIGHT, ..Bounds::default() };
        options.prefetch = Some(PREFETCH);
        let mut receiver = receiver(&peer.url, options).await.unwrap();
        let mut held = Vec::new();
        for number in 0..IN_FLIGHT {
            let delivery = next(&mut receiver).await;
            assert_eq!((id(&delivery), receiver.connectivity().losses()), (number.to_string(), 0));
            held.push(delivery);
        }
        tokio::time::sleep(Duration::from_secs(1)).await; // what came too much would come now
        assert_eq!(receiver.connectivity().losses(), 0);
        assert!(peer.link().sent <= 300 + PREFETCH, "{} were sent", peer.link().sent);
        for delivery in held {
            within(delivery.accept()).await.unwrap();
        }
        for number in IN_FLIGHT..2000 {
            let delivery = next(&mut receiver).await;
            assert_eq!((id(&delivery), receiver.connectivity().losses()), (number.to_string(), 0));
            within(delivery.accept()).await.unwrap();
        }
    }
}

/// Routers pass messages on while they come, and abort those whose producer is cut.
#[tokio::test]
async fn an_aborted_delivery_costs_no_credit() {
    for prefetch in [1, 4] {
        let peer = Peer::start(|link| {
            let mut out = Vec::new();
            while link.has_credit() {
                out.extend(if link.sent % 3 == 2 { link.message() } else { link.aborted() });
            }
            out
        });
        let peer = peer.await;
        let mut options = strict();
        options.prefetch = Some(prefetch);
        let mut receiver = receiver(&peer.url, options).await.unwrap();
        for number in 0..20 {
            let delivery = next(&mut receiver).await;
            assert_eq!(id(&delivery), (number * 3 + 2).to_string());
            within(delivery.accept()).await.unwrap();
        }
        assert_eq!(receiver.connectivity().losses(), 0);
    }
}

/// What came then would be released, and count as delivered.
#[tokio::test]
async fn a_receiver_that_stops_grants_nothing_for_what_is_aborted() {
    let peer = Peer::start(|link| {
        let mut out = Vec::new();
        while link.has_credit() {
            out.extend(if link.sent == 0 { link.message() } else { link.aborted() });
        }
        out
    });
    let peer = peer.await;
    let mut receiver = receiver(&peer.url, strict()).await.unwrap();
    let held = next(&mut receiver).await;
    let draining = tokio::spawn(async move { receiver.drain(patience()).await });
    let begin = Instant::now();
    loop {
        let limit = peer.link().limit;
        tokio::time::sleep(Duration::from_millis(500)).await; // until it stops; then, more credit would come
        if peer.link().limit == limit {
            break;
        }
        assert!(begin.elapsed() < patience(), "it grants without end");
    }
    within(held.accept()).await.unwrap();
    within(draining).await.unwrap().unwrap();
}

/// Nothing is lost with it. The warning is for messages that come settled, also behind it.
#[tokio::test]
async fn only_a_message_that_comes_settled_is_warned_of() {
    let peer = Peer::start(|link| {
        let mut out = Vec::new();
        while link.has_credit() {
            out.extend(if link.sent % 2 == 1 { link.message() } else { link.aborted() });
        }
        out
    });
    let peer = peer.await;
    let logged = Logged::begin();
    let warned = || logged.text().matches("the broker sends settled messages").count();
    let mut options = strict();
    options.prefetch = Some(2);
    let mut receiver = receiver(&peer.url, options).await.unwrap();
    for _ in 0..5 {
        within(next(&mut receiver).await.accept()).await.unwrap();
    }
    assert_eq!(warned(), 0);
    peer.link().settles = true;
    for _ in 0..5 {
        within(next(&mut receiver).await.accept()).await.unwrap();
    }
    assert_eq!(warned(), 1);
}

/// What comes settled would be lost by a retry.
#[tokio::test]
async fn a_receiver_requests_unsettled_messages() {
    let peer = Peer::start(Link::message).await;
    let mut receiver = receiver(&peer.url, strict()).await.unwrap();
    within(next(&mut receiver).await.accept()).await.unwrap();
    let attach = peer.link().attach.clone().unwrap();
    assert_eq!(attach.snd_settle_mode, SenderSettleMode::Unsettled);
}

/// No more is given, so that these are the last messages of the link. They are fewer than end a connection by their number.
#[tokio::test]
async fn a_broker_whose_credit_is_used_up_without_answers_gets_another_connection() {
    const CREDIT: usize = 4;

    for address in ["orders", "others"] {
        let mut options = BrokerOptions::default();
        options.credit = CREDIT as u32;
        let broker = Broker::with_options(options).unwrap();
        let mut options = AmqpSenderOptions::default();
        options.sender.timeout = Some(Duration::from_millis(500));
        options.sender.enqueue_timeout = Duration::from_millis(100);
        let sender = sender(&broker.url("orders"), options).await.unwrap();
        let send = || within(sender.send(Outgoing::from(&event("x")).to(address)));
        // Now the credit is known. The limits are short for a link that is new.
        within(async { while send().await.is_err() {} }).await;
        let before = sender.connectivity().losses();
        broker.queue(address).answer(Answer::Withhold);
        let (mut unconfirmed, mut sent) = (0, 0);
        // One more than a link can have left.
        while unconfirmed <= CREDIT {
            let error = send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
            unconfirmed += usize::from(error.to_string().contains("did not confirm"));
            sent += 1;
            assert!(sent < 100, "nothing replaces the link: {unconfirmed}");
        }
        // To another address, another link is enough.
        assert_eq!(sender.connectivity().losses() - before, u64::from(address == "orders"));
        broker.queue(address).answer(Answer::Accept);
        within(async { while send().await.is_err() {} }).await;
    }
}

/// Over another connection, later messages could arrive before it.
#[tokio::test]
async fn used_up_credit_leaves_the_connection_to_what_is_under_way_to_other_addresses() {
    const LIMIT: Duration = Duration::from_secs(4);

    let mut options = BrokerOptions::default();
    options.credit = 4;
    let broker = Broker::with_options(options).unwrap();
    let mut options = AmqpSenderOptions::default();
    options.sender.timeout = Some(LIMIT);
    let sender = sender(&broker.url("orders"), options).await.unwrap();
    let send = async |address: &str| sender.send(Outgoing::from(&event("x")).to(address)).await;
    for address in ["orders", "others"] {
        within(send(address)).await.unwrap(); // now the credit is known
        broker.queue(address).answer(Answer::Withhold);
    }
    let elsewhere = async {
        tokio::time::sleep(Duration::from_secs(1)).await; // while the fifth waits for credit
        let mut connectivity = sender.connectivity();
        let (sent, sending) = (Instant::now(), send("others"));
        let replaced = async {
            while connectivity.losses() == 0 {
                connectivity.changed().await;
            }
            sent.elapsed()
        };
        let (result, replaced) = tokio::join!(sending, replaced);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Timeout);
        assert!(replaced >= LIMIT, "{replaced:?}");
    };
    let all = async {
        tokio::join!(
            send("orders"),
            send("orders"),
            send("orders"),
            send("orders"),
            send("orders"),
            elsewhere
        )
    };
    let (first, ..) = tokio::time::timeout(patience(), all).await.unwrap();
    assert_eq!(first.unwrap_err().kind(), ErrorKind::Timeout);
}

/// A fault of the client: senders make another connection before. Once it is repaired, they need not.
#[tokio::test]
async fn the_client_has_no_credit_beyond_32_bits() {
    const END: u32 = u32::MAX - 5;

    for (frames, messages) in [(END, 0), (0, END)] {
        let broker = Broker::start().unwrap();
        let builder = Connection::builder().container_id("bare").sasl_profile(SaslProfile::Anonymous);
        let mut connection = builder.open(broker.url("orders").as_str()).await.unwrap();
        let session = Session::builder().next_outgoing_id(frames);
        let mut session = session.begin(&mut connection).await.unwrap();
        let sender = fe2o3_amqp::Sender::builder().name("bare").target("orders");
        let mut sender = sender.initial_delivery_count(messages).attach(&mut session).await.unwrap();
        for _ in 0..5 {
            within(sender.send("x")).await.unwrap();
        }
        let sixth = tokio::time::timeout(Duration::from_secs(1), sender.send("x")).await;
        assert!(sixth.is_err(), "{sixth:?}");
    }
}

#[tokio::test]
async fn a_receiver_goes_on_beyond_32_bits() {
    let first = u32::MAX - 5;
    let peer = Peer::start_at(first, |link| {
        let mut out = Vec::new();
        while link.has_credit() {
            out.extend(link.message());
        }
        out
    });
    let peer = peer.await;
    let mut options = strict();
    options.prefetch = Some(4);
    let mut receiver = receiver(&peer.url, options).await.unwrap();
    for number in 0..20 {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), first.wrapping_add(number).to_string());
        within(delivery.accept()).await.unwrap();
    }
    assert_eq!(receiver.connectivity().losses(), 0);
}

struct Peer {
    url: String,
    link: Arc<Mutex<Link>>,
}

/// The sending half of the link of the current connection.
#[derive(Default)]
struct Link {
    attach: Option<Attach>,
    /// The delivery count.
    sent: u32,
    /// The delivery count up to which there is credit.
    limit: u32,
    /// Whether messages are sent settled.
    settles: bool,
}

impl Peer {
    /// Starts a peer with one link per connection. `grant` returns what to send when credit has come.
    async fn start(grant: impl Fn(&mut Link) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start_at(0, grant).await
    }

    /// Each link counts from there.
    async fn start_at(first: u32, grant: impl Fn(&mut Link) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("amqp://{}/orders", listener.local_addr().unwrap());
        let link = Arc::new(Mutex::new(Link::default()));
        let peer = Self { url, link: Arc::clone(&link) };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                *link.lock().unwrap() = Link { sent: first, limit: first, ..Link::default() };
                let served = tokio::time::timeout(patience() * 2, serve(&mut stream, &link, &grant)).await;
                println!("the connection ended: {served:?}");
            }
        });
        peer
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap()
    }
}

impl Link {
    fn has_credit(&self) -> bool {
        self.limit.wrapping_sub(self.sent).cast_signed() > 0
    }

    /// The next message, an event whose id is its number.
    fn message(&mut self) -> Vec<u8> {
        let body =
            format!(r#"{{"specversion":"1.0","id":"{}","source":"/s","type":"t"}}"#, self.sent).into_bytes();
        let content_type =
            b"\x00\x53\x73\xc0\x25\x07\x40\x40\x40\x40\x40\x40\xa3\x1capplication/cloudevents+json";
        let payload = [content_type, &b"\x00\x53\x75\xa0"[..], &[u8::try_from(body.len()).unwrap()], &body];
        let out = transfer(self.sent, |transfer| transfer.settled = Some(self.settles), &payload.concat());
        self.sent = self.sent.wrapping_add(1);
        out
    }

    /// The first part of a message, and that it ends there: settled, as Proton and its routers do it.
    fn aborted(&mut self) -> Vec<u8> {
        let begun = transfer(self.sent, |transfer| transfer.more = true, b"\x00\x53\x75\xa0\xff");
        let ended =
            transfer(self.sent, |transfer| (transfer.aborted, transfer.settled) = (true, Some(true)), b"");
        self.sent += 1;
        [begun, ended].concat()
    }

    fn flow(&self, echo: bool) -> Vec<u8> {
        let flow = Flow {
            next_incoming_id: Some(0),
            incoming_window: 5000,
            next_outgoing_id: self.sent,
            outgoing_window: 5000,
            handle: Some(Handle(0)),
            delivery_count: Some(self.sent),
            link_credit: Some(self.limit.saturating_sub(self.sent)),
            available: Some(1),
            drain: false,
            echo,
            properties: None,
        };
        amqp(&Performative::Flow(flow), b"")
    }
}

fn transfer(number: u32, change: impl FnOnce(&mut Transfer), payload: &[u8]) -> Vec<u8> {
    let mut transfer = Transfer {
        handle: Handle(0),
        delivery_id: Some(number),
        delivery_tag: Some(number.to_be_bytes().to_vec().into()),
        message_format: Some(0),
        settled: Some(false),
        more: false,
        rcv_settle_mode: None,
        state: None,
        resume: false,
        aborted: false,
        batchable: false,
    };
    change(&mut transfer);
    amqp(&Performative::Transfer(transfer), payload)
}

fn amqp(performative: &Performative, payload: &[u8]) -> Vec<u8> {
    frame(0, &[&serde_amqp::to_vec(performative).unwrap(), payload].concat())
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&size[..], &[2, kind, 0, 0], body].concat()
}

/// Answers each performative with its like.
async fn serve(
    stream: &mut TcpStream,
    link: &Mutex<Link>,
    grant: &impl Fn(&mut Link) -> Vec<u8>,
) -> io::Result<()> {
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head).await?;
        if head.starts_with(b"AMQP") {
            stream.write_all(&head).await?;
            if head[4] == 3 {
                let mechanisms = frame(1, b"\x00\x53\x40\xc0\x0f\x01\xe0\x0c\x01\xa3\x09ANONYMOUS");
                stream.write_all(&mechanisms).await?;
            }
            continue;
        }
        let size = u32::from_be_bytes(head[..4].try_into().unwrap());
        let mut body = vec![0; size as usize - 8];
        stream.read_exact(&mut body).await?;
        if head[5] == 1 {
            stream.write_all(&frame(1, b"\x00\x53\x44\xc0\x03\x01\x50\x00")).await?;
            continue;
        }
        if body.is_empty() {
            continue;
        }
        let mut performative = serde_amqp::from_slice(&body).unwrap();
        match &mut performative {
            Performative::Begin(begin) => {
                (begin.remote_channel, begin.next_outgoing_id) = (Some(0), link.lock().unwrap().sent);
            }
            Performative::Attach(attach) => {
                let mut link = link.lock().unwrap();
                link.attach = Some(attach.clone());
                (attach.role, attach.initial_delivery_count) = (Role::Sender, Some(link.sent));
            }
            Performative::Flow(Flow { delivery_count: Some(count), link_credit: Some(credit), .. }) => {
                let out = {
                    let mut link = link.lock().unwrap();
                    link.limit = count.wrapping_add(*credit);
                    grant(&mut link)
                };
                stream.write_all(&out).await?;
                continue;
            }
            Performative::Flow(_) | Performative::Disposition(_) => continue,
            _ => {}
        }
        stream.write_all(&amqp(&performative, b"")).await?;
    }
}
