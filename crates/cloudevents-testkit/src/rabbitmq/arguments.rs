//! The arguments of queues that the broker knows.

use super::fault::{Fault, not_implemented, precondition};
use amq_protocol::types::{AMQPValue, FieldTable};
use std::collections::BTreeMap;

/// The longest time that RabbitMQ takes, in milliseconds: ten years.
const LONGEST: u64 = 315_360_000_000;

/// Arguments that were checked. Those that change nothing are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Arguments(BTreeMap<String, Value>);

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Number(u64),
}

impl Arguments {
    /// Reads arguments. Arguments that RabbitMQ heeds and this broker does not are refused.
    pub(super) fn new(table: &FieldTable) -> Result<Self, Fault> {
        let mut arguments = BTreeMap::new();
        for (name, value) in table.inner() {
            let name = name.as_str();
            let invalid = || precondition(format!("invalid arg '{name}': {value:?}"));
            let value = match (name, value) {
                ("x-message-ttl", value) => Value::Number(number(value).ok_or_else(invalid)?),
                ("x-expires", value) => {
                    Value::Number(number(value).filter(|time| *time > 0).ok_or_else(invalid)?)
                }
                (
                    "x-dead-letter-exchange"
                    | "x-dead-letter-routing-key"
                    | "x-queue-type"
                    | "x-dead-letter-strategy"
                    | "x-overflow",
                    AMQPValue::LongString(text),
                ) => Value::Text(text.to_string()),
                (
                    "x-dead-letter-exchange"
                    | "x-dead-letter-routing-key"
                    | "x-queue-type"
                    | "x-dead-letter-strategy"
                    | "x-overflow",
                    _,
                ) => return Err(invalid()),
                _ if name.starts_with("x-") => {
                    return Err(not_implemented(format!("the embedded broker has no argument '{name}'")));
                }
                // RabbitMQ does not look at others.
                _ => continue,
            };
            arguments.insert(name.to_owned(), value);
        }
        let mut arguments = Self(arguments);
        arguments.check()?;
        // It is the type of a queue that has none.
        if !arguments.is_quorum() {
            arguments.0.remove("x-queue-type");
        }
        Ok(arguments)
    }

    fn check(&self) -> Result<(), Fault> {
        for (name, known, elsewhere) in [
            ("x-queue-type", &["classic", "quorum"][..], &["stream"][..]),
            ("x-dead-letter-strategy", &["at-most-once", "at-least-once"], &[]),
            // Without limits of length, neither makes a difference.
            ("x-overflow", &["drop-head", "reject-publish"], &["reject-publish-dlx"]),
        ] {
            let Some(value) = self.text(name) else { continue };
            if elsewhere.contains(&value) {
                return Err(not_implemented(format!("the embedded broker has no '{name}' of '{value}'")));
            }
            if !known.contains(&value) {
                return Err(precondition(format!("invalid arg '{name}': '{value}'")));
            }
        }
        if self.text("x-dead-letter-routing-key").is_some() && self.text("x-dead-letter-exchange").is_none() {
            return Err(precondition("routing_key_but_no_dlx_defined"));
        }
        if self.text("x-dead-letter-strategy").is_some() && !self.is_quorum() {
            return Err(precondition("invalid arg 'x-dead-letter-strategy' for a queue of this type"));
        }
        Ok(())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Value::Text(text) => Some(text),
            Value::Number(_) => None,
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            Value::Number(number) => Some(*number),
            Value::Text(_) => None,
        }
    }

    /// Whether the queue counts deliveries.
    pub(super) fn is_quorum(&self) -> bool {
        self.text("x-queue-type") == Some("quorum")
    }
}

/// The time of a message of its own.
pub(super) fn expiration(text: &str) -> Result<u64, Fault> {
    let time = text.parse().ok().filter(|time| *time <= LONGEST);
    time.ok_or_else(|| precondition(format!("invalid expiration '{text}'")))
}

/// The value of an integer of any width.
fn number(value: &AMQPValue) -> Option<u64> {
    let value: i128 = match value {
        AMQPValue::ShortShortInt(value) => (*value).into(),
        AMQPValue::ShortShortUInt(value) => (*value).into(),
        AMQPValue::ShortInt(value) => (*value).into(),
        AMQPValue::ShortUInt(value) => (*value).into(),
        AMQPValue::LongInt(value) => (*value).into(),
        AMQPValue::LongUInt(value) => (*value).into(),
        AMQPValue::LongLongInt(value) => (*value).into(),
        _ => return None,
    };
    value.try_into().ok().filter(|time| *time <= LONGEST)
}
