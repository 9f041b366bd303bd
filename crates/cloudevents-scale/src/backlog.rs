//! A backlog that waits for readers: `ce listen`, and `ce bridge` to a fast HTTP target, beside the bare client that does the same.

use crate::{
    brokers::Broker,
    child::{Program, Usage, usage},
    failure::Result,
    hand::Hand,
    judge::Judge,
    load::{Load, fresh},
    table::{Measured, Row, Table},
    target::Target,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// How long nothing may arrive before the rest is missing: longer than the 30 s after which JetStream delivers again.
const STILL: Duration = Duration::from_secs(45);
/// How long to wait for events that are delivered a second time.
const AFTER: Duration = Duration::from_secs(1);
const FILL: Duration = Duration::from_secs(300);

/// The lowest part of the bare client's rate for `ce bridge`.
const BRIDGE: f64 = 0.4;

/// The program that reads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reader<'o> {
    BareListen,
    BareBridge,
    Listen(&'o str),
    Bridge(&'o str),
}

pub(crate) async fn measure<B: Broker>(broker: &B, load: Load, table: &Table) -> Result<()> {
    let case = Case { broker, load, place: fresh("backlog") };
    if B::IS_LOG {
        case.fill(&case.place, "none").await?;
    }
    let options = [""].into_iter().chain(broker.options().iter().copied());
    let pairs =
        |option| [(Reader::BareListen, Reader::Listen(option)), (Reader::BareBridge, Reader::Bridge(option))];
    for (bare, reader) in options.flat_map(pairs) {
        table.measure(async || case.row(bare, reader).await).await?;
    }
    Ok(())
}

struct Case<'b, B> {
    broker: &'b B,
    load: Load,
    /// Of a log.
    place: String,
}

impl<B: Broker> Case<'_, B> {
    async fn row(&self, bare: Reader<'_>, reader: Reader<'_>) -> Result<Row> {
        let (peer, measured) = (self.run(bare).await?, self.run(reader).await?);
        if peer.verdict.missing > 0 {
            return Err(format!("the bare client lacks {} of the events", peer.verdict.missing).into());
        }
        let (name, option, floor) = match reader {
            Reader::Listen(option) => ("listen", option, self.broker.listen()),
            Reader::Bridge(option) => ("bridge", option, BRIDGE),
            Reader::BareListen | Reader::BareBridge => ("bare", "", 0.0),
        };
        let Load { count, size, .. } = self.load;
        let name = format!("{}, {count} x {size} B, {name} {option}", self.broker.name());
        Ok(Row::new(name.trim_end(), measured).beside(peer.rate(), floor))
    }

    async fn fill(&self, place: &str, reader: &str) -> Result<()> {
        self.broker.open(place, reader).await?;
        timeout(FILL, self.broker.fill(place, self.load)).await?
    }

    async fn run(&self, reader: Reader<'_>) -> Result<Measured> {
        let name = fresh("reader");
        let place = if B::IS_LOG { self.place.clone() } else { name.clone() };
        if !B::IS_LOG {
            self.fill(&place, &name).await?;
        }
        let judge = Arc::new(Judge::new(self.load));
        let target = Target::start(Arc::clone(&judge), None).await?;
        let url = |option: &str| {
            let source = self.broker.source(&place, &name);
            if option.is_empty() { source } else { format!("{source}&{option}") }
        };
        let arguments = match reader {
            Reader::Listen(option) => vec!["listen".to_owned(), url(option), "--output=json".to_owned()],
            Reader::Bridge(option) => vec!["bridge".to_owned(), url(option), target.url.clone()],
            Reader::BareListen => {
                return self.bare(&place, &name, &judge, Hand::Take(Arc::clone(&judge))).await;
            }
            Reader::BareBridge => {
                return self.bare(&place, &name, &judge, Hand::forwarding(self.load, &target.url)).await;
            }
        };
        let ce = Program::ce(&arguments, matches!(reader, Reader::Listen(_)).then_some(&judge))?;
        judge.full_or_still_for(STILL).await;
        sleep(AFTER).await; // nothing says that no repeat will come
        let used = ce.usage();
        let wrong = ce.stop().await?;
        Ok(Measured::of(&judge, used, wrong))
    }

    async fn bare(&self, place: &str, name: &str, judge: &Judge, hand: Hand) -> Result<Measured> {
        let before = usage("self");
        tokio::select! {
            ended = self.broker.read(place, name, &hand) => match ended? {},
            () = judge.full_or_still_for(STILL) => {}
        }
        let after = usage("self");
        let used = Usage { processor: after.processor - before.processor, ..after };
        Ok(Measured::of(judge, used, None))
    }
}
