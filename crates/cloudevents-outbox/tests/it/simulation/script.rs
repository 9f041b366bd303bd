//! What happens in a schedule.

use cloudevents_testkit::rng::Rng;
use std::time::{Duration, SystemTime};

pub(super) const LEASE: Duration = Duration::from_secs(60);
/// How far clocks are ahead at most. They agree to within a fraction of the lease.
pub(super) const SKEW: Duration = Duration::from_secs(8);
const HOUR: u64 = 3600;

pub(super) const TARGETS: [&str; 3] = ["a", "b", "c"];
const PLACES: [&str; 2] = ["orders", "bills"];

/// The time on the wall, this long after the beginning.
pub(super) fn at(passed: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + passed
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) messages: Vec<Message>,
    pub(super) workers: Vec<Program>,
    pub(super) deadline: Duration,
    /// The most attempts that count.
    pub(super) attempts: Option<u32>,
    /// When an operator resumes which target.
    pub(super) resumes: Vec<(Duration, &'static str)>,
    weather: Vec<Weather>,
}

/// Messages are numbered by the time at which they are enqueued.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) at: Duration,
    pub(super) target: &'static str,
    pub(super) place: &'static str,
    pub(super) in_order: bool,
    pub(super) does: Does,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Succeeds,
    /// It is refused for what it is.
    IsPoison,
    /// It is refused in a way that could be about the sender.
    IsDenied,
}

/// A worker.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) ahead: Duration,
    /// When the store does not answer it.
    pub(super) cuts: Vec<(Duration, Duration)>,
    /// When it stops, for how long, and whether it crashes.
    pub(super) stops: Vec<(Duration, Duration, bool)>,
}

#[derive(Clone, Debug)]
struct Weather {
    from: Duration,
    to: Duration,
    target: &'static str,
    /// Everywhere, if `None`.
    place: Option<&'static str>,
    sky: Sky,
}

/// What a target does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sky {
    Fair,
    Away,
    Hangs,
    /// Takes from 20 to 40 seconds.
    Slow,
    Denies,
    /// Responds with failures that pass, which may be about the message.
    Sick,
    Busy(Duration),
    /// The senders of all workers hold messages back.
    HeldBack(Duration),
}

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let seconds = |rng: &mut Rng, below: u64| Duration::from_millis(rng.below(below * 1000));
        // A target that is slow, with a backlog in order.
        let is_queue = rng.percent(25);
        // Many messages that are refused.
        let share = if rng.percent(20) { 60 } else { 12 };
        let mut messages: Vec<Message> = (0..5 + rng.below(40))
            .map(|_| Message {
                at: if is_queue || rng.percent(50) {
                    Duration::from_secs(1)
                } else {
                    seconds(&mut rng, HOUR)
                },
                target: if is_queue && rng.percent(80) { TARGETS[0] } else { rng.pick(&TARGETS) },
                place: rng.pick(&PLACES),
                in_order: rng.percent(if is_queue { 90 } else { 50 }),
                does: match rng.below(100) {
                    number if number < share / 2 => Does::IsPoison,
                    number if number < share => Does::IsDenied,
                    _ => Does::Succeeds,
                },
            })
            .collect();
        messages.sort_by_key(|message| message.at);
        let window = |rng: &mut Rng, longest: u64| {
            let from = seconds(rng, HOUR);
            (from, from + seconds(rng, longest))
        };
        let slow = Weather {
            from: Duration::ZERO,
            to: Duration::from_secs(HOUR),
            target: TARGETS[0],
            place: None,
            sky: Sky::Slow,
        };
        let weather = (0..rng.below(8))
            .map(|_| {
                let longest = rng.pick(&[10, 300, HOUR]);
                let (from, to) = window(&mut rng, longest);
                let wait = rng.pick(&[0, 1, 60, 1800, HOUR, 48 * HOUR, u64::MAX]);
                let sky = [
                    Sky::Away,
                    Sky::Hangs,
                    Sky::Slow,
                    Sky::Slow,
                    Sky::Denies,
                    Sky::Sick,
                    Sky::Busy(Duration::from_secs(wait)),
                    Sky::HeldBack(Duration::from_secs(wait)),
                ];
                let place = rng.percent(30).then(|| rng.pick(&PLACES));
                Weather { from, to, target: rng.pick(&TARGETS), place, sky: rng.pick(&sky) }
            })
            .chain(is_queue.then_some(slow))
            .collect();
        let workers = (0..1 + rng.below(3))
            .map(|_| Program {
                ahead: seconds(&mut rng, SKEW.as_secs()),
                cuts: (0..rng.below(3)).map(|_| window(&mut rng, 300)).collect(),
                stops: (0..rng.below(3))
                    .map(|number| {
                        let at = Duration::from_secs(number * HOUR) + seconds(&mut rng, HOUR);
                        (at, seconds(&mut rng, 600), rng.percent(70))
                    })
                    .collect(),
            })
            .collect();
        let resumes = (0..rng.below(3)).map(|_| (seconds(&mut rng, 2 * HOUR), rng.pick(&TARGETS))).collect();
        let attempts = rng.percent(50).then_some(12);
        Self { messages, workers, deadline: Duration::from_secs(2 * HOUR), attempts, resumes, weather }
    }

    /// Whether targets do nothing but refuse some messages.
    pub(super) fn is_fair(&self) -> bool {
        self.weather.is_empty()
    }

    pub(super) fn sky(&self, message: &Message, now: Duration) -> Sky {
        let here = self.weather.iter().find(|weather| {
            (weather.from..weather.to).contains(&now)
                && weather.target == message.target
                && weather.place.is_none_or(|place| place == message.place)
        });
        here.map_or(Sky::Fair, |weather| weather.sky)
    }
}
