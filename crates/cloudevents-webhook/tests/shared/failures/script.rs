//! The behaviour of a peer over time.

use cloudevents_testkit::rng::Rng;
use std::time::Duration;

/// A minute.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// After this time in a stretch, a machine knows about it.
pub(crate) const KNOWN: Duration = Duration::from_secs(10 * 60);
/// Messages share a key with others.
pub(crate) const KEYS: u64 = 4;

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) messages: Vec<Message>,
    pub(crate) stretches: Vec<Stretch>,
}

/// Messages are numbered by the time at which they are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) at: Duration,
    pub(crate) key: u64,
}

/// The peer is so from this time to that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    pub(crate) peer: Peer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Well,
    /// It takes up to 20 seconds.
    Slow,
    /// It does not exist.
    Away,
    /// It takes a message, and gives no answer.
    Hangs,
    /// It requests this wait.
    Busy(Duration),
    /// It refuses all, as with a token that it does not accept.
    DeniesAll,
    /// It refuses messages of this key because of their contents.
    Refuses(u64),
    /// It refuses messages of this key, in a way that could be about the sender.
    Denies(u64),
}

impl Peer {
    /// Whether it takes no message.
    pub(crate) fn is_bad_for_all(self) -> bool {
        matches!(self, Self::Away | Self::Hangs | Self::Busy(_) | Self::DeniesAll)
    }

    /// Whether it refuses messages of this key alone.
    pub(crate) fn refuses(self, key: u64) -> bool {
        self == Self::Refuses(key) || self == Self::Denies(key)
    }
}

impl Script {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let (mut stretches, mut now) = (Vec::new(), Duration::ZERO);
        let mut until = |minutes: u64, peer| {
            let from = now;
            now += minutes as u32 * MINUTE;
            stretches.push(Stretch { from, to: now, peer });
        };
        for _ in 0..3 + rng.below(3) {
            let well = [Peer::Well, Peer::Slow];
            until(10 + rng.below(15), rng.pick(&well));
            let (key, wait) = (rng.below(KEYS), rng.pick(&[5, 60, 240]));
            let bad = [
                Peer::Away,
                Peer::Hangs,
                Peer::Busy(Duration::from_secs(wait)),
                Peer::DeniesAll,
                Peer::Refuses(key),
                Peer::Denies(key),
            ];
            until(2 + rng.below(40), rng.pick(&bad));
        }
        until(30, Peer::Well);
        let busy = now - 15 * MINUTE;
        let bursts: Vec<Duration> =
            (0..3).map(|_| Duration::from_millis(rng.below(busy.as_millis() as u64))).collect();
        let mut messages: Vec<Message> = (0..20 + rng.below(150))
            .map(|_| {
                let at = Duration::from_millis(rng.below(busy.as_millis() as u64));
                Message { at: if rng.percent(30) { rng.pick(&bursts) } else { at }, key: rng.below(KEYS) }
            })
            .collect();
        messages.sort_by_key(|message| message.at);
        Self { messages, stretches }
    }

    pub(crate) fn end(&self) -> Duration {
        self.stretches.last().map_or(Duration::ZERO, |last| last.to)
    }

    /// The behaviour of the peer, this long after the beginning.
    pub(crate) fn peer(&self, passed: Duration) -> Peer {
        let here = self.stretches.iter().find(|stretch| (stretch.from..stretch.to).contains(&passed));
        here.map_or(Peer::Well, |stretch| stretch.peer)
    }
}
