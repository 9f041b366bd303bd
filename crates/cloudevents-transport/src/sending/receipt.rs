//! Receipts of sent messages.

use cloudevents_core::{Error, ErrorKind};
use std::sync::Arc;

/// Where a sent message ended up. Protocols report different parts, or nothing, so every part is optional.
///
/// ```
/// use cloudevents_transport::Receipt;
///
/// let receipt = Receipt::new().with_place("orders").with_partition(3).with_offset(42);
/// assert_eq!((receipt.place(), receipt.partition(), receipt.offset()), (Some("orders"), Some(3), Some(42)));
/// assert_eq!(receipt.is_duplicate(), None); // the protocol does not say
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    place: Option<Arc<str>>,
    partition: Option<u32>,
    offset: Option<u64>,
    duplicate: Option<bool>,
    subscribed: Option<bool>,
}

impl Receipt {
    /// Creates a receipt without details: the peer has the message.
    pub const fn new() -> Self {
        Self { place: None, partition: None, offset: None, duplicate: None, subscribed: None }
    }

    /// Returns a copy with the topic, stream or queue.
    pub fn with_place(mut self, place: impl Into<Arc<str>>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Returns a copy with the partition.
    pub fn with_partition(mut self, partition: u32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Returns a copy with the offset in the partition, or the sequence number.
    pub fn with_offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Returns a copy that records whether the peer had the message before.
    pub fn with_duplicate(mut self, duplicate: bool) -> Self {
        self.duplicate = Some(duplicate);
        self
    }

    /// Returns a copy that records whether the message had a subscriber.
    pub fn with_subscribers(mut self, subscribed: bool) -> Self {
        self.subscribed = Some(subscribed);
        self
    }

    /// The topic, stream or queue that has the message.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// The partition.
    pub fn partition(&self) -> Option<u32> {
        self.partition
    }

    /// The offset in the partition, or the sequence number in the stream or queue.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// Whether the peer had the message before and dropped this copy.
    pub fn is_duplicate(&self) -> Option<bool> {
        self.duplicate
    }

    /// Whether the message had a subscriber, a session or a queue that gets it.
    ///
    /// `Some(false)` says that the peer has accepted the message and keeps it for none: it is gone.
    pub fn has_subscribers(&self) -> Option<bool> {
        self.subscribed
    }

    /// The receipt of a message that has to be kept, such as a dead letter.
    ///
    /// If the message [had no subscriber](Self::has_subscribers), it is an error of kind [`Refused`](ErrorKind::Refused).
    ///
    /// ```
    /// use cloudevents_transport::Receipt;
    ///
    /// assert!(Receipt::new().kept().is_ok());
    /// assert!(Receipt::new().with_subscribers(false).kept().is_err());
    /// ```
    pub fn kept(self) -> Result<Self, Error> {
        match self.subscribed {
            Some(false) => Err(Error::new(ErrorKind::Refused).with_detail(
                "the peer has accepted the message, and keeps it for none: nothing has subscribed",
            )),
            _ => Ok(self),
        }
    }
}
