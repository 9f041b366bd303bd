//! pgmq, by tokio-postgres.

use super::{Broker, PREFETCH, unconfirmed};
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, number},
};
use std::{convert::Infallible, fs, time::Duration};
use tokio::{sync::mpsc, time::sleep};
use tokio_postgres::{Client, NoTls};

/// The messages of a statement.
const TOGETHER: usize = 100;
/// The bytes of the messages that a reader takes at once.
const BYTES: usize = 32_000_000;
/// How long messages are hidden, in seconds.
const LOCK: i32 = 300;
/// How soon an empty queue is read again.
const POLL: Duration = Duration::from_millis(50);

/// A database with pgmq.
#[derive(Debug)]
pub(crate) struct Pgmq(String);

impl Pgmq {
    /// Installs pgmq from the file of its functions, unless it is there.
    pub(crate) async fn install(url: &str, file: &str) -> Result<Self> {
        let pgmq = Self(url.to_owned());
        let client = pgmq.client().await?;
        let found = client.query_one("SELECT to_regproc('pgmq.create') IS NOT NULL", &[]).await?;
        if !found.try_get::<_, bool>(0)? {
            client.batch_execute(&fs::read_to_string(file)?).await?;
        }
        Ok(pgmq)
    }

    async fn client(&self) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.0, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Broker for Pgmq {
    const IS_LOG: bool = false;

    fn name(&self) -> String {
        "pgmq".to_owned()
    }

    async fn open(&self, place: &str, _reader: &str) -> Result<()> {
        self.client().await?.execute("SELECT pgmq.create($1)", &[&place]).await?;
        Ok(())
    }

    async fn fill(&self, place: &str, load: Load) -> Result<()> {
        let client = self.client().await?;
        let send = "SELECT pgmq.send_batch($1, $2::text[]::jsonb[], $3::text[]::jsonb[])";
        let send = client.prepare(send).await?;
        let headers = r#"{"content-type":"application/cloudevents+json"}"#;
        let mut documents = load.documents();
        loop {
            let some: Vec<String> = documents.by_ref().take(TOGETHER.min(unconfirmed(load))).collect();
            if some.is_empty() {
                return Ok(());
            }
            client.execute(&send, &[&place, &some, &vec![headers; some.len()]]).await?;
        }
    }

    async fn read(&self, place: &str, _reader: &str, hand: &Hand) -> Result<Infallible> {
        let client = self.client().await?;
        let (done, ids) = mpsc::unbounded_channel::<i64>();
        tokio::spawn(delete(self.client().await?, place.to_owned(), ids));
        let read = "SELECT msg_id, message::text FROM pgmq.read($1, $2, $3) ORDER BY msg_id";
        let read = client.prepare(read).await?;
        let mut most = 1;
        loop {
            let rows = client.query(&read, &[&place, &LOCK, &most]).await?;
            if rows.is_empty() {
                sleep(POLL).await; // nothing says that there are messages
            }
            for row in rows {
                let (id, body): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
                let number = number(body.as_bytes()).ok_or("a message without a number")?;
                let fit = BYTES.checked_div(body.len()).unwrap_or(1).clamp(1, PREFETCH.into());
                most = i32::try_from(fit)?;
                let done = done.clone();
                let acknowledge = async move {
                    let _ = done.send(id);
                };
                hand.give(number, body.into(), acknowledge).await;
            }
        }
    }

    fn source(&self, place: &str, _reader: &str) -> String {
        format!("{}&reject=drop", self.sink(place))
    }

    fn sink(&self, place: &str) -> String {
        format!("{}?queue={place}", self.0)
    }
}

/// Deletes messages, as many at once as there are.
async fn delete(client: Client, queue: String, mut ids: mpsc::UnboundedReceiver<i64>) -> Result<()> {
    let mut some = Vec::new();
    while ids.recv_many(&mut some, usize::from(PREFETCH)).await > 0 {
        client.execute("SELECT pgmq.delete($1, $2::bigint[])", &[&queue, &some]).await?;
        some.clear();
    }
    Ok(())
}
