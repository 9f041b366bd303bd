//! Settings of the delivery protocol. Checks the types of settings that the specification names; keeps others unchanged.

use crate::{Invalid, Protocol};
use cloudevents_json::codec::{kind, token};
use serde_json::{Map, Value};

#[derive(Clone, Copy)]
enum Type {
    Boolean,
    /// A whole number in this range.
    Integer(i64, i64),
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An object of texts.
    Texts,
    /// An object of anything.
    Object,
}

/// Checks the settings of a protocol (clauses SUBS-3.2.2.1 to SUBS-3.2.2.5). Paths are below the settings.
pub(crate) fn check(protocol: &Protocol, settings: Option<&Map<String, Value>>) -> Result<(), Invalid> {
    let (known, required, clause): (&[(&str, Type)], _, _) = match protocol {
        Protocol::Http => (&[("headers", Type::Texts), ("method", Type::Text)], None, ""),
        Protocol::Mqtt3 | Protocol::Mqtt5 => (
            &[
                ("topicname", Type::Text),
                ("qos", Type::Integer(0, 2)),
                ("retain", Type::Boolean),
                ("expiry", Type::Integer(0, u32::MAX as i64)),
                ("userproperties", Type::Texts),
            ],
            Some("topicname"),
            "SUBS-3.2.2.2-b",
        ),
        Protocol::Amqp => (
            &[
                ("address", Type::Text),
                ("linkname", Type::Text),
                ("sendersettlementmode", Type::OneOf(&["settled", "unsettled"])),
                ("linkproperties", Type::Object),
            ],
            None,
            "",
        ),
        Protocol::Kafka => (
            &[
                ("topicname", Type::Text),
                ("partitionkeyextractor", Type::Text),
                ("clientid", Type::Text),
                ("acks", Type::Text),
            ],
            None,
            "",
        ),
        Protocol::Nats => (&[("subject", Type::Text)], Some("subject"), "SUBS-3.2.2.5-a"),
        Protocol::Other(_) => (&[], None, ""),
    };
    if let Some(required) = required
        && settings.is_none_or(|settings| !settings.contains_key(required))
    {
        return Err(
            Invalid::new("", format!("{protocol} needs the setting `{required}`")).with_clause(clause)
        );
    }
    for (name, ty) in known {
        if let Some(value) = settings.and_then(|settings| settings.get(*name)) {
            let wrong = ty.wrong(value);
            if let Some(wanted) = wrong {
                return Err(Invalid::new(
                    token(name),
                    format!("this is {wanted}, and here is {}", kind(value)),
                ));
            }
        }
    }
    Ok(())
}

impl Type {
    /// Describes the right type, if the value has another one.
    fn wrong(self, value: &Value) -> Option<String> {
        let (right, wanted) = match self {
            Self::Boolean => (value.is_boolean(), "a boolean".to_owned()),
            Self::Integer(least, most) => {
                let right = value.as_i64().is_some_and(|number| (least..=most).contains(&number));
                (right, format!("a whole number from {least} to {most}"))
            }
            Self::Text => {
                (value.as_str().is_some_and(|text| !text.is_empty()), "a string that is not empty".into())
            }
            Self::OneOf(texts) => (
                value.as_str().is_some_and(|text| texts.contains(&text)),
                format!("one of {}", texts.join(", ")),
            ),
            Self::Texts => {
                let right = value.as_object().is_some_and(|members| members.values().all(Value::is_string));
                (right, "an object of strings".into())
            }
            Self::Object => (value.is_object(), "an object".into()),
        };
        (!right).then_some(wanted)
    }
}
