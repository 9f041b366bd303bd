//! Incidents of production, for senders and receivers of any protocol: checks that a binding's test runs through a [`FaultProxy`].
//!
//! A binding implements [`Proxied`] over a broker, real or embedded, and calls [`check_all`]. Each check asserts four things as far as they
//! apply:
//!
//! - Confirmed messages arrive.
//! - Each send has an outcome within the time of [`Patience`].
//! - The states of both connections show the fault.
//! - When the fault is over, both connections work again without being opened anew.
//!
//! The pages of protocols in `docs/protocols` of the repository have the results.

mod members;
mod scene;

use crate::{
    fault_proxy::{End, FaultProxy, Flow},
    slowed,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    ReceiverOptions,
    contract::{Failure, Report, Venue, Verdict},
};
use futures_util::future::{LocalBoxFuture, join_all, try_join_all};
pub use members::check_members;
use scene::{Scene, ensure};
use std::{net::SocketAddr, num::NonZeroU32, time::Duration};
use tokio::time::{sleep, timeout};

/// A venue whose senders and receivers connect to the broker through a proxy.
pub trait Proxied: Venue {
    /// The proxy, which no other venue uses.
    fn proxy(&self) -> &FaultProxy;

    /// Whether the receiver is the server, before which the proxy is: it has no connection of its own to lose. Default: no.
    fn receiver_listens(&self) -> bool {
        false
    }

    /// Whether a lost connection shows although another one is made at once. Default: yes. It does not if a library connects by itself, and
    /// reports only that no broker can be reached.
    fn shows_each_loss(&self) -> bool {
        true
    }

    /// Whether a send that the broker does not take in time has an end before its connection has. Default: yes.
    fn limits_sends(&self) -> bool {
        true
    }
}

/// How patient the clients of a venue are, by their options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patience {
    /// How long the broker may take to confirm a message, and how long a message waits for a connection (`enqueue_timeout`).
    pub send: Duration,
    /// Within which time a client gives up a connection that is silent. The venue selects a keep-alive, in whole seconds, that leads to
    /// this.
    pub silence: Duration,
}

impl Patience {
    /// More than any fault of these checks takes.
    pub const LONG: Self = Self { send: LONG, silence: LONG };
}

/// Longer than any fault of these checks.
const LONG: Duration = Duration::from_secs(60);

/// Shorter than the faults of these checks.
const SHORT: Duration = Duration::from_secs(2);

/// A silence that is given up in a check. Keep-alives of whole seconds are half of it.
const SILENCE: Duration = Duration::from_secs(4);

/// How long a fault lasts that is to be survived.
const STALL: Duration = Duration::from_secs(2);

/// How much a busy machine may add to a time.
fn slack() -> Duration {
    slowed(Duration::from_secs(6))
}

/// Within which time both work again after a fault is over: the pause before the next attempt is at most as long as the fault was.
fn again() -> Duration {
    slowed(Duration::from_secs(15))
}

/// The bytes per second of a line, or of each of them, over which no large message passes within `SHORT`.
const SLOW: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

/// How often a fault comes to the same sender and receiver. A state that is not reset after the first fault shows in the second.
const ROUNDS: usize = 2;

/// How many sends wait in a fault.
const WAITING: usize = 20;

/// Where a connection is cut, in bytes of one direction: in handshakes, in frames, and in confirmations.
const CUTS: [(Flow, u64); 8] = [
    (Flow::ToClient, 0),
    (Flow::ToClient, 7),
    (Flow::ToClient, 90),
    (Flow::ToClient, 400),
    (Flow::ToServer, 0),
    (Flow::ToServer, 7),
    (Flow::ToServer, 90),
    (Flow::ToServer, 400),
];

/// Runs every check at venues of its own, all at the same time, for they mostly wait.
pub async fn check_all<V: Proxied>(open: impl AsyncFn(Patience) -> Result<V, Error>) -> Report {
    let (long, short) = (Patience::LONG, Patience { send: SHORT, silence: SILENCE });
    // One that is not to be given up is longer than a busy machine stands still.
    let (unconfirmed, silent) =
        (Patience { send: SHORT, silence: LONG }, Patience { send: LONG, silence: SILENCE * 2 });
    let open = &open;
    let checks: [(&'static str, Check<'_>); 12] = [
        (
            "a_stall_that_ends_costs_nothing",
            Box::pin(async move { a_stall_that_ends(&open(long).await?).await }),
        ),
        ("a_stall_past_every_timeout", Box::pin(async move { a_stall(&open(short).await?, short).await })),
        (
            "a_stall_past_the_sends",
            Box::pin(async move {
                late_sends(&open(unconfirmed).await?, unconfirmed, |proxy| proxy.stall(Flow::ToServer)).await
            }),
        ),
        (
            "a_line_that_is_slow",
            Box::pin(async move {
                late_sends(&open(unconfirmed).await?, unconfirmed, |proxy| proxy.slow(Flow::ToServer, SLOW))
                    .await
            }),
        ),
        ("a_cut_while_sends_wait", Box::pin(async move { an_end(&open(long).await?, End::Cut).await })),
        ("a_reset_while_sends_wait", Box::pin(async move { an_end(&open(long).await?, End::Reset).await })),
        (
            "a_reset_while_messages_are_handled",
            Box::pin(async move { an_end_for_handlers(&open(long).await?).await }),
        ),
        ("a_cut_at_any_byte", Box::pin(cuts(open, long))),
        ("a_half_open_connection", Box::pin(async move { half_open(&open(short).await?, short).await })),
        (
            "confirmations_that_do_not_come",
            Box::pin(async move { unconfirmed_sends(&open(unconfirmed).await?, unconfirmed).await }),
        ),
        (
            "a_consumer_that_stands_still",
            Box::pin(async move { a_slow_consumer(&open(silent).await?, silent).await }),
        ),
        (
            "a_slow_handler_gets_each_message_once",
            Box::pin(async move { a_slow_handler(&open(long).await?).await }),
        ),
    ];
    join_all(checks.map(|(name, check)| async move { (name, check.await) })).await.into_iter().collect()
}

/// Checks that both connect to another broker at the same address.
///
/// The other broker has no queues, sessions and positions. Messages that are sent to it have to arrive. Messages that only the first broker
/// had are gone with it. The other broker listens at `empty`.
///
/// An error says which of these does not hold.
pub async fn check_replaced(venue: &impl Proxied, empty: SocketAddr) -> Result<(), Failure> {
    let scene = Scene::open(venue).await?;
    // More than will be sent to the other one: a log that has outgrown a position looks like the one before.
    scene.each_arrives(WAITING * 10).await?;
    venue.proxy().forward_to(empty);
    venue.proxy().end(End::Cut);
    if venue.shows_each_loss() {
        scene.losses_are_seen(slack()).await?;
    }
    scene.passes_again().await?;
    scene.each_arrives(WAITING).await
}

type Check<'a> = LocalBoxFuture<'a, Result<Verdict, Failure>>;

/// TCP stays and no byte comes for a moment: every send that waits succeeds, and no connection is given up.
async fn a_stall_that_ends(venue: &impl Proxied) -> Result<Verdict, Failure> {
    let scene = Scene::open(venue).await?;
    venue.proxy().stall(Flow::Both);
    let sends = scene.send(WAITING);
    sleep(STALL).await;
    venue.proxy().resume();
    for sent in scene.outcomes(sends, again()).await? {
        ensure(sent.result.is_ok(), || format!("{sent:?}"))?;
    }
    scene.nothing_confirmed_is_lost().await?;
    ensure(scene.losses() == (0, 0), || format!("lost connections: {:?}", scene.losses()))?;
    Ok(Verdict::Holds)
}

/// TCP stays and no byte comes until everything has timed out: sends have an end, both ends notice, and both work again afterwards.
async fn a_stall(venue: &impl Proxied, patience: Patience) -> Result<Verdict, Failure> {
    let mut scene = Scene::open(venue).await?;
    for _ in 0..ROUNDS {
        scene.begin();
        venue.proxy().stall(Flow::Both);
        let sends = scene.send(WAITING);
        scene.outcomes(sends, patience.send * 2 + slack()).await?;
        scene.losses_are_seen(patience.silence + slack()).await?;
        venue.proxy().resume();
        scene.works_again().await?;
    }
    Ok(Verdict::Holds)
}

/// TCP stays and little or nothing passes, until more than the system keeps has timed out, which is before a connection is given up: both
/// work again afterwards.
async fn late_sends(
    venue: &impl Proxied,
    patience: Patience,
    fault: impl FnOnce(&FaultProxy),
) -> Result<Verdict, Failure> {
    const MANY: usize = 40;
    const BYTES: usize = 400_000;
    if !venue.limits_sends() {
        return Ok(Verdict::NotClaimed);
    }
    let scene = Scene::open(venue).await?;
    fault(venue.proxy());
    if !venue.shows_each_loss() {
        scene.loss_is_unseen(); // of the place in a group, whose session is shorter
    }
    let sends = scene.send_large(MANY, BYTES);
    let outcomes = scene.outcomes(sends, patience.send * 2 + slack()).await?;
    let failed = outcomes.iter().any(|sent| sent.result.is_err());
    ensure(failed, || "the system kept everything: this check has no fault".into())?;
    venue.proxy().resume();
    scene.works_again().await
}

/// Connections end while sends wait, and new ones are refused for a moment.
async fn an_end(venue: &impl Proxied, end: End) -> Result<Verdict, Failure> {
    let mut scene = Scene::open(venue).await?;
    for _ in 0..ROUNDS {
        scene.begin();
        venue.proxy().stall(Flow::Both);
        let sends = scene.send(WAITING);
        let refuses = timeout(LONG, venue.proxy().refuse()).await.is_ok();
        ensure(refuses, || "the proxy does not refuse connections: its port is taken".into())?;
        sleep(STALL / 2).await; // so that the sends wait for the broker
        venue.proxy().end(end);
        scene.losses_are_seen(slack()).await?;
        sleep(STALL / 2).await; // the broker stays away
        venue.proxy().resume();
        scene.outcomes(sends, again()).await?;
        scene.works_again().await?;
    }
    Ok(Verdict::Holds)
}

/// Connections end while handlers hold all that they may: others are made all the same.
async fn an_end_for_handlers(venue: &impl Proxied) -> Result<Verdict, Failure> {
    let scene = Scene::open(venue).await?;
    scene.pace(None);
    let sends = scene.send(WAITING);
    scene.is_handling(LONG).await?;
    venue.proxy().end(End::Reset);
    scene.losses_are_seen(slack()).await?;
    if venue.claims().persistent {
        scene.receiver_is_connected(again()).await?; // elsewhere what is left comes first
    }
    scene.pace(Some(Duration::ZERO));
    scene.outcomes(sends, again()).await?;
    scene.works_again().await
}

/// Connections, also new ones, end for a moment at a byte. The byte differs from venue to venue.
async fn cuts<V: Proxied>(
    open: &impl AsyncFn(Patience) -> Result<V, Error>,
    patience: Patience,
) -> Result<Verdict, Failure> {
    let all = CUTS.map(|(flow, bytes)| async move {
        let failed = |failure: Failure| Failure::new(format!("{flow:?}, after {bytes} bytes: {failure}"));
        cut_at(&open(patience).await?, flow, bytes).await.map_err(failed)
    });
    try_join_all(all).await?;
    Ok(Verdict::Holds)
}

async fn cut_at(venue: &impl Proxied, flow: Flow, bytes: u64) -> Result<Verdict, Failure> {
    let scene = Scene::open(venue).await?;
    venue.proxy().end_after(flow, bytes, End::Cut);
    if !venue.shows_each_loss() {
        scene.loss_is_unseen(); // a library sends again by itself, and a broker of a test may store that again
    }
    let sends = scene.send(WAITING);
    sleep(STALL / 2).await; // for a few attempts
    venue.proxy().resume();
    scene.outcomes(sends, again()).await?;
    scene.works_again().await
}

/// The peer is gone without a FIN, and reachable again at once.
async fn half_open(venue: &impl Proxied, patience: Patience) -> Result<Verdict, Failure> {
    let scene = Scene::open(venue).await?;
    venue.proxy().half_open();
    let sends = scene.send(WAITING);
    scene.outcomes(sends, patience.send * 2 + slack()).await?;
    if venue.shows_each_loss() {
        scene.losses_are_seen(patience.silence + slack()).await?;
    } else {
        scene.loss_is_unseen();
    }
    scene.works_again().await
}

/// The broker gets the messages, and its answers do not come. Sends have an end, twice, so that they leave no permit taken behind.
async fn unconfirmed_sends(venue: &impl Proxied, patience: Patience) -> Result<Verdict, Failure> {
    if !venue.claims().persistent {
        return Ok(Verdict::NotClaimed);
    }
    let scene = Scene::open(venue).await?;
    venue.proxy().stall(Flow::ToClient);
    for _ in 0..2 {
        let sends = scene.send(WAITING);
        for sent in scene.outcomes(sends, patience.send * 2 + slack()).await? {
            let kind = sent.result.as_ref().err().map(Error::kind);
            let is_honest = matches!(kind, Some(ErrorKind::Timeout | ErrorKind::Disconnected));
            ensure(is_honest, || format!("without a confirmation: {sent:?}"))?;
        }
    }
    venue.proxy().resume();
    scene.works_again().await
}

/// A handler stands still for longer than any keep-alive, while much is sent: no connection is given up, and everything arrives.
async fn a_slow_consumer(venue: &impl Proxied, patience: Patience) -> Result<Verdict, Failure> {
    const MANY: usize = 100;
    const BYTES: usize = 50_000;
    let scene = Scene::open(venue).await?;
    scene.pace(None);
    let sends = scene.send_large(MANY, BYTES);
    sleep(patience.silence * 2 + STALL / 2).await;
    scene.pace(Some(Duration::ZERO));
    for sent in scene.outcomes(sends, LONG).await? {
        ensure(sent.result.is_ok(), || format!("{sent:?}"))?;
    }
    scene.all_arrive(LONG).await?;
    ensure(scene.losses() == (0, 0), || format!("lost connections: {:?}", scene.losses()))?;
    Ok(Verdict::Holds)
}

/// A handler that takes its time, with the receiver's own bounds. No message comes twice, no matter how many wait for the handler.
async fn a_slow_handler(venue: &impl Proxied) -> Result<Verdict, Failure> {
    const MANY: usize = 600;
    const PACE: Duration = Duration::from_millis(15);
    let scene = Scene::open_with(venue, ReceiverOptions::default()).await?;
    scene.pace(Some(PACE));
    for sent in scene.outcomes(scene.send(MANY), LONG).await? {
        ensure(sent.result.is_ok(), || format!("{sent:?}"))?;
    }
    scene.all_arrive(LONG).await?;
    scene.nothing_confirmed_is_lost().await?;
    ensure(scene.losses() == (0, 0), || format!("lost connections: {:?}", scene.losses()))?;
    Ok(Verdict::Holds)
}
