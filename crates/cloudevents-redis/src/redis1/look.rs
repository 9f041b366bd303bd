//! Streams and their groups, as a server shows them.

use super::{
    connection::{Wire, command},
    failure::garbled,
    options::{RedisConnection, Target},
    stream::Limits,
};
use cloudevents_core::Error;
use cloudevents_transport::{
    Endpoint, Fact, Place, Places, Side,
    binding::{any_host, connect::runtime, in_time, refused},
};
use redis::{Cmd, Value};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::Instant;

/// How long the server may take for one request, unless the URL has `connect-timeout`.
const REQUEST: Duration = Duration::from_secs(10);

/// How long the search for streams goes on among all keys of the database.
const SEARCH: Duration = Duration::from_secs(30);

/// How many keys the server looks at for one request of the search.
const KEYS: usize = 1000;

/// Of how many streams the lengths are requested together.
const TOGETHER: usize = 128;

/// The largest value that an answer may have, unless the URL has `max-message-size`: the answer about a stream has its first and
/// its last entry.
const LARGEST: usize = 128 << 20;

/// Lists the stream of the URL with its groups, and with the option `group` that group with its consumers; without a stream, all streams of
/// the database.
pub(super) async fn look(endpoint: Endpoint) -> Result<Places, Error> {
    let connection = RedisConnection { connect_timeout: REQUEST, ..RedisConnection::default() };
    let target = Target::of_server(&endpoint, connection, LARGEST, Side::Both)?;
    let string = target.max_message_size;
    let limits = Limits { string, answer: string.saturating_mul(2).saturating_add(8 << 20) };
    runtime()?;
    let limit = target.options.connect_timeout;
    let begin = |host| {
        let target = &target;
        async move { Wire::open(target, &host, limits, TOGETHER).await }
    };
    let asking = Asking { wire: any_host(&target.hosts, limit, begin).await?, limit };
    match endpoint.option("stream").filter(|stream| !stream.is_empty()) {
        None => asking.all().await,
        Some(stream) => {
            let group = endpoint.option("group").filter(|group| !group.is_empty());
            Ok([asking.stream(stream, group).await?].into_iter().collect())
        }
    }
}

struct Asking {
    wire: Wire,
    /// How long a request may take.
    limit: Duration,
}

impl Asking {
    async fn ask(&self, command: &Cmd) -> Result<Value, Error> {
        in_time("the server", self.limit, self.wire.ask(command)).await
    }

    /// All streams of the database, by name. Keys are found while others come and go.
    async fn all(&self) -> Result<Places, Error> {
        let begun = Instant::now();
        let (mut names, mut cursor) = (BTreeSet::new(), "0".to_owned());
        let is_cut = loop {
            let mut scan = command("SCAN", &[&cursor, "COUNT"]);
            scan.arg(KEYS).arg(&["TYPE", "stream"]);
            let found = scanned(self.ask(&scan).await?).ok_or_else(|| garbled("SCAN"))?;
            cursor = found.0;
            names.extend(found.1);
            if cursor == "0" {
                break false;
            }
            if names.len() > Places::MOST || begun.elapsed() > SEARCH {
                break true;
            }
        };
        let names: Vec<_> = names.into_iter().collect();
        let mut places = Places::default();
        for some in names.chunks(TOGETHER) {
            let mut lengths = redis::pipe();
            some.iter().for_each(|name| _ = lengths.cmd("XLEN").arg(name));
            let answers = self.wire.ask_all(&lengths, some.len());
            let answers = in_time("the server", self.limit, answers).await?;
            for (name, length) in some.iter().zip(answers) {
                // It may be something else by now.
                let place = Place::new("stream", String::from_utf8_lossy(name));
                let _ = places.add(place.with_known("length", number(&length)));
            }
        }
        places.has_more |= is_cut;
        Ok(places)
    }

    async fn stream(&self, name: &str, group: Option<&str>) -> Result<Place, Error> {
        let found = self.ask(&command("XINFO", &["STREAM", name])).await.map_err(|error| {
            match error.detail().contains("no such key") {
                true => refused(format!("there is no stream `{name}`")),
                false => error,
            }
        })?;
        let found = members(found).ok_or_else(|| garbled("XINFO STREAM"))?;
        let place = Place::new("stream", name)
            .with_known("length", found.number("length"))
            .with_known("first", found.id_of("first-entry"))
            .with_known("last", found.text("last-generated-id"))
            .with_known("added", found.number("entries-added"));
        let groups = self.ask(&command("XINFO", &["GROUPS", name])).await?;
        let groups = all_members(groups).ok_or_else(|| garbled("XINFO GROUPS"))?;
        let Some(wanted) = group else {
            return Ok(place.with_parts(groups.iter().map(of_group).collect()));
        };
        let group = groups.iter().find(|group| group.text("name").as_deref() == Some(wanted));
        let group = group.ok_or_else(|| refused(format!("the stream has no group `{wanted}`")))?;
        let consumers = self.ask(&command("XINFO", &["CONSUMERS", name, wanted])).await?;
        let consumers = all_members(consumers).ok_or_else(|| garbled("XINFO CONSUMERS"))?;
        let group = of_group(group).with_parts(consumers.iter().map(of_consumer).collect());
        Ok(place.with_parts([group].into_iter().collect()))
    }
}

fn of_group(group: &Members) -> Place {
    Place::new("group", group.text("name").unwrap_or_default())
        .with_known("pending", group.number("pending"))
        // Redis does not know it of each group, and not before version 7.
        .with_known("lag", group.number("lag"))
        .with_known("consumers", group.number("consumers"))
        .with_known("delivered", group.text("last-delivered-id"))
}

fn of_consumer(consumer: &Members) -> Place {
    Place::new("consumer", consumer.text("name").unwrap_or_default())
        .with_known("pending", consumer.number("pending"))
        .with_known("idle_milliseconds", consumer.number("idle"))
}

/// An answer that has names and values in turn.
pub(super) struct Members(Vec<(Vec<u8>, Value)>);

impl Members {
    fn find(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        number(self.find(name)?)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        text(self.find(name)?)
    }

    /// The id of an entry.
    fn id_of(&self, name: &str) -> Option<Fact> {
        match self.find(name)? {
            Value::Array(entry) => text(entry.first()?).map(Fact::from),
            _ => None,
        }
    }
}

fn members(value: Value) -> Option<Members> {
    let Value::Array(values) = value else { return None };
    let (mut values, mut members) = (values.into_iter(), Vec::new());
    while let (Some(name), value) = (values.next(), values.next()) {
        let Value::BulkString(name) = name else { return None };
        members.push((name, value?));
    }
    Some(Members(members))
}

pub(super) fn all_members(value: Value) -> Option<Vec<Members>> {
    let Value::Array(values) = value else { return None };
    values.into_iter().take(Places::MOST.saturating_add(1)).map(members).collect()
}

/// Where to go on, and the keys.
fn scanned(value: Value) -> Option<(String, Vec<Vec<u8>>)> {
    let Value::Array(values) = value else { return None };
    let [cursor, Value::Array(keys)] = <[Value; 2]>::try_from(values).ok()? else { return None };
    let key = |key| if let Value::BulkString(key) = key { Some(key) } else { None };
    Some((text(&cursor)?, keys.into_iter().map(key).collect::<Option<_>>()?))
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn whatever_a_server_answers_nothing_panics() {
        for odd in [Value::Nil, Value::Okay, Value::Int(-1), bulk("x"), Value::Array(vec![Value::Nil])] {
            assert!(members(odd.clone()).is_none() || odd == Value::Array(Vec::new()), "{odd:?}");
            assert!(scanned(odd.clone()).is_none(), "{odd:?}");
            assert!(all_members(odd.clone()).is_none(), "{odd:?}");
            let pair = Value::Array(vec![bulk("length"), odd.clone()]);
            let pair = members(pair).unwrap();
            assert_eq!((pair.number("length"), pair.id_of("length").is_none()), (None, true), "{odd:?}");
        }
        assert!(members(Value::Array(vec![bulk("length")])).is_none());
        let scan = Value::Array(vec![bulk("7"), Value::Array(vec![bulk("a")])]);
        assert_eq!(scanned(scan), Some(("7".to_owned(), vec![b"a".to_vec()])));
    }
}
