//! The names under which schemas are registered.

use cloudevents_core::{Error, ErrorKind};
use std::{borrow::Cow, sync::Arc};

/// Selects the subject under which a payload's schema is registered: Confluent's naming strategies.
///
/// ```
/// use cloudevents_kafka::registry::Subject;
///
/// let (topic, record) = (Some("orders"), Some("com.example.Order"));
/// assert_eq!(Subject::Topic.name(topic, record)?, "orders-value");
/// assert_eq!(Subject::Record.name(topic, record)?, "com.example.Order");
/// assert_eq!(Subject::TopicRecord.name(topic, record)?, "orders-com.example.Order");
/// assert_eq!(Subject::literal("all").name(None, None)?, "all");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// The topic and `-value`: `TopicNameStrategy`.
    #[default]
    Topic,
    /// The full name of the type: `RecordNameStrategy`.
    Record,
    /// The topic, `-` and the full name of the type: `TopicRecordNameStrategy`.
    TopicRecord,
    /// A fixed subject.
    Literal(Arc<str>),
}

impl Subject {
    /// Returns this subject for every topic and type.
    pub fn literal(name: impl Into<Arc<str>>) -> Self {
        Self::Literal(name.into())
    }

    /// Returns the subject for a payload on this topic with a type of this name.
    ///
    /// Errors are of kind [`Unsupported`](ErrorKind::Unsupported): the strategy needs a topic or a type
    /// name that is not known.
    pub fn name<'a>(&'a self, topic: Option<&str>, record: Option<&'a str>) -> Result<Cow<'a, str>, Error> {
        let topic = || topic.ok_or_else(no_topic);
        let record = || record.ok_or_else(no_record);
        Ok(match self {
            Self::Topic => format!("{}-value", topic()?).into(),
            Self::Record => record()?.into(),
            Self::TopicRecord => format!("{}-{}", topic()?, record()?).into(),
            Self::Literal(name) => Cow::Borrowed(name),
        })
    }
}

#[cold]
fn no_topic() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail("the schema's subject is named after the topic, and no topic was given")
        .with_help("give the codec the topic the event goes to, or choose another Subject")
}

#[cold]
fn no_record() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail("the schema's subject is named after its type, and the schema has no name")
        .with_help("name the type in the schema, or choose another Subject")
}
