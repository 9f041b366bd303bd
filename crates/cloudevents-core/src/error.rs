//! What went wrong, where, against which clause, and what to do about it.

use alloc::{borrow::Cow, boxed::Box, sync::Arc};
use core::fmt;

/// A refusal, by core or by any format or binding of the toolkit.
///
/// It is one word wide and cheap to clone. [`kind`](Self::kind) is a stable classification; the other accessors say where the
/// mistake was found as far as that is known.
///
/// ```
/// use cloudevents_core::{ErrorKind, Event};
///
/// let mistakes = Event::builder().id("1").source("/orders").ty("com.example.order").time("2026-02-30T10:00:00Z").build().unwrap_err();
/// let error = &mistakes.errors()[0];
/// assert_eq!(error.kind(), ErrorKind::InvalidTimestamp);
/// assert_eq!(error.attribute(), Some("time"));
/// assert_eq!(error.to_string(), "attribute `time` is not a timestamp: February 2026 has 28 days [invalid-timestamp]");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    attribute: Option<Box<str>>,
    offset: Option<u64>,
    index: Option<usize>,
    clause: Option<&'static str>,
    detail: Cow<'static, str>,
    help: Option<Cow<'static, str>>,
    source: Option<Arc<dyn core::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind, with nothing more known about it.
    #[cold]
    pub fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(Inner {
            kind,
            attribute: None,
            offset: None,
            index: None,
            clause: None,
            detail: Cow::Borrowed(""),
            help: None,
            source: None,
        }))
    }

    /// What exactly was wrong, in words that follow the kind's own: `February 2026 has 28 days`.
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.inner().detail = detail.into();
        self
    }

    /// The attribute the mistake is in.
    pub fn with_attribute(mut self, name: impl Into<Box<str>>) -> Self {
        self.inner().attribute = Some(name.into());
        self
    }

    /// The byte offset in the document at which the mistake was found.
    pub fn with_offset(mut self, offset: usize) -> Self {
        self.inner().offset = Some(offset as u64);
        self
    }

    /// The index, counted from 0, of the event in its batch.
    pub fn with_index(mut self, index: usize) -> Self {
        self.inner().index = Some(index);
        self
    }

    /// The id of the clause that was broken, as the requirement inventory of the test vectors has it.
    pub fn with_clause(mut self, clause: &'static str) -> Self {
        self.inner().clause = Some(clause);
        self
    }

    /// What the reader can do about it, as an imperative sentence.
    pub fn with_help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.inner().help = Some(help.into());
        self
    }

    /// The error of another library that led to this one.
    pub fn with_source(mut self, source: impl core::error::Error + Send + Sync + 'static) -> Self {
        self.inner().source = Some(Arc::new(source));
        self
    }

    /// The stable classification.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What exactly was wrong; may be empty.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The attribute the mistake is in, when it is in one.
    pub fn attribute(&self) -> Option<&str> {
        self.0.attribute.as_deref()
    }

    /// The byte offset in the document, when it is known.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The index of the event in its batch, counted from 0.
    pub fn index(&self) -> Option<usize> {
        self.0.index
    }

    /// The id of the broken clause.
    pub fn clause(&self) -> Option<&'static str> {
        self.0.clause
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The message without the place and the code: what [`Display`](fmt::Display) says before the brackets.
    pub fn message(&self) -> impl fmt::Display + '_ {
        Headline(&self.0)
    }

    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

struct Headline<'a>(&'a Inner);

impl fmt::Display for Headline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.attribute {
            Some(name) => write!(f, "attribute `{name}` {}", self.0.kind.predicate())?,
            None => f.write_str(self.0.kind.sentence())?,
        }
        if !self.0.detail.is_empty() {
            write!(f, ": {}", self.0.detail)?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message())?;
        match (self.0.index, self.0.offset) {
            (Some(index), Some(offset)) => write!(f, " (event {index} of the batch, byte {offset})")?,
            (Some(index), None) => write!(f, " (event {index} of the batch)")?,
            (None, Some(offset)) => write!(f, " (byte {offset})")?,
            (None, None) => {}
        }
        write!(f, " [{}]", self.0.kind.code())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        if let Some(clause) = self.0.clause {
            write!(f, " {{{clause}}}")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, ", from {source:?}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn core::error::Error + 'static))
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident $code:literal $predicate:literal $sentence:literal;)*) => {
        /// The stable classification of an [`Error`].
        ///
        /// ```
        /// assert_eq!(cloudevents_core::ErrorKind::InvalidTimestamp.code(), "invalid-timestamp");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[doc = $doc])* $kind,)* }

        impl ErrorKind {
            /// Every kind, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The kebab-case code that programs may rely on.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$kind => $code,)* }
            }

            /// What is said of an attribute: `is not a timestamp`.
            const fn predicate(self) -> &'static str {
                match self { $(Self::$kind => $predicate,)* }
            }

            /// What is said where no attribute is concerned.
            const fn sentence(self) -> &'static str {
                match self { $(Self::$kind => $sentence,)* }
            }
        }
    };
}

// One table, so that a kind cannot be without a code or without words.
kinds! {
    /// A batch was met where one event was asked for.
    Batched "batched" "came as a batch" "this is a batch of events, where one event was asked for";
    /// The sender, receiver or connection was closed.
    Closed "closed" "met a closed connection" "closed";
    /// Two members that exclude each other: `data` beside `data_base64`.
    ConflictingData "conflicting-data" "excludes another" "the payload is given twice";
    /// The message is compressed and nobody undid it.
    ContentEncoding "content-encoding" "is compressed" "the content encoding is not supported";
    /// The peer went away.
    Disconnected "disconnected" "met a lost connection" "the connection was lost";
    /// An attribute stands in the message more than once.
    DuplicateAttribute "duplicate-attribute" "stands here more than once" "something stands here more than once";
    /// An attribute that must not be empty is.
    EmptyAttribute "empty-attribute" "is empty" "something is empty";
    /// A loss, where an exact conversion was asked for.
    Inexact "inexact" "cannot be carried exactly" "this cannot be carried exactly";
    /// Not base64 of RFC 4648 section 4, with padding.
    InvalidBinary "invalid-binary" "is not base64" "this is not base64";
    /// Neither `true` nor `false`.
    InvalidBoolean "invalid-boolean" "is not a boolean" "this is not a boolean";
    /// A payload that is not what it is said to be.
    InvalidData "invalid-data" "does not fit the payload" "the payload is not what it is said to be";
    /// The document breaks the syntax of its format.
    InvalidDocument "invalid-document" "is not well-formed" "the document is not well-formed";
    /// A percent-escape, a quoted string or a backslash escape that is none.
    InvalidEscape "invalid-escape" "is not escaped correctly" "an escape is not correct";
    /// Not a whole number of 32 bits.
    InvalidInteger "invalid-integer" "is not an integer" "this is not an integer";
    /// Not a media type of RFC 2046.
    InvalidMediaType "invalid-media-type" "is not a media type" "this is not a media type";
    /// Not a name of a context attribute.
    InvalidName "invalid-name" "has no valid name" "this is not an attribute name";
    /// Characters that a CloudEvents String cannot have.
    InvalidString "invalid-string" "has a character that no CloudEvents String may have" "this is not a CloudEvents String";
    /// Not an RFC 3339 timestamp.
    InvalidTimestamp "invalid-timestamp" "is not a timestamp" "this is not a timestamp";
    /// A value of a type the attribute does not have.
    InvalidType "invalid-type" "has the wrong type" "this has the wrong type";
    /// Not an absolute URI of RFC 3986.
    InvalidUri "invalid-uri" "is not an absolute URI" "this is not an absolute URI";
    /// Not a URI-reference of RFC 3986.
    InvalidUriReference "invalid-uri-reference" "is not a URI-reference" "this is not a URI-reference";
    /// A connection URL that cannot be used.
    InvalidUrl "invalid-url" "is not a usable URL" "this URL cannot be used";
    /// Bytes that must be UTF-8 and are not.
    InvalidUtf8 "invalid-utf8" "is not UTF-8" "this is not UTF-8";
    /// A required attribute is absent.
    MissingAttribute "missing-attribute" "is required and missing" "a required attribute is missing";
    /// Events of one batch with different spec versions.
    MixedSpecversions "mixed-specversions" "differs within the batch" "the events of the batch have different spec versions";
    /// The message bears no mark of CloudEvents.
    NotACloudEvent "not-a-cloudevent" "belongs to no CloudEvent" "this message is not a CloudEvent";
    /// The peer declined what it was given: the event, or the user.
    Refused "refused" "was refused" "the peer refused this";
    /// The partition the message came from now belongs to another consumer.
    Revoked "revoked" "came from a revoked partition" "the partition was revoked; its new owner receives the message again";
    /// A deadline passed.
    Timeout "timeout" "took too long" "the time limit passed";
    /// A nesting beyond the limit.
    TooDeep "too-deep" "is nested too deeply" "the nesting is too deep";
    /// A size beyond the limit.
    TooLarge "too-large" "is too large" "this is too large";
    /// A number of attributes or events beyond the limit.
    TooMany "too-many" "is one too many" "there are too many of these";
    /// The transport failed in a way that fits no other kind.
    Transport "transport" "could not be transported" "the transport failed";
    /// A typed event was asked for, and the content type is another.
    UnexpectedContentType "unexpected-content-type" "is not the content type asked for" "the content type is not the one asked for";
    /// A typed event was asked for, and the event's type is another.
    UnexpectedEventType "unexpected-event-type" "is not the event type asked for" "the event type is not the one asked for";
    /// A media type under `application/cloudevents` that nobody here understands.
    UnknownFormat "unknown-format" "names an unknown event format" "the event format is unknown";
    /// Something the spec or this build rules out: a content mode the protocol does not have, a scheme without a transport.
    Unsupported "unsupported" "is not supported" "this is not supported";
    /// A spec version other than 1.0 and 0.3.
    UnsupportedSpecversion "unsupported-specversion" "is not a supported spec version" "the spec version is not supported";
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn one_word_and_says_where() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        let error =
            Error::new(ErrorKind::InvalidInteger).with_attribute("priority").with_index(17).with_offset(40);
        assert_eq!(
            error.to_string(),
            "attribute `priority` is not an integer (event 17 of the batch, byte 40) [invalid-integer]"
        );
    }

    #[test]
    fn codes_are_unique_and_kebab() {
        for (i, kind) in ErrorKind::ALL.iter().enumerate() {
            let code = kind.code();
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{code}"
            );
            assert!(ErrorKind::ALL[..i].iter().all(|other| other.code() < code), "{code} is out of order");
        }
    }
}
