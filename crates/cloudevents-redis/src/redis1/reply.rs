//! The answers of the server about entries. No answer causes a panic.

use super::received::EntryId;
use crate::RedisMessage;
use redis::Value;

/// Entries with their fields, which are `None` where the entry was deleted.
pub(super) type Entries = Vec<(EntryId, Option<RedisMessage>)>;

/// The answer to XREADGROUP for one stream.
pub(super) fn read(value: Value) -> Option<Entries> {
    if value == Value::Nil {
        return Some(Vec::new());
    }
    let [stream] = <[Value; 1]>::try_from(array(value)?).ok()?;
    let [_, found] = <[Value; 2]>::try_from(array(stream)?).ok()?;
    entries(found)
}

/// The answer to XAUTOCLAIM: where to go on, the entries, and the deleted entries, which Redis names since version 7.
pub(super) fn claimed(value: Value) -> Option<(EntryId, Entries, Vec<EntryId>)> {
    let mut parts = array(value)?.into_iter();
    let next = id(&parts.next()?)?;
    let found = entries(parts.next()?)?;
    let deleted = parts.next().map_or(Some(Vec::new()), ids)?;
    Some((next, found, deleted))
}

/// The answer to XCLAIM with JUSTID.
pub(super) fn ids(value: Value) -> Option<Vec<EntryId>> {
    array(value)?.iter().map(id).collect()
}

/// The answer to XPENDING about an entry.
pub(super) struct Pending {
    pub(super) id: EntryId,
    /// For how many milliseconds it was neither delivered nor renewed.
    pub(super) idle: u64,
    /// How often it was delivered.
    pub(super) times: u32,
}

/// The answer to XPENDING.
pub(super) fn pending(value: Value) -> Option<Vec<Pending>> {
    let one = |entry: Value| {
        let [entry, _, idle, times] = <[Value; 4]>::try_from(array(entry)?).ok()?;
        let (Value::Int(idle), Value::Int(times)) = (idle, times) else { return None };
        let (idle, times) =
            (u64::try_from(idle).unwrap_or_default(), u32::try_from(times).unwrap_or(u32::MAX));
        Some(Pending { id: id(&entry)?, idle, times })
    };
    array(value)?.into_iter().map(one).collect()
}

fn entries(value: Value) -> Option<Entries> {
    let mut found = Vec::new();
    for entry in array(value)? {
        // Redis before version 7 has nothing for an entry that was deleted.
        if entry == Value::Nil {
            continue;
        }
        let [entry, fields] = <[Value; 2]>::try_from(array(entry)?).ok()?;
        let message = match fields {
            Value::Nil => None,
            fields => Some(message(fields)?),
        };
        found.push((id(&entry)?, message));
    }
    Some(found)
}

fn message(fields: Value) -> Option<RedisMessage> {
    let mut parts = array(fields)?.into_iter();
    let mut fields = Vec::with_capacity(parts.len() / 2);
    while let Some(name) = parts.next() {
        let (Value::BulkString(name), Value::BulkString(value)) = (name, parts.next()?) else { return None };
        fields.push((name.into(), value.into()));
    }
    Some(fields.into())
}

fn id(value: &Value) -> Option<EntryId> {
    match value {
        Value::BulkString(text) => EntryId::parse(std::str::from_utf8(text).ok()?),
        _ => None,
    }
}

fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn what_redis_answers() {
        let fields = Value::Array(vec![text("data"), text("{}")]);
        let entry = Value::Array(vec![text("7-1"), fields]);
        let gone = Value::Array(vec![text("8-0"), Value::Nil]);
        let found = Value::Array(vec![entry, gone, Value::Nil]);
        let read_one = read(Value::Array(vec![Value::Array(vec![text("s"), found.clone()])])).unwrap();
        assert_eq!(read_one[0].1.as_ref().unwrap().field("data").unwrap(), "{}");
        assert_eq!(
            (read_one[1].0.to_string(), read_one[1].1.is_none(), read_one.len()),
            ("8-0".into(), true, 2)
        );
        let deleted = Value::Array(vec![text("9-9")]);
        let (next, entries, gone) = claimed(Value::Array(vec![text("0-0"), found.clone(), deleted])).unwrap();
        assert_eq!((next, entries.len(), gone[0].to_string()), (EntryId::default(), 2, "9-9".into()));
        assert!(claimed(Value::Array(vec![text("0-0"), found])).unwrap().2.is_empty());
        let one = Value::Array(vec![text("7-1"), text("c"), Value::Int(5), Value::Int(3)]);
        let one = &pending(Value::Array(vec![one])).unwrap()[0];
        assert_eq!((one.idle, one.times), (5, 3));
        assert!(read(Value::Nil).unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_none() {
        let odd = Value::Array(vec![text("7-1"), Value::Array(vec![text("data")])]);
        for value in [
            Value::Okay,
            Value::Int(1),
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![Value::Array(vec![text("s"), Value::Array(vec![odd])])]),
            Value::Array(vec![text("0"), text("1"), text("2")]),
        ] {
            assert!(read(value.clone()).is_none() && claimed(value.clone()).is_none(), "{value:?}");
            assert!(pending(value.clone()).is_none(), "{value:?}");
        }
    }
}
