//! A slow target with few permits. It goes on with a request whose client has hung up. If a client sends more requests than the target
//! answers in time, it sends everything again. Then the target has time for repeats only.

use crate::{
    brokers::Broker,
    child::Program,
    events::Events,
    failure::Result,
    judge::{Counts, Judge, Verdict},
    load::{Load, fresh},
    table::{Measured, Row, Table},
    target::{Places, Target},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// The lowest part of the target's capacity that is new events.
const FLOOR: f64 = 0.8;
/// The keys of a backlog.
const KEYS: usize = 5000;

/// Times of the target and of the bridge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slowness {
    /// The permits of the target, and how long it takes for a request.
    pub(crate) places: usize,
    pub(crate) delay: Duration,
    /// How long the bridge waits for a response, in seconds.
    pub(crate) timeout: u32,
    /// How long the bridge has to find its pace, and how long it is measured then.
    pub(crate) before: Duration,
    pub(crate) measured: Duration,
}

impl Slowness {
    /// Requests per second.
    fn capacity(self) -> f64 {
        self.places as f64 / self.delay.as_secs_f64()
    }

    /// More events than the target takes in the time.
    fn count(self) -> usize {
        (self.capacity() * (self.before + self.measured).as_secs_f64() * 1.5) as usize + 1000
    }
}

/// Bridges a file, whose events have no order.
pub(crate) async fn measure(slowness: Slowness, table: &Table) -> Result<()> {
    let load = Load { count: slowness.count(), size: 100, keys: slowness.count() };
    let events = Events::of(load)?;
    table.add(&bridge("bridge", &format!("file:{}", events.path()), load, slowness).await?)
}

/// Bridges a backlog, in order by key.
pub(crate) async fn measure_backlog<B: Broker>(broker: &B, slowness: Slowness, table: &Table) -> Result<()> {
    let load = Load { count: slowness.count(), size: 100, keys: KEYS };
    let row = async || {
        let (place, reader) = (fresh("slow"), fresh("reader"));
        broker.open(&place, &reader).await?;
        broker.fill(&place, load).await?;
        let name = format!("{}, bridge", broker.name());
        bridge(&name, &broker.source(&place, &reader), load, slowness).await
    };
    table.measure(row).await
}

async fn bridge(name: &str, from: &str, load: Load, slowness: Slowness) -> Result<Row> {
    let Slowness { places, delay, timeout, before, measured } = slowness;
    let judge = Arc::new(Judge::new(load));
    let target = Target::start(Arc::clone(&judge), Some(Places::new(places, delay))).await?;
    let config = format!("{{\"from\":\"{from}\",\"to\":\"{}\",\"timeout\":{timeout}}}", target.url);
    let config = Events::of_lines(std::iter::once(config))?;
    let mut ce = Program::ce(&["bridge".to_owned(), "--config".to_owned(), config.path()], None)?;
    sleep(before).await;
    let (early, used_before) = (judge.verdict(), ce.usage());
    sleep(measured).await;
    let (late, used) = (judge.verdict(), ce.usage());
    let wrong = (!ce.is_running()).then(|| "the bridge has ended".to_owned());
    drop(ce);
    let counts = Counts {
        distinct: late.counts.distinct - early.counts.distinct,
        twice: late.counts.twice - early.counts.twice,
        inverted: late.counts.inverted,
    };
    let verdict = Verdict { counts, missing: 0, first: early.first, empty: early.first + measured };
    let usage = crate::child::Usage { processor: used.processor - used_before.processor, ..used };
    let name = format!("{name} to {places} places of {} ms, {timeout} s for a response", delay.as_millis());
    let row = Row::new(name, Measured { verdict, usage, wrong }).beside(slowness.capacity(), FLOOR);
    Ok(row.with_repeats((counts.distinct + counts.twice) / 10))
}
