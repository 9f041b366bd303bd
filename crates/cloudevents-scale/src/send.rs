//! Sending, beside the bare client of the same library.

use crate::{
    brokers::{Broker, Tool},
    child::{Program, is_installed},
    events::Events,
    failure::Result,
    hand::Hand,
    judge::Judge,
    load::{Load, fresh},
    table::{Measured, Row, Table},
    target::Target,
};
use std::{
    env,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// The lowest part of the bare client's rate.
const FLOOR: f64 = 0.5;
const PATIENCE: Duration = Duration::from_secs(200);
const STILL: Duration = Duration::from_secs(15);

/// Sends to a broker, beside the bare client, and beside the tool that comes with the protocol. The bare client reads the events that
/// arrived.
pub(crate) async fn measure<B: Broker>(broker: &B, load: Load, table: &Table) -> Result<()> {
    let file = Events::of(load)?;
    let name = format!("{}, {} x {} B, send", broker.name(), load.count, load.size);
    let row = async || {
        let bare = by_client(broker, load).await?;
        to_broker(&name, broker, load, &file, (bare, FLOOR)).await
    };
    table.measure(row).await?;

    let Some(Tool { program, most, floor, .. }) = broker.tool("") else { return Ok(()) };
    let load = Load { count: load.count.min(most), ..load };
    let file = Events::of(load)?;
    let name = format!("{}, {} x {} B, send beside {program}", broker.name(), load.count, load.size);
    if !is_installed(program) {
        return table.not_there(&name, program);
    }
    let row = async || {
        let by_tool = by_tool(broker, load).await?;
        to_broker(&name, broker, load, &file, (by_tool, floor)).await
    };
    table.measure(row).await
}

/// The time of the bare client.
async fn by_client<B: Broker>(broker: &B, load: Load) -> Result<Duration> {
    let place = fresh("send");
    broker.open(&place, &fresh("reader")).await?;
    let begin = Instant::now();
    broker.fill(&place, load).await?;
    Ok(begin.elapsed())
}

/// The time of the tool. It is an error if the tool loses events.
async fn by_tool<B: Broker>(broker: &B, load: Load) -> Result<Duration> {
    let (place, reader) = (fresh("send"), fresh("reader"));
    broker.open(&place, &reader).await?;
    let Tool { program, arguments, line, .. } = broker.tool(&place).ok_or("there is no tool")?;
    let lines = load.documents().enumerate();
    let lines = Events::of_lines(lines.map(|(number, document)| line(&load.key_text(number), &document)))?;
    let begin = Instant::now();
    let wrong = Program::start(program, &arguments, lines.open()?, None)?.ended(PATIENCE).await?;
    let time = begin.elapsed();
    let missing = arrived(broker, &place, &reader, load).await?.verdict().missing;
    match (wrong, missing) {
        (None, 0) => Ok(time),
        (wrong, _) => {
            Err(format!("{program} has lost {missing} events: {}", wrong.unwrap_or_default()).into())
        }
    }
}

async fn to_broker<B: Broker>(
    name: &str,
    broker: &B,
    load: Load,
    file: &Events,
    (peer, floor): (Duration, f64),
) -> Result<Row> {
    let (place, reader) = (fresh("send"), fresh("reader"));
    broker.open(&place, &reader).await?;
    let (time, usage, wrong) = send(&[broker.sink(&place)], file).await?;
    let judge = arrived(broker, &place, &reader, load).await?;
    let mut measured = Measured::of(&judge, usage, wrong);
    (measured.verdict.first, measured.verdict.empty) = (Duration::ZERO, time);
    Ok(Row::new(name, measured).beside(load.count as f64 / peer.as_secs_f64(), floor))
}

/// The events that the bare client finds.
async fn arrived<B: Broker>(broker: &B, place: &str, reader: &str, load: Load) -> Result<Arc<Judge>> {
    let judge = Arc::new(Judge::new(load));
    let hand = Hand::Take(Arc::clone(&judge));
    tokio::select! {
        ended = broker.read(place, reader, &hand) => match ended? {},
        () = judge.full_or_still_for(STILL) => {}
    }
    Ok(judge)
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
    let program = env::current_exe()?;
    let numbers = [turns.count, turns.size, turns.keys].map(|number| number.to_string());
    let arguments = [vec!["post".to_owned(), target.url.clone()], numbers.to_vec()].concat();
    // A client in the process of the target needs no switch between processes.
    let mut bare = Program::start(&program.to_string_lossy(), &arguments, Stdio::null(), None)?;
    if let Some(wrong) = bare.ended(PATIENCE).await? {
        return Err(wrong.into());
    }
    tokio::time::timeout(STILL, judge.full()).await?;
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

/// The bare client over HTTP, in a process of its own. It ends when each event has its response.
pub(crate) async fn post(url: &str, load: Load) -> Result<()> {
    let hand = Hand::forwarding(load, url);
    let (waits, mut ended) = mpsc::channel::<()>(1);
    for number in 0..load.count {
        let waits = waits.clone();
        hand.give(number, load.payload(), async move { drop(waits) }).await;
    }
    drop(waits);
    ended.recv().await;
    Ok(())
}

/// Runs `ce send` with the file. Returns its time, its usage, and its failure.
pub(crate) async fn send(
    arguments: &[String],
    file: &Events,
) -> Result<(Duration, crate::child::Usage, Option<String>)> {
    let arguments: Vec<String> = ["send".to_owned()]
        .into_iter()
        .chain(arguments.iter().cloned())
        .chain([file.path(), "--quiet".to_owned()])
        .collect();
    let begin = Instant::now();
    let mut ce = Program::ce(&arguments, None)?;
    let watched = ce.watch();
    let wrong = ce.ended(PATIENCE).await?;
    Ok((begin.elapsed(), watched.last(), wrong))
}
