//! All interleavings of a delivery, its retries and its variants with fewer signatures, with a store that fails at each step.

use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event};
use cloudevents_webhook::{
    DeliveryKey,
    receiver::{Begun, Claim, IdempotencyStore, MemoryStore, Seen, Webhook, WebhookOptions},
    signature::{Coverage, OneSignature, SignatureError, Verified, Verify},
};
use http::{Request, request::Parts};
use http_body_util::Full;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

/// Deliveries with one body: `id` is signed unless it is empty, and so are the other texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    id: &'static str,
    bases: &'static [&'static str],
}

const ORIGINAL: Sent = Sent { id: "1", bases: &["id 1", "body"] };
const STRIPPED: Sent = Sent { id: "", bases: &["body"] };
/// Another attempt, at another time.
const SIGNED_AGAIN: Sent = Sent { id: "1", bases: &["id 1 again", "body again"] };
const STRIPPED_AGAIN: Sent = Sent { id: "", bases: &["body again"] };
/// Another delivery with the same body, which was signed in the same second.
const OTHER: Sent = Sent { id: "2", bases: &["id 2", "body"] };

/// What happens to a delivery.
#[derive(Clone, Copy, Debug)]
struct Step {
    sent: Sent,
    is_accepted: bool,
    /// The call of the store that fails, and whether it has an effect all the same.
    fails: Option<(usize, bool)>,
}

/// The signatures are in a header.
struct Signatures;

impl Verify for Signatures {
    fn verify(&self, request: &Parts, _: &[u8], _: SystemTime) -> Result<Verified, SignatureError> {
        let id = request.headers["webhook-id"].to_str().unwrap();
        let mut verified = Verified::new(Coverage::Body);
        verified.id = Some(id.into()).filter(|_| !id.is_empty());
        verified.signatures = request.headers["signature"]
            .to_str()
            .unwrap()
            .split(',')
            .map(|base| OneSignature::new(base, Coverage::Body, base.starts_with("id")))
            .collect();
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

    async fn seen(&self, key: DeliveryKey) -> Result<Seen, Error> {
        self.call(self.inner.seen(key)).await
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        let _ = self.call(self.inner.abandon(key, claim)).await;
        self.inner.abandon(key, claim).await
    }
}

fn request(sent: Sent) -> Request<Full<Bytes>> {
    let request = Request::post("/hook").header("content-type", "application/json");
    let request = request.header("webhook-id", sent.id).header("signature", sent.bases.join(","));
    request.body(Full::new(Bytes::from_static(b"{}"))).unwrap()
}

fn options() -> WebhookOptions {
    let event = |_: &Parts, body: &Bytes| {
        let id = DeliveryKey::of_body(body).to_string();
        Event::builder().id(id).source("/").ty("t").build().map_err(Error::from)
    };
    WebhookOptions::without_handshake().signature(Signatures).convert(event)
}

/// The end of a step: the status, and whether the service accepted the delivery.
type Ended = (u16, bool);

/// One after another, or the second while the handler has the first.
async fn run(steps: &[Step], are_together: bool, store: &MemoryStore) -> Vec<Ended> {
    let (mut ended, mut held) = (Vec::new(), Vec::new());
    for step in steps {
        let store = Failing {
            inner: store.clone(),
            left: Arc::new(AtomicUsize::new(step.fails.map_or(usize::MAX, |(at, _)| at))),
            has_effect: step.fails.is_some_and(|(_, has_effect)| has_effect),
        };
        let (webhook, mut receiver) = Webhook::open(options().idempotency(store)).unwrap();
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

fn shares(one: Sent, other: Sent) -> bool {
    let bases = |sent: Sent| sent.bases.iter().copied().collect::<BTreeSet<_>>();
    match (one.id, other.id) {
        // Different deliveries that were signed in one second.
        (one, other) if !one.is_empty() && !other.is_empty() => one == other,
        _ => !bases(one).is_disjoint(&bases(other)),
    }
}

/// Every pair and every third, each accepted or not, in turn or together, with no failure or one at each call of the store.
#[tokio::test]
async fn what_shares_a_signature_or_an_id_is_accepted_once() {
    const ALL: [Sent; 5] = [ORIGINAL, STRIPPED, SIGNED_AGAIN, STRIPPED_AGAIN, OTHER];
    let failures: Vec<Option<(usize, bool)>> =
        [None].into_iter().chain((0..5).flat_map(|at| [Some((at, false)), Some((at, true))])).collect();
    let mut number = 0;
    const LAST: [Sent; 3] = [ORIGINAL, STRIPPED, OTHER];
    for (first, second, third) in ALL.iter().flat_map(|first| {
        ALL.iter().flat_map(move |second| LAST.iter().map(move |third| (*first, *second, *third)))
    }) {
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
    assert_eq!(number, 5 * 5 * 3 * 11 * 8);
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
            assert!(!shares(*one, *other), "{one:?} and {other:?} were both accepted: {}", shown());
        }
    }
    // A success is a promise: the service has accepted the delivery, or a variant of it.
    for (step, (status, _)) in steps.iter().zip(&ended) {
        let is_kept = accepted.iter().any(|accepted| shares(*accepted, step.sent));
        assert!(*status != 204 || is_kept || step.sent.id.is_empty(), "{:?}: {}", step.sent, shown());
    }
    // What no lost answer has left unfinished goes on: no genuine delivery is refused for ever.
    if steps.iter().all(|step| step.fails.is_none_or(|(_, has_effect)| !has_effect)) {
        for sent in [ORIGINAL, SIGNED_AGAIN, OTHER] {
            let again = Step { sent, is_accepted: true, fails: None };
            let last = run(&[again], false, &store).await;
            assert_eq!(last[0].0, 204, "{sent:?}: {}", shown());
        }
    }
}
