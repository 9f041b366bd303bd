//! Messages of SQS, of no client library in particular.

use bytes::Bytes;

/// The attribute with the media type of the body.
pub(crate) const CONTENT_TYPE: &str = "content-type";
/// How many attributes a message has at most.
pub(crate) const MOST_ATTRIBUTES: usize = 10;

/// A message of SQS. Cloning is cheap but for the list of attributes.
///
/// ```
/// use cloudevents_sqs::SqsMessage;
///
/// let message = SqsMessage::new("{}").with_attribute("ce-id", "1");
/// assert_eq!(message.attribute("ce-id").unwrap().text(), Some("1"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqsMessage {
    /// The body: text.
    pub body: Bytes,
    /// The attributes of the message, in order. SQS has each name once, and ten of them at most.
    pub attributes: Vec<(String, AttributeValue)>,
}

/// The value of an attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttributeValue {
    /// The type: `String`, `Number` or `Binary`, perhaps with a label behind a dot, such as `Number.float`.
    pub data_type: String,
    /// The value: text, unless the type is `Binary`.
    pub value: Bytes,
}

impl SqsMessage {
    /// A message with this body, without attributes.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), attributes: Vec::new() }
    }

    /// Returns a copy with one attribute more, of the type `String`.
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.attributes.push((name.into(), AttributeValue::new("String", value)));
        self
    }

    /// The value of the first attribute of this name, in this letter case.
    pub fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The size that SQS counts: the bytes of the body, and of names, types and values of the attributes.
    pub fn size(&self) -> usize {
        self.attributes
            .iter()
            .map(|(name, value)| value.size(name))
            .fold(self.body.len(), usize::saturating_add)
    }
}

impl AttributeValue {
    /// A value of this type.
    pub fn new(data_type: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self { data_type: data_type.into(), value: value.into() }
    }

    /// Whether the type is `Binary`.
    pub fn is_binary(&self) -> bool {
        self.data_type == "Binary" || self.data_type.starts_with("Binary.")
    }

    /// The value, if it is text.
    pub fn text(&self) -> Option<&str> {
        if self.is_binary() {
            return None;
        }
        std::str::from_utf8(&self.value).ok()
    }

    fn size(&self, name: &str) -> usize {
        name.len().saturating_add(self.data_type.len()).saturating_add(self.value.len())
    }
}
