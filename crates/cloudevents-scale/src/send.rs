//! Sending, beside the bare client of the same library.

use crate::{
    brokers::Broker,
    child::Ce,
    failure::Result,
    hand::Hand,
    judge::Judge,
    load::{Load, fresh},
    table::{Measured, Row, Table},
    target::Target,
};
use bytes::Bytes;
use std::{
    env, fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// The lowest part of the bare client's rate.
const FLOOR: f64 = 0.5;
const PATIENCE: Duration = Duration::from_secs(200);
const STILL: Duration = Duration::from_secs(15);

/// Sends to a broker, and reads the events that arrived there with the bare client.
pub(crate) async fn measure<B: Broker>(broker: &B, load: Load, table: &Table) -> Result<()> {
    let file = Events::of(load)?;
    table.measure(async || to_broker(broker, load, &file).await).await
}

async fn to_broker<B: Broker>(broker: &B, load: Load, file: &Events) -> Result<Row> {
    let (place, reader) = (fresh("send"), fresh("reader"));
    broker.open(&place, &reader).await?;
    let begin = Instant::now();
    broker.fill(&place, load).await?;
    let bare = begin.elapsed();

    let (place, reader) = (fresh("send"), fresh("reader"));
    broker.open(&place, &reader).await?;
    let (time, usage, wrong) = send(&[broker.sink(&place)], file).await?;
    let judge = Arc::new(Judge::new(load));
    let hand = Hand::Take(Arc::clone(&judge));
    tokio::select! {
        ended = broker.read(&place, &reader, &hand) => match ended? {},
        () = judge.full_or_still_for(STILL) => {}
    }
    let mut measured = Measured::of(&judge, usage, wrong);
    (measured.verdict.first, measured.verdict.empty) = (Duration::ZERO, time);
    let name = format!("{}, {} x {} B, send", broker.name(), load.count, load.size);
    Ok(Row::new(name, measured).beside(load.count as f64 / bare.as_secs_f64(), FLOOR))
}

/// Sends over HTTP, one event at a time and 64 at a time.
pub(crate) async fn measure_http(load: Load, table: &Table) -> Result<()> {
    let file = Events::of(load)?;
    for parallel in [1, 64] {
        table.measure(async || over_http(parallel, load, &file).await).await?;
    }
    Ok(())
}

async fn over_http(parallel: usize, load: Load, file: &Events) -> Result<Row> {
    // In turns, so that each request goes to another worker of the bare client; with one key, to one.
    let turns = Load { keys: parallel, ..load };
    let judge = Arc::new(Judge::new(turns));
    let target = Target::start(Arc::clone(&judge), None).await?;
    let hand = Hand::forwarding(turns, &target.url);
    let give = async {
        for number in 0..load.count {
            hand.give(number, turns.payload(), async {}).await;
        }
        judge.full().await;
    };
    tokio::time::timeout(PATIENCE, give).await?;
    let bare = judge.verdict().rate();

    // Without an order among those of several requests.
    let judge = Arc::new(Judge::new(Load { keys: if parallel == 1 { 1 } else { load.count }, ..load }));
    let target = Target::start(Arc::clone(&judge), None).await?;
    let arguments = [target.url.clone(), format!("--parallel={parallel}")];
    let (time, usage, wrong) = send(&arguments, file).await?;
    let mut measured = Measured::of(&judge, usage, wrong);
    (measured.verdict.first, measured.verdict.empty) = (Duration::ZERO, time);
    let name = format!("HTTP, {} x {} B, send {parallel} at a time", load.count, load.size);
    Ok(Row::new(name, measured).beside(bare, FLOOR))
}

async fn send(
    arguments: &[String],
    file: &Events,
) -> Result<(Duration, crate::child::Usage, Option<String>)> {
    let arguments: Vec<String> = ["send".to_owned()]
        .into_iter()
        .chain(arguments.iter().cloned())
        .chain([file.0.display().to_string(), "--quiet".to_owned()])
        .collect();
    let begin = Instant::now();
    let mut ce = Ce::start(&arguments, None)?;
    let watched = ce.watch();
    let wrong = ce.ended(PATIENCE).await?;
    Ok((begin.elapsed(), watched.last(), wrong))
}

/// A file of events, which is gone when this is dropped.
#[derive(Debug)]
struct Events(PathBuf);

impl Events {
    fn of(load: Load) -> Result<Self> {
        let path = env::temp_dir().join(format!("{}.jsonl", fresh("scale")));
        let events = Self(path);
        fs::write(&events.0, Bytes::from(load.lines()))?;
        Ok(events)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
