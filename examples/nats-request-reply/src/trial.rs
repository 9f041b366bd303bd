//! Runs two instances of the service and a client with a server in this process.

use crate::prices::{PriceQuoted, PriceRequested, serve};
use cloudevents_kit::{connect_sender, prelude::*};
use cloudevents_testkit::nats::Server;
use std::{error::Error, time::Duration};
use tokio::sync::oneshot;

const LIMIT: Duration = Duration::from_secs(10);

/// Requests prices, and checks the replies.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let server = Server::start()?;
    let url = server.url("prices");
    println!("a server at {url}");
    let mut instances = Vec::new();
    for _ in 0..2 {
        let (stop, stopped) = oneshot::channel::<()>();
        let url = url.clone();
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(&url, stopped).await
        });
        instances.push((stop, serving));
    }
    tokio::time::timeout(LIMIT, server.has_subscriptions("prices", 2)).await?;

    let client = connect_sender(&url).await?;
    for (number, article) in ["tea", "coffee", "cocoa"].into_iter().enumerate() {
        let builder = Event::builder().id(number.to_string()).source("/shop");
        let request = TypedEvent::build(builder, PriceRequested { article: article.into() })?.into_event();
        let reply = TypedEvent::<PriceQuoted>::try_from(client.request(&request, LIMIT).await?)?;
        println!("{article}: {} cents", reply.data().cents);
        if reply.data().cents != article.len() as u64 * 100 {
            return Err(format!("another price for {article}").into());
        }
    }
    for (stop, serving) in instances {
        let _ = stop.send(());
        serving.await??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn requests_are_answered() {
        super::run().await.unwrap();
    }
}
