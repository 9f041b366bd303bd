//! The framing before a payload.

use cloudevents_core::{Error, ErrorKind};
use smallvec::{SmallVec, smallvec};
use std::fmt;

/// The magic byte.
const MAGIC: u8 = 0;

/// The length of the magic byte and the id.
const HEAD: usize = 5;

/// A payload with the id of its schema. The bytes are: a byte 0, the id as four bytes in big-endian order,
/// for Protobuf a list of message indexes, and the payload itself.
///
/// ```
/// use cloudevents_kafka::registry::Framed;
///
/// let bytes = [0, 0, 0, 1, 2, b'h', b'i'];
/// let framed = Framed::parse(&bytes)?;
/// assert_eq!((framed.schema_id, framed.payload), (258, &b"hi"[..]));
/// assert_eq!(framed.to_vec(), bytes);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The id that the registry assigned to the schema. Registries assign 31-bit ids. All 32-bit values are accepted.
    pub schema_id: u32,
    /// The message's position in a Protobuf schema. `None` for payloads that are not Protobuf.
    pub message_indexes: Option<MessageIndexes>,
    /// The payload after the framing.
    pub payload: &'a [u8],
}

impl<'a> Framed<'a> {
    /// Frames this payload with this schema id.
    pub fn new(schema_id: u32, payload: &'a [u8]) -> Self {
        Self { schema_id, message_indexes: None, payload }
    }

    /// Returns a copy with message indexes, for Protobuf.
    pub fn with_message_indexes(mut self, indexes: MessageIndexes) -> Self {
        self.message_indexes = Some(indexes);
        self
    }

    /// Parses a payload that is not Protobuf. Nothing is copied.
    ///
    /// Errors are of kind [`InvalidData`](ErrorKind::InvalidData): another first byte, or fewer than five bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        match bytes.split_first_chunk::<HEAD>() {
            Some((&[MAGIC, a, b, c, d], payload)) => Ok(Self::new(u32::from_be_bytes([a, b, c, d]), payload)),
            _ => Err(unframed(bytes)),
        }
    }

    /// Parses a Protobuf payload: the same as [`parse`](Self::parse), and the message indexes.
    ///
    /// Errors are of kind [`InvalidData`](ErrorKind::InvalidData), or [`TooDeep`](ErrorKind::TooDeep) when there are more indexes than
    /// [`MessageIndexes::MAX_LENGTH`].
    pub fn parse_protobuf(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut framed = Self::parse(bytes)?;
        let indexes = MessageIndexes::take(&mut framed.payload)
            .map_err(|error| error.with_offset(bytes.len().saturating_sub(framed.payload.len())))?;
        Ok(framed.with_message_indexes(indexes))
    }

    /// Returns the framed payload as bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        // An index takes five bytes at most.
        let indexes = self.message_indexes.as_ref().map_or(0, |indexes| indexes.0.len().saturating_add(1));
        let mut bytes = Vec::with_capacity(
            HEAD.saturating_add(indexes.saturating_mul(5)).saturating_add(self.payload.len()),
        );
        bytes.push(MAGIC);
        bytes.extend_from_slice(&self.schema_id.to_be_bytes());
        if let Some(indexes) = &self.message_indexes {
            indexes.put(&mut bytes);
        }
        bytes.extend_from_slice(self.payload);
        bytes
    }
}

/// The path to a message in a Protobuf schema: its position among the messages of the file, then the
/// position of the nested message in that one, and so on. All positions start at 0.
///
/// Map entries and groups, which are messages in descriptors, do not count. Confluent's Java serializer,
/// which works on the schema's text, does not count them either. Confluent's Python serializer does: it
/// computes other positions for messages that are nested beside map fields.
///
/// ```
/// use cloudevents_kafka::registry::{Framed, MessageIndexes};
///
/// // The first message nested in the second of the file.
/// let indexes = MessageIndexes::new(&[1, 0])?;
/// let bytes = Framed::new(7, b"").with_message_indexes(indexes).to_vec();
/// assert_eq!(bytes, [0, 0, 0, 0, 7, 4, 2, 0]);
///
/// // The first message of the file, the most common one, has a short form.
/// let bytes = Framed::new(7, b"").with_message_indexes(MessageIndexes::first()).to_vec();
/// assert_eq!(bytes, [0, 0, 0, 0, 7, 0]);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MessageIndexes(SmallVec<[u32; 4]>);

impl MessageIndexes {
    /// The most indexes that are read or written: 32.
    pub const MAX_LENGTH: usize = 32;

    /// Errors are of kind [`InvalidData`](ErrorKind::InvalidData) when there are none or one is above 2^31 - 1, and
    /// [`TooDeep`](ErrorKind::TooDeep) when there are more than [`MAX_LENGTH`](Self::MAX_LENGTH).
    pub fn new(indexes: &[u32]) -> Result<Self, Error> {
        if indexes.len() > Self::MAX_LENGTH {
            return Err(too_deep(indexes.len()));
        }
        if indexes.is_empty() || indexes.iter().any(|index| i32::try_from(*index).is_err()) {
            return Err(Error::new(ErrorKind::InvalidData)
                .with_detail("message indexes are one or more numbers of 31 bits"));
        }
        Ok(Self(indexes.into()))
    }

    /// Returns the indexes of the first message in the file.
    pub fn first() -> Self {
        Self(smallvec![0])
    }

    /// Returns the indexes, never empty.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// Reads the list from the front of the input. An empty list stands for the first message.
    fn take(bytes: &mut &[u8]) -> Result<Self, Error> {
        let count = usize::try_from(take_number(bytes)?).unwrap_or(usize::MAX);
        if count == 0 {
            return Ok(Self::first());
        }
        if count > Self::MAX_LENGTH {
            return Err(too_deep(count));
        }
        let mut indexes = SmallVec::new();
        for _ in 0..count {
            indexes.push(take_number(bytes)?);
        }
        Ok(Self(indexes))
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        if self.as_slice() == [0] {
            return bytes.push(0);
        }
        put_number(u32::try_from(self.0.len()).unwrap_or(u32::MAX), bytes);
        for index in &self.0 {
            put_number(*index, bytes);
        }
    }
}

impl fmt::Debug for MessageIndexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Reads a zigzag varint of 32 bits that must not be negative.
fn take_number(bytes: &mut &[u8]) -> Result<u32, Error> {
    let mut zigzag = 0_u32;
    for shift in [0_u32, 7, 14, 21, 28] {
        let Some((&byte, rest)) = bytes.split_first() else {
            return Err(Error::new(ErrorKind::InvalidData).with_detail("the message indexes are cut off"));
        };
        *bytes = rest;
        let bits = u32::from(byte & 0x7f);
        if shift == 28 && byte > 0x0f {
            break;
        }
        zigzag |= bits << shift;
        if byte < 0x80 {
            if zigzag & 1 == 1 {
                return Err(Error::new(ErrorKind::InvalidData).with_detail("a message index is negative"));
            }
            return Ok(zigzag >> 1);
        }
    }
    Err(Error::new(ErrorKind::InvalidData).with_detail("a message index has more than 32 bits"))
}

/// Indexes have 31 bits, so doubling one does not overflow.
fn put_number(number: u32, bytes: &mut Vec<u8>) {
    let mut zigzag = number << 1;
    while zigzag >= 0x80 {
        bytes.push((zigzag as u8) | 0x80);
        zigzag >>= 7;
    }
    bytes.push(zigzag as u8);
}

#[cold]
fn unframed(bytes: &[u8]) -> Error {
    let error = Error::new(ErrorKind::InvalidData).with_offset(0);
    match bytes.first() {
        Some(&MAGIC) | None => error.with_detail(format!(
            "{} bytes are too few for the byte 0 and the four bytes of a schema's id",
            bytes.len()
        )),
        Some(1) => error
            .with_detail("the payload starts with the byte 1, that of a schema's GUID, where 0 is expected")
            .with_help("have the producer write schema ids into the payload: GUIDs are not supported"),
        Some(byte) => error
            .with_detail(format!("the payload starts with the byte {byte:#04x}, where 0 is expected"))
            .with_help("read it with a codec that needs no registry: no registry serializer wrote it"),
    }
}

#[cold]
fn too_deep(count: usize) -> Error {
    Error::new(ErrorKind::TooDeep)
        .with_detail(format!("{count} message indexes, where {} are the most", MessageIndexes::MAX_LENGTH))
}
