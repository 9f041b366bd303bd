//! The sender of webhooks before the peer of `shared/failures`. Its requests have sockets, and their time is virtual.

use crate::{
    failures_shared::{Answer, Boxed, LIMIT, LONGEST, MINUTE, Machine, PAUSE, World, play},
    sender::client,
};
use axum::{Router, response::IntoResponse, routing::post};
use cloudevents_core::{Error, Event, Message};
use cloudevents_transport::{Content, Outgoing, Sender};
use cloudevents_webhook::{
    deliver::{RetrySchedule, TargetState},
    handshake::Rate,
    reqwest013::{Target, Undelivered, UndeliveredSink, WebhookSender, WebhookSenderOptions},
    signature::{Sign, SignatureError},
};
use http::{HeaderMap, StatusCode, request::Parts};
use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use tokio::{
    net::TcpListener,
    sync::Notify,
    time::{Instant, sleep},
};

#[test]
fn webhooks_keep_the_rules() {
    play(async |world| {
        let wire = Arc::new(Wire::new());
        tokio::spawn({
            let wire = Arc::clone(&wire);
            async move { wire.run().await }
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new().route(
            "/hook",
            post({
                let wire = Arc::clone(&wire);
                move |body: String| respond(world, wire, body)
            }),
        );
        tokio::spawn(async move { axum::serve(listener, app).await });
        let letters = Letters::default();
        let mut options = WebhookSenderOptions::new("eventemitter.example.com".parse().unwrap());
        options = options.with_undelivered(letters.clone());
        options.retry = RetrySchedule::exponential(Duration::from_secs(1), LONGEST)
            .with_deadline(1440 * MINUTE)
            .with_seed(1);
        (options.timeout, options.longest_pause) = (LIMIT, PAUSE);
        let webhooks = WebhookSender::new(client(), options);
        webhooks.add(Target::new(url).named("peer").agreed(Rate::unlimited()).sign(Marks(wire))).unwrap();
        let sender = webhooks.clone().into_sender();
        Delivering { webhooks, sender, letters }
    });
}

async fn respond(world: World, wire: Arc<Wire>, body: String) -> impl IntoResponse {
    wire.arrived();
    let document: serde_json::Value = serde_json::from_str(&body).unwrap();
    let answer = world.attempt(document["id"].as_str().unwrap()).await;
    wire.moves();
    match answer {
        Answer::Accepted => (StatusCode::NO_CONTENT, HeaderMap::new()),
        Answer::Unreachable => (StatusCode::BAD_GATEWAY, HeaderMap::new()),
        Answer::Busy(wait) => {
            let after = [(http::header::RETRY_AFTER, wait.as_secs().into())];
            (StatusCode::TOO_MANY_REQUESTS, after.into_iter().collect())
        }
        Answer::Refused => (StatusCode::UNPROCESSABLE_ENTITY, HeaderMap::new()),
        Answer::Denied => (StatusCode::UNAUTHORIZED, HeaderMap::new()),
    }
}

/// The clock of tokio goes on to the next timer when no task can run, also while bytes are on their way between sockets. So it has a timer
/// each millisecond as long as they are.
struct Wire {
    begin: Instant,
    moved: AtomicU64,
    sent: AtomicU64,
    arrived: AtomicU64,
    changed: Notify,
}

/// How long bytes may be on their way.
const WAY: u64 = 50;

impl Wire {
    fn new() -> Self {
        let (moved, sent, arrived) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { begin: Instant::now(), moved, sent, arrived, changed: Notify::new() }
    }

    fn now(&self) -> u64 {
        self.begin.elapsed().as_millis() as u64
    }

    fn moves(&self) {
        self.moved.store(self.now(), Relaxed);
        self.changed.notify_one();
    }

    fn sends(&self) {
        self.sent.fetch_add(1, Relaxed);
        self.moves();
    }

    fn arrived(&self) {
        self.arrived.fetch_add(1, Relaxed);
        self.moves();
    }

    async fn run(&self) {
        loop {
            self.changed.notified().await;
            while self.sent.load(Relaxed) > self.arrived.load(Relaxed)
                || self.now() < self.moved.load(Relaxed) + WAY
            {
                sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Signs nothing: it is called when a request is about to be sent.
struct Marks(Arc<Wire>);

impl Sign for Marks {
    fn sign(&self, _: &mut Parts, _: &[u8], _: &str, _: SystemTime) -> Result<(), SignatureError> {
        self.0.sends();
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Letters(Arc<Mutex<Vec<(usize, String)>>>);

impl UndeliveredSink for Letters {
    async fn put(&self, delivery: Undelivered) -> Result<(), Error> {
        let Content::Message(Message::Binary(event)) = delivery.outgoing.content() else {
            panic!("{delivery:?}")
        };
        let id = event.id().parse().unwrap();
        self.0.lock().unwrap().push((id, delivery.reason.to_string()));
        Ok(())
    }
}

struct Delivering {
    webhooks: WebhookSender,
    sender: Sender,
    letters: Letters,
}

impl Machine for Delivering {
    fn send(&self, event: Event) -> Boxed<'static, ()> {
        let sender = self.sender.clone();
        Box::pin(async move { drop(sender.send(Outgoing::from(&event)).await) })
    }

    fn is_well(&self) -> Boxed<'_, bool> {
        Box::pin(async { self.webhooks.state("peer") == Some(TargetState::Active) })
    }

    fn letters(&self) -> Boxed<'_, Vec<(usize, String)>> {
        Box::pin(async { self.letters.0.lock().unwrap().clone() })
    }

    fn end(self) -> Boxed<'static, Result<(), String>> {
        Box::pin(async move { self.sender.close().await.map_err(|error| error.to_string()) })
    }
}
