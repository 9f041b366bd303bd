//! A slow target with few permits. It goes on with a request whose client has hung up. If a client sends more requests than the target
//! answers in time, it sends everything again. Then the target has time for repeats only.

use crate::{
    child::Ce,
    failure::Result,
    judge::{Counts, Judge, Verdict},
    load::Load,
    table::{Measured, Row, Table},
    target::{Places, Target},
};
use std::{env, fs, process, sync::Arc, time::Duration};
use tokio::time::sleep;

/// The permits of the target.
const PLACES: usize = 16;
/// The lowest part of the target's capacity that is new events.
const FLOOR: f64 = 0.8;

/// Times of the target and of the bridge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slowness {
    /// How long the target takes for a request.
    pub(crate) delay: Duration,
    /// How long the bridge waits for a response, in seconds.
    pub(crate) timeout: u32,
    /// How long the bridge has to find its pace, and how long it is measured then.
    pub(crate) before: Duration,
    pub(crate) measured: Duration,
}

pub(crate) async fn measure(slowness: Slowness, table: &Table) -> Result<()> {
    let Slowness { delay, timeout, before, measured } = slowness;
    let rate = PLACES as f64 / delay.as_secs_f64();
    let count = (rate * (before + measured).as_secs_f64() * 2.0) as usize + 1000;
    let load = Load { count, size: 100, keys: count };
    let judge = Arc::new(Judge::new(load));
    let target = Target::start(Arc::clone(&judge), Some(Places::new(PLACES, delay))).await?;
    let folder = env::temp_dir().join(format!("scale-{}", process::id()));
    fs::create_dir_all(&folder)?;
    let (events, config) = (folder.join("events.jsonl"), folder.join("bridge.json"));
    fs::write(&events, load.lines())?;
    fs::write(
        &config,
        format!("{{\"from\":\"file:{}\",\"to\":\"{}\",\"timeout\":{timeout}}}", events.display(), target.url),
    )?;
    let mut ce =
        Ce::start(&["bridge".to_owned(), "--config".to_owned(), config.display().to_string()], None)?;
    sleep(before).await;
    let (early, used_before) = (judge.verdict(), ce.usage());
    sleep(measured).await;
    let (late, used) = (judge.verdict(), ce.usage());
    let wrong = (!ce.is_running()).then(|| "the bridge has ended".to_owned());
    drop(ce);
    fs::remove_dir_all(&folder)?;
    let counts = Counts {
        distinct: late.counts.distinct - early.counts.distinct,
        twice: late.counts.twice - early.counts.twice,
        inverted: 0, // each event has its own key
    };
    let verdict = Verdict { counts, missing: 0, first: early.first, empty: early.first + measured };
    let usage = crate::child::Usage { processor: used.processor - used_before.processor, ..used };
    let name = format!("bridge to {PLACES} places of {} ms, {timeout} s for a response", delay.as_millis());
    let row = Row::new(name, Measured { verdict, usage, wrong }).beside(rate, FLOOR);
    table.add(&row.with_repeats((counts.distinct + counts.twice) / 10))
}
