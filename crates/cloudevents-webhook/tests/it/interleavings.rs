//! All interleavings of a delivery, its retries and another delivery with its body, with a store that fails at each step.

use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event};
use cloudevents_webhook::{
    DeliveryKey,
    receiver::{Begun, Claim, IdempotencyStore, MemoryStore, Webhook, WebhookOptions},
    signature::{Coverage, SignatureError, Verified, Verify},
};
use http::{Request, request::Parts};
use http_body_util::Full;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

/// The signed id of a delivery. All of them have one body.
type Sent = &'static str;

const ORIGINAL: Sent = "1";
const OTHER: Sent = "2";

/// What happens to a delivery.
#[derive(Clone, Copy, Debug)]
struct Step {
    sent: Sent,
    is_accepted: bool,
    /// The call of the store that fails, and whether it has an effect all the same.
    fails: Option<(usize, bool)>,
}

/// The id in the header is signed.
struct Signed;

impl Verify for Signed {
    fn verify(&self, request: &Parts, _: &[u8], _: SystemTime) -> Result<Verified, SignatureError> {
        let mut verified = Verified::new(Coverage::Body);
        verified.id = Some(request.headers["webhook-id"].to_str().unwrap().into());
        Ok(verified)
    }
}

/// A store whose calls fail on demand.
#[derive(Clone)]
struct Failing {
    inner: MemoryStore,
    /// The calls until the one that fails.
    left: Arc<AtomicUsize>,
    has_effect: bool,
}

impl Failing {
    async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let fails = self.left.fetch_sub(1, Ordering::Relaxed) == 0;
        match fails && !self.has_effect {
            true => Err(Error::new(ErrorKind::Unreachable)),
            false => call.await.and_then(|value| match fails {
                true => Err(Error::new(ErrorKind::Disconnected)),
                false => Ok(value),
            }),
        }
    }
}

impl IdempotencyStore for Failing {
    async fn begin(&self, key: DeliveryKey) -> Result<Begun, Error> {
        self.call(self.inner.begin(key)).await
    }

    /// It tries again, as stores that outlive the process do for as long as a lease.
    async fn complete(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        let _ = self.call(self.inner.complete(key, claim)).await;
        self.inner.complete(key, claim).await
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        let _ = self.call(self.inner.abandon(key, claim)).await;
        self.inner.abandon(key, claim).await
    }
}

fn request(sent: Sent) -> Request<Full<Bytes>> {
    let request = Request::post("/hook").header("content-type", "application/json");
    request.header("webhook-id", sent).body(Full::new(Bytes::from_static(b"{}"))).unwrap()
}

/// A later attempt waits for a shorter time. So the attempt that it waits for is still there.
fn options(number: u32) -> WebhookOptions {
    let event = |_: &Parts, body: &Bytes| {
        let id = DeliveryKey::of_body(body).to_string();
        Event::builder().id(id).source("/").ty("t").build().map_err(Error::from)
    };
    let within = Duration::from_secs(600) / 10_u32.pow(number);
    WebhookOptions::without_handshake().signature(Signed).convert(event).respond_within(within)
}

/// The end of a step: the status, and whether the service accepted the delivery.
type Ended = (u16, bool);

/// One after another, or the second while the handler has the first.
async fn run(steps: &[Step], are_together: bool, store: &MemoryStore) -> Vec<Ended> {
    let (mut ended, mut held) = (Vec::new(), Vec::new());
    for (number, step) in (0..).zip(steps) {
        let store = Failing {
            inner: store.clone(),
            left: Arc::new(AtomicUsize::new(step.fails.map_or(usize::MAX, |(at, _)| at))),
            has_effect: step.fails.is_some_and(|(_, has_effect)| has_effect),
        };
        let (webhook, mut receiver) = Webhook::open(options(number).idempotency(store)).unwrap();
        let answering = webhook.clone();
        let sent = step.sent;
        let mut responding =
            tokio::spawn(async move { answering.respond(request(sent), None).await.status().as_u16() });
        tokio::select! {
            status = &mut responding => ended.push((status.unwrap(), false)),
            delivery = receiver.next() => {
                ended.push((0, false));
                held.push((ended.len() - 1, *step, delivery.unwrap().unwrap(), responding, webhook, receiver));
            }
        }
        if !are_together {
            settle(&mut held, &mut ended).await;
        }
    }
    settle(&mut held, &mut ended).await;
    ended
}

type Held = (
    usize,
    Step,
    cloudevents_transport::Delivery,
    tokio::task::JoinHandle<u16>,
    Webhook,
    cloudevents_transport::Receiver,
);

async fn settle(held: &mut Vec<Held>, ended: &mut [Ended]) {
    for (at, step, delivery, responding, webhook, _receiver) in held.drain(..) {
        match step.is_accepted {
            true => delivery.accept().await.unwrap(),
            false => delivery.release().await.unwrap(),
        }
        ended[at] = (responding.await.unwrap(), step.is_accepted);
        webhook.recorded().await;
    }
}

/// Three of them, each accepted or not, in turn or together, with no failure or one at each call of the store.
#[tokio::test(start_paused = true)]
async fn what_has_one_id_is_accepted_once() {
    const ALL: [Sent; 2] = [ORIGINAL, OTHER];
    let failures: Vec<Option<(usize, bool)>> =
        [None].into_iter().chain((0..3).flat_map(|at| [Some((at, false)), Some((at, true))])).collect();
    let mut number = 0;
    let pairs = ALL.iter().flat_map(|first| ALL.iter().map(move |second| (*first, *second)));
    for (first, second, third) in pairs.flat_map(|(first, second)| ALL.map(|third| (first, second, third))) {
        for fails in &failures {
            for (accepts, are_together) in [(true, true), (true, false), (false, true), (false, false)]
                .into_iter()
                .flat_map(|(one, two)| [([one, two, true], false), ([one, two, true], true)])
            {
                let step = |sent, is_accepted, fails| Step { sent, is_accepted, fails };
                let steps = [
                    step(first, accepts[0], *fails),
                    step(second, accepts[1], None),
                    step(third, accepts[2], None),
                ];
                check(&steps, are_together).await;
                number += 1;
            }
        }
    }
    assert_eq!(number, 2 * 2 * 2 * 7 * 8);
}

async fn check(steps: &[Step], are_together: bool) {
    let store = MemoryStore::new(1000);
    let ended = run(steps, are_together, &store).await;
    let shown = || format!("{steps:#?} together: {are_together}: {ended:?}");
    let accepted: Vec<Sent> = steps
        .iter()
        .zip(&ended)
        .filter(|(_, (_, is_accepted))| *is_accepted)
        .map(|(step, _)| step.sent)
        .collect();
    for (at, one) in accepted.iter().enumerate() {
        for other in &accepted[at + 1..] {
            assert!(one != other, "{one} was accepted twice: {}", shown());
        }
    }
    // A success is a promise: the service has accepted the delivery.
    for (step, (status, _)) in steps.iter().zip(&ended) {
        assert!(*status != 204 || accepted.contains(&step.sent), "{}: {}", step.sent, shown());
    }
    // What no lost answer has left unfinished goes on: no genuine delivery is refused for ever.
    if steps.iter().all(|step| step.fails.is_none_or(|(_, has_effect)| !has_effect)) {
        for sent in [ORIGINAL, OTHER] {
            let again = Step { sent, is_accepted: true, fails: None };
            let last = run(&[again], false, &store).await;
            assert_eq!(last[0].0, 204, "{sent:?}: {}", shown());
        }
    }
}
