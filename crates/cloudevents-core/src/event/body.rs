//! The payload inside an event.

use crate::{
    MediaType,
    payload::{Content, Kind, agree, read},
};
use bytes::Bytes;
use core::sync::atomic::{AtomicU8, Ordering};

/// A payload and its known kind.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) content: Content,
    pub(crate) kind: Kind,
    /// The result of scanning a [`Kind::Body`] or [`Kind::Characters`]. Equality ignores it.
    read: AtomicU8,
}

const UNREAD: u8 = 0;
const JSON: u8 = 1;
const CBOR: u8 = 2;
const BINARY: u8 = 3;
const TEXT: u8 = 4;

impl Body {
    #[inline]
    pub(crate) fn new(content: Content, kind: Kind) -> Self {
        Self { content, kind, read: AtomicU8::new(UNREAD) }
    }

    /// The bytes of the payload.
    pub(crate) fn as_bytes(&self) -> &Bytes {
        self.content.as_bytes()
    }

    /// Returns the payload with the kind it has under another content type.
    #[inline]
    pub(crate) fn under(self, content_type: Option<MediaType<'_>>) -> Self {
        let kind = agree(self.kind, &self.content, content_type);
        let content = match self.content {
            Content::Text(text) if kind == Kind::Binary => Content::Bytes(text.as_bytes().clone()),
            content => content,
        };
        Self { content, kind, read: AtomicU8::new(UNREAD) }
    }

    /// Returns the payload with the kind of characters decided by this content type.
    pub(crate) fn settled(self, content_type: Option<MediaType<'_>>) -> Self {
        let kind = if self.kind == Kind::Characters { self.read(content_type) } else { self.kind };
        Self { kind, ..self }
    }

    pub(super) fn read(&self, content_type: Option<MediaType<'_>>) -> Kind {
        match self.read.load(Ordering::Relaxed) {
            JSON => Kind::Json,
            CBOR => Kind::Cbor,
            BINARY => Kind::Binary,
            TEXT => Kind::Text,
            _ => {
                let kind = read(self.kind, &self.content, content_type);
                let code = match kind {
                    Kind::Json => JSON,
                    Kind::Cbor => CBOR,
                    Kind::Text => TEXT,
                    _ => BINARY,
                };
                self.read.store(code, Ordering::Relaxed);
                kind
            }
        }
    }
}

impl Clone for Body {
    fn clone(&self) -> Self {
        Self {
            content: self.content.clone(),
            kind: self.kind,
            read: AtomicU8::new(self.read.load(Ordering::Relaxed)),
        }
    }
}
