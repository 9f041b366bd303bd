//! Redis Streams, by redis.

use super::{Broker, PREFETCH, Tool, unconfirmed};
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, digits, number},
};
use bytes::Bytes;
use redis::{Value, aio::MultiplexedConnection, cmd, pipe};
use std::convert::Infallible;

#[derive(Debug)]
pub(crate) struct Redis(pub(crate) String);

impl Redis {
    async fn connection(&self) -> Result<MultiplexedConnection> {
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let client = redis::Client::open(self.0.as_str())?;
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }
}

impl Broker for Redis {
    const IS_LOG: bool = true;

    fn name(&self) -> String {
        "Redis".to_owned()
    }

    async fn open(&self, _place: &str, _reader: &str) -> Result<()> {
        Ok(())
    }

    async fn fill(&self, place: &str, load: Load) -> Result<()> {
        let (mut connection, payload) = (self.connection().await?, load.payload());
        let numbers: Vec<usize> = (0..load.count).collect();
        for group in numbers.chunks(unconfirmed(load)) {
            let mut all = pipe();
            for number in group {
                let add = all.cmd("XADD").arg(place).arg("*").arg("content-type").arg("application/json");
                for (name, value) in load.attributes(*number) {
                    add.arg(format!("ce-{name}")).arg(value);
                }
                add.arg("data").arg(payload.as_ref()).ignore();
            }
            all.exec_async(&mut connection).await?;
        }
        Ok(())
    }

    async fn read(&self, place: &str, reader: &str, hand: &Hand) -> Result<Infallible> {
        let mut connection = self.connection().await?;
        let acknowledging = self.connection().await?;
        cmd("XGROUP")
            .arg("CREATE")
            .arg(place)
            .arg(reader)
            .arg("0")
            .arg("MKSTREAM")
            .exec_async(&mut connection)
            .await?;
        loop {
            let mut read = cmd("XREADGROUP");
            read.arg("GROUP").arg(reader).arg("bare").arg("COUNT").arg(PREFETCH).arg("BLOCK").arg(1000);
            let answer: Value = read.arg("STREAMS").arg(place).arg(">").query_async(&mut connection).await?;
            for (id, fields) in entries(answer) {
                let field = |name: &[u8]| {
                    let mut pairs = fields.chunks_exact(2);
                    pairs.find_map(|pair| (pair.first()? == name).then(|| pair.last().cloned())?)
                };
                let body: Bytes = field(b"data").unwrap_or_default().into();
                // `ce send` writes documents by default.
                let found = field(b"ce-id").map_or_else(|| number(&body), |id| digits(&id));
                let number = found.ok_or("an entry without a number")?;
                let (place, reader, mut acknowledging) =
                    (place.to_owned(), reader.to_owned(), acknowledging.clone());
                let acknowledge = async move {
                    let _ = cmd("XACK").arg(place).arg(reader).arg(id).exec_async(&mut acknowledging).await;
                };
                hand.give(number, body, acknowledge).await;
            }
        }
    }

    fn source(&self, place: &str, reader: &str) -> String {
        format!("{}?stream={place}&group={reader}&reject=drop", self.0)
    }

    /// The bare client takes 256 entries at once, which is all that a load of large ones has.
    fn listen(&self) -> f64 {
        0.05
    }

    fn sink(&self, place: &str) -> String {
        format!("{}?stream={place}", self.0)
    }

    /// It sends one command after the response to the one before.
    fn tool(&self, place: &str) -> Option<Tool> {
        let add = format!("XADD {place} * content-type application/cloudevents+json data");
        let tool = Tool::new("redis-cli", ["-u", &self.0]);
        Some(Tool { line: Box::new(move |_, document| format!("{add} '{document}'")), ..tool })
    }
}

/// The entries of an answer for one stream: the identifier, and names and values in turns.
fn entries(answer: Value) -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    let entry = |entry| {
        let mut parts = array(entry).into_iter();
        let id = bytes(parts.next()?)?;
        Some((id, array(parts.next()?).into_iter().filter_map(bytes).collect()))
    };
    let streams = array(answer).into_iter();
    let of_stream = |stream| array(array(stream).into_iter().nth(1).unwrap_or(Value::Nil));
    streams.flat_map(of_stream).filter_map(entry).collect()
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}
