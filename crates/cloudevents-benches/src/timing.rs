//! Time: rounds in which the compared operations take turns, and medians.

use crate::row::Run;
use std::time::Duration;

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// How long all turns of operations that are compared should take together, in nanoseconds.
    total: f64,
}

impl Effort {
    pub(crate) const FULL: Self = Self { total: 1e9 };
    pub(crate) const QUICK: Self = Self { total: 1e8 };
}

/// How long a turn should take, in nanoseconds: far less than a time slice, so that most turns are not interrupted.
const TURN: f64 = 2e5;

/// The bounds of the number of rounds.
const ROUNDS: (f64, f64) = (7.0, 1000.0);

/// Nanoseconds per operation, round by round.
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// How many times longer this took than the other, by the median of the rounds: a disturbance that lasts for a round or
    /// more concerns both alike.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    /// Without another operation's share.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a - b).collect())
    }
}

pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures operations side by side.
pub(crate) fn side_by_side(runs: &[&Run], effort: Effort) -> Vec<Times> {
    let turns: Vec<u64> = runs.iter().map(|run| times_within(run, TURN)).collect();
    let round = || runs.iter().zip(&turns).map(|(run, turn)| measure(run, *turn)).collect::<Vec<f64>>();
    let length: f64 = round().iter().zip(&turns).map(|(each, turn)| each * *turn as f64).sum();
    let rounds = (effort.total / length).clamp(ROUNDS.0, ROUNDS.1) as usize;
    let mut times: Vec<Times> = runs.iter().map(|_| Times(Vec::with_capacity(rounds))).collect();
    for _ in 0..rounds {
        times.iter_mut().zip(round()).for_each(|(times, each)| times.0.push(each));
    }
    times
}

/// Returns how often an operation fits into this many nanoseconds, at least 1. It also warms up: the first runs are slow, and in a turn
/// of few operations the processor's caches still hold the peer's data.
pub(crate) fn times_within(run: &Run, nanoseconds: f64) -> u64 {
    run(2);
    let mut times = 1;
    loop {
        let each = measure(run, times);
        let wanted = (nanoseconds / each).max(1.0) as u64;
        if wanted <= times.saturating_mul(2) {
            return wanted;
        }
        times = wanted.min(times.saturating_mul(16));
    }
}

fn measure(run: &Run, times: u64) -> f64 {
    let start = now();
    run(times);
    (now().saturating_sub(start).as_nanos() as f64).max(1.0) / times as f64
}

/// The processor time of this thread, which excludes other programs.
#[cfg(unix)]
pub(crate) fn now() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(not(unix))]
pub(crate) fn now() -> Duration {
    use std::{sync::OnceLock, time::Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        let (slow, fast) = (Times(vec![10.0, 30.0, 10.0]), Times(vec![5.0, 15.0, 1.0]));
        assert_eq!(slow.ratio(&fast), 2.0);
        assert_eq!(slow.minus(&fast).median(), 9.0);
    }
}
