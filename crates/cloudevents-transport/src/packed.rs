//! A message as it came, kept for little.

use crate::Raw;
use bytes::Bytes;
use std::{fmt, iter::from_fn};

/// A message as the protocol delivered it, kept for little: what a client's message is copied to that has to be given back. A [`Raw`] is
/// made of it when somebody asks, which is for few messages.
///
/// ```
/// use cloudevents_transport::Packed;
///
/// let packed = Packed::new(None, &[("trace", Some(b"1")), ("null", None)], Some("{}".into()));
/// assert_eq!((packed.body().unwrap(), packed.size()), ("{}".into(), 12));
/// let raw = packed.unpack();
/// assert_eq!((raw.header("trace").unwrap(), raw.header("null")), (&"1".into(), None));
/// ```
#[derive(Clone)]
pub struct Packed {
    /// By itself, for an event shares it, and may be kept for long.
    body: Option<Bytes>,
    /// The key; then of each header the lengths of name and value, and both.
    rest: Box<[u8]>,
    key: Option<usize>,
    size: usize,
}

/// A length, as it lies there. That of a value which is null is the largest there is, which no value has.
type Length = [u8; size_of::<usize>()];

const NULL: usize = usize::MAX;

impl Packed {
    /// Copies key and headers, and keeps the body.
    pub fn new(key: Option<&[u8]>, headers: &[(&str, Option<&[u8]>)], body: Option<Bytes>) -> Self {
        let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let kept = headers
            .iter()
            .map(|(name, value)| name.len().saturating_add(of(*value)))
            .fold(of(key), usize::saturating_add);
        let lengths = headers.len().saturating_mul(size_of::<Length>().saturating_mul(2));
        let mut rest = Vec::with_capacity(kept.saturating_add(lengths));
        rest.extend_from_slice(key.unwrap_or_default());
        for (name, value) in headers {
            rest.extend_from_slice(&name.len().to_ne_bytes());
            rest.extend_from_slice(&value.map_or(NULL, <[u8]>::len).to_ne_bytes());
            rest.extend_from_slice(name.as_bytes());
            rest.extend_from_slice(value.unwrap_or_default());
        }
        let size = kept.saturating_add(of(body.as_deref()));
        Self { body, rest: rest.into(), key: key.map(<[u8]>::len), size }
    }

    /// The body, which is not copied.
    pub fn body(&self) -> Option<Bytes> {
        self.body.clone()
    }

    /// The bytes of key, headers and body; as [`Raw::size`].
    pub fn size(&self) -> usize {
        self.size
    }

    /// Key, headers and body. Topic, partition and position are not known here.
    pub fn unpack(&self) -> Raw {
        let mut rest = Bytes::copy_from_slice(&self.rest);
        let key = self.key.map(|length| rest.split_to(length));
        let headers = from_fn(|| {
            let (name, value) = (length(&mut rest)?, length(&mut rest)?);
            let name = rest.split_to(name);
            let value = (value != NULL).then(|| rest.split_to(value));
            // It was text before it was copied.
            Some((String::from_utf8_lossy(&name).into_owned().into(), value))
        });
        let headers = headers.collect();
        Raw { key, headers, body: self.body(), ..Raw::default() }
    }
}

/// Takes a length; `None` at the end.
fn length(rest: &mut Bytes) -> Option<usize> {
    let length = Length::try_from(rest.get(..size_of::<Length>())?).ok()?;
    drop(rest.split_to(size_of::<Length>()));
    Some(usize::from_ne_bytes(length))
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed")
            .field("size", &self.size)
            .field("body_len", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_kept() {
        let headers: [(&str, Option<&[u8]>); 4] =
            [("ce_id", Some(b"1")), ("null", None), ("", Some(b"")), ("ce_id", Some(b"\xff"))];
        for (key, body) in [(None, None), (Some(&b""[..]), Some(&b""[..])), (Some(b"key"), Some(b"body"))] {
            let packed = Packed::new(key, &headers, body.map(Bytes::copy_from_slice));
            let raw = packed.unpack();
            assert_eq!((raw.key.as_deref(), raw.body.as_deref()), (key, body));
            let back: Vec<_> = raw.headers.iter().map(|(name, value)| (&**name, value.as_deref())).collect();
            assert_eq!(back, headers);
            assert_eq!((packed.body(), packed.size()), (raw.body.clone(), raw.size()));
        }
    }
}
