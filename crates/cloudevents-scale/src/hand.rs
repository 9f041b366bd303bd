//! The work of a bare client with a message.

use crate::{judge::Judge, load::Load};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::{future::Future, sync::Arc};
use tokio::sync::mpsc;

/// Requests at a time, and as many that wait for one of them: some as many as a bridge has by itself.
const WORKERS: usize = 64;
const WAITING: usize = 4;

/// A message that is to be sent on.
pub(crate) struct Work {
    number: usize,
    body: Bytes,
    acknowledge: BoxFuture<'static, ()>,
}

/// Takes messages from a bare client, and acknowledges them.
pub(crate) enum Hand {
    /// They have arrived, like messages that `ce listen` prints.
    Take(Arc<Judge>),
    /// They are sent to a URL, in order by key, and acknowledged when it has responded, as `ce bridge` does.
    Forward(Load, Vec<mpsc::Sender<Work>>),
}

impl Hand {
    pub(crate) fn forwarding(load: Load, url: &str) -> Self {
        let client = reqwest::Client::new();
        let worker = |_| {
            let (sender, receiver) = mpsc::channel(WAITING);
            tokio::spawn(post(client.clone(), url.to_owned(), load, receiver));
            sender
        };
        Self::Forward(load, (0..WORKERS).map(worker).collect())
    }

    pub(crate) async fn give(
        &self,
        number: usize,
        body: Bytes,
        acknowledge: impl Future<Output = ()> + Send + 'static,
    ) {
        match self {
            Self::Take(judge) => {
                judge.arrive(number);
                acknowledge.await;
            }
            Self::Forward(load, workers) => {
                let place = load.key(number).checked_rem(workers.len()).unwrap_or(0);
                let work = Work { number, body, acknowledge: Box::pin(acknowledge) };
                if let Some(worker) = workers.get(place) {
                    let _ = worker.send(work).await;
                }
            }
        }
    }
}

async fn post(client: reqwest::Client, url: String, load: Load, mut receiver: mpsc::Receiver<Work>) {
    while let Some(Work { number, body, acknowledge }) = receiver.recv().await {
        let mut request = client.post(&url).header("content-type", "application/json").body(body);
        for (name, value) in load.attributes(number) {
            request = request.header(format!("ce-{name}"), value);
        }
        if let Ok(response) = request.send().await
            && response.status().is_success()
        {
            acknowledge.await;
        }
    }
}
