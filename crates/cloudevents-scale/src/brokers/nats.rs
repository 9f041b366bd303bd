//! Core NATS, by async-nats. It stores nothing. A reader loses messages that it does not read in time, and has to report the loss.

use crate::{
    child::Program,
    failure::Result,
    judge::Judge,
    load::{Load, fresh},
    table::{Measured, Row, Table},
    target::Target,
};
use async_nats::{Client, HeaderMap};
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);
const STILL: Duration = Duration::from_secs(3);

/// A burst at full speed to `ce listen` and `ce bridge`. Neither loses a burst that its bounds hold. If a burst is larger, the exit status
/// reports the loss.
pub(crate) async fn bursts(server: &str, held: Load, larger: Load, table: &Table) -> Result<()> {
    for (load, is_held) in [(held, true), (larger, false)] {
        for command in ["listen", "bridge"] {
            let client = async_nats::connect(server).await?;
            let (subject, judge) = (fresh("burst"), Arc::new(Judge::new(load)));
            let target = Target::start(Arc::clone(&judge), None).await?;
            let mut arguments = vec![command.to_owned(), format!("{server}/{subject}?reject=drop")];
            match command {
                "bridge" => arguments.push(target.url.clone()),
                _ => arguments.push("--output=json".to_owned()),
            }
            let ce = Program::ce(&arguments, (command == "listen").then_some(&judge))?;
            timeout(PATIENCE, subscribed(&client, &subject, load, &judge)).await??;
            judge.begin();
            for number in 0..load.count {
                publish(&client, &subject, load, number).await?;
            }
            client.flush().await?;
            judge.full_or_still_for(STILL).await;
            let usage = ce.usage();
            let mut measured = Measured::of(&judge, usage, ce.stop().await?);
            if !is_held {
                // The exit status and the summary report lost events.
                let (lost, says) = (measured.verdict.missing, measured.wrong.take());
                measured.verdict.missing = 0;
                let is_said =
                    says.as_ref().is_some_and(|says| says.replace(',', "").contains(&lost.to_string()));
                measured.wrong = match (lost, is_said) {
                    (0, _) => says,
                    (_, true) => None,
                    (lost, false) => {
                        Some(format!("{lost} lost, and it says {}", says.unwrap_or("nothing".to_owned())))
                    }
                };
            }
            let said = if is_held { "" } else { ", losses are said" };
            table.add(&Row::new(
                format!("NATS, burst of {} x {} B, {command}{said}", load.count, load.size),
                measured,
            ))?;
        }
    }
    Ok(())
}

/// Publishes a message that is none of the load until one arrives.
async fn subscribed(client: &Client, subject: &str, load: Load, judge: &Judge) -> Result<()> {
    while judge.counts().twice == 0 {
        publish(client, subject, load, usize::MAX).await?;
        client.flush().await?;
        sleep(Duration::from_millis(50)).await; // nothing else says that there is a subscription
    }
    sleep(Duration::from_millis(200)).await; // what was published before has arrived, and does not count
    Ok(())
}

async fn publish(client: &Client, subject: &str, load: Load, number: usize) -> Result<()> {
    let mut headers = HeaderMap::new();
    headers.insert("ce-datacontenttype", "application/json");
    for (name, value) in load.attributes(number) {
        headers.insert(format!("ce-{name}"), value);
    }
    Ok(client.publish_with_headers(subject.to_owned(), headers, load.payload()).await?)
}
