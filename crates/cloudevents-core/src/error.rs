//! Errors: the mistake, its place, the clause that it breaks, and the remedy.

use crate::codec::one_line;
use alloc::{borrow::Cow, boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{
    convert::Infallible,
    fmt::{self, Write as _},
    time::Duration,
};

/// The error of core and of every format and binding of the toolkit.
///
/// It is one word wide and cheap to clone. [`kind`](Self::kind) is a stable classification. The other accessors return where the
/// mistake was found, as far as that is known.
///
/// `{}` prints the mistake, its place, and the code. `{:#}` adds the remedy. `{:?}` adds the clause and the source as well, so that a
/// program whose `main` returns the error prints everything.
///
/// ```
/// use cloudevents_core::{ErrorKind, Event};
///
/// let mistakes = Event::builder().id("1").source("/orders").ty("com.example.order").time("2026-02-30T10:00:00Z").build().unwrap_err();
/// let error = &mistakes.errors()[0];
/// assert_eq!(error.kind(), ErrorKind::InvalidTimestamp);
/// assert_eq!(error.attribute(), Some("time"));
/// assert_eq!(error.to_string(), "attribute `time` is not a timestamp: February 2026 has 28 days [invalid-timestamp]");
///
/// let error = cloudevents_core::Error::new(ErrorKind::TooLarge).with_help("raise Limits::bytes");
/// assert_eq!(format!("{error:#}"), "this is too large [too-large]; help: raise Limits::bytes");
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
    temporary: Option<bool>,
    retry_after: Option<Duration>,
    others: Vec<Error>,
}

impl Error {
    /// Creates an error of this kind, without further details.
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
            temporary: None,
            retry_after: None,
            others: Vec::new(),
        }))
    }

    /// Sets the exact mistake, in words that follow the kind's own: `February 2026 has 28 days`.
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

    /// The id of the broken clause, as listed in the requirement inventory of the test vectors.
    pub fn with_clause(mut self, clause: &'static str) -> Self {
        self.inner().clause = Some(clause);
        self
    }

    /// Sets the remedy, as an imperative sentence to the reader.
    pub fn with_help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.inner().help = Some(help.into());
        self
    }

    /// The error of a part that is no event, if other parts of the same message are events.
    ///
    /// A [`NotACloudEvent`](ErrorKind::NotACloudEvent) becomes [`InvalidData`](ErrorKind::InvalidData), with the same detail and help: a
    /// receiver that skips messages without an event would skip the events. Other errors stay as they are.
    #[cold]
    pub fn beside_events(self) -> Self {
        if self.kind() != ErrorKind::NotACloudEvent {
            return self;
        }
        let mut of_message = Self::new(ErrorKind::InvalidData);
        let inner = of_message.inner();
        (inner.detail, inner.help) = (self.0.detail.clone(), self.0.help.clone());
        of_message
    }

    /// The error of another library that led to this one.
    pub fn with_source(mut self, source: impl core::error::Error + Send + Sync + 'static) -> Self {
        self.inner().source = Some(Arc::new(source));
        self
    }

    /// Sets whether the same attempt may succeed later, instead of the default for the kind: see [`is_temporary`](Self::is_temporary).
    pub fn with_temporary(mut self, temporary: bool) -> Self {
        self.inner().temporary = Some(temporary);
        self
    }

    /// The longest wait that a peer can request: one day. If a peer requests a longer wait, by an absolute time in place of a number of
    /// seconds for example, it is tried again after a day.
    pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

    /// How long the peer asks to wait before the next attempt, at most [`LONGEST_RETRY_AFTER`](Self::LONGEST_RETRY_AFTER). The error is
    /// then temporary.
    ///
    /// ```
    /// use cloudevents_core::{Error, ErrorKind};
    /// use std::time::Duration;
    ///
    /// let error = Error::new(ErrorKind::Refused).with_retry_after(Duration::from_secs(1_795_219_200));
    /// assert_eq!(error.retry_after(), Some(Error::LONGEST_RETRY_AFTER));
    /// ```
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        let inner = self.inner();
        (inner.temporary, inner.retry_after) = (Some(true), Some(after.min(Self::LONGEST_RETRY_AFTER)));
        self
    }

    /// Mistakes that were found together with this one.
    pub fn with_others(mut self, others: impl IntoIterator<Item = Error>) -> Self {
        self.inner().others.extend(others);
        self
    }

    /// The stable classification.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The details of the mistake. May be empty.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The attribute the mistake is in, if any.
    pub fn attribute(&self) -> Option<&str> {
        self.0.attribute.as_deref()
    }

    /// The byte offset in the document, if known.
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

    /// Advice on how to fix it, as an imperative sentence.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Whether the same attempt may succeed later, unchanged: after a lost connection or a deadline, or when a peer is busy.
    ///
    /// The default is `true` only for [`Disconnected`](ErrorKind::Disconnected), [`Timeout`](ErrorKind::Timeout) and
    /// [`Unreachable`](ErrorKind::Unreachable). A binding that knows better sets another value: a peer that refuses because it is full, or
    /// because a stream or a queue is missing that can be made, may not refuse later.
    ///
    /// ```
    /// use cloudevents_core::{Error, ErrorKind};
    /// use std::time::Duration;
    ///
    /// assert!(Error::new(ErrorKind::Timeout).is_temporary());
    /// assert!(!Error::new(ErrorKind::Refused).is_temporary());
    /// let busy = Error::new(ErrorKind::Refused).with_retry_after(Duration::from_secs(2));
    /// assert_eq!((busy.is_temporary(), busy.retry_after()), (true, Some(Duration::from_secs(2))));
    /// ```
    pub fn is_temporary(&self) -> bool {
        let by_kind =
            matches!(self.0.kind, ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Unreachable);
        self.0.temporary.unwrap_or(by_kind)
    }

    /// How long the peer asks to wait before the next attempt, if it does: at most a day.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Mistakes that were found together with this one: all others of an event that could not be built.
    ///
    /// ```
    /// use cloudevents_core::{Error, Event};
    ///
    /// let error = Error::from(Event::builder().source("/s").build().unwrap_err());
    /// assert_eq!((error.attribute(), error.others()[0].attribute()), (Some("id"), Some("type")));
    /// ```
    pub fn others(&self) -> &[Error] {
        &self.0.others
    }

    /// This mistake, and then the mistakes that were found together with it, each alone.
    ///
    /// ```
    /// use cloudevents_core::{Error, Event};
    ///
    /// let error = Error::from(Event::builder().source("/s").build().unwrap_err());
    /// let each: Vec<_> = error.into_mistakes().iter().map(|error| (error.attribute().map(str::to_owned), error.others().len())).collect();
    /// assert_eq!(each, [(Some("id".to_owned()), 0), (Some("type".to_owned()), 0)]);
    /// ```
    pub fn into_mistakes(mut self) -> Vec<Error> {
        let others = core::mem::take(&mut self.inner().others);
        core::iter::once(self).chain(others).collect()
    }

    /// The message without the place and the code: the part of [`Display`](fmt::Display) before the brackets.
    pub fn message(&self) -> impl fmt::Display + '_ {
        Headline(&self.0)
    }

    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    fn write(&self, out: &mut String, with_help: bool) -> fmt::Result {
        write!(out, "{}", self.message())?;
        match (self.0.index, self.0.offset) {
            (Some(index), Some(offset)) => write!(out, " (event {index} of the batch, byte {offset})")?,
            (Some(index), None) => write!(out, " (event {index} of the batch)")?,
            (None, Some(offset)) => write!(out, " (byte {offset})")?,
            (None, None) => {}
        }
        write!(out, " [{}]", self.0.kind.code())?;
        if with_help && let Some(help) = &self.0.help {
            write!(out, "; help: {help}")?;
        }
        self.0.others.iter().try_for_each(|other| {
            out.push_str("; ");
            other.write(out, with_help)
        })
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

/// So that functions that take `impl TryInto<T, Error: Into<Error>>` also take a `T`.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// In one line, with escapes for characters that act on a terminal: an error may quote a peer.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text, f.alternate())?;
        f.write_str(&one_line(&text))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")?;
        if let Some(clause) = self.0.clause {
            write!(f, "; clause: {clause}")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, "; source: {source:?}")?;
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

            /// The kind with this code. `None` if the code is unknown.
            ///
            /// ```
            /// use cloudevents_core::ErrorKind;
            ///
            /// assert_eq!(ErrorKind::from_code("invalid-timestamp"), Some(ErrorKind::InvalidTimestamp));
            /// assert_eq!(ErrorKind::from_code("unheard-of"), None);
            /// ```
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.code() == code)
            }

            /// The message for an attribute: `is not a timestamp`.
            const fn predicate(self) -> &'static str {
                match self { $(Self::$kind => $predicate,)* }
            }

            /// The message without an attribute.
            const fn sentence(self) -> &'static str {
                match self { $(Self::$kind => $sentence,)* }
            }
        }
    };
}

/// Writes the [code](ErrorKind::code).
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

// One table, so that every kind has a code and a message.
kinds! {
    /// A batch was found where one event was expected.
    Batched "batched" "came as a batch" "this is a batch of events, where one event was expected";
    /// The sender, receiver or connection was closed.
    Closed "closed" "met a closed connection" "closed";
    /// Two members that exclude each other: `data` beside `data_base64`.
    ConflictingData "conflicting-data" "excludes another" "the payload is given twice";
    /// The message is compressed, and no layer has decompressed it.
    ContentEncoding "content-encoding" "is compressed" "the content encoding is not supported";
    /// The peer went away.
    Disconnected "disconnected" "met a lost connection" "the connection was lost";
    /// An attribute occurs in the message more than once.
    DuplicateAttribute "duplicate-attribute" "appears more than once" "something appears more than once";
    /// An attribute that must not be empty is empty.
    EmptyAttribute "empty-attribute" "is empty" "something is empty";
    /// A loss, where an exact conversion was required.
    Inexact "inexact" "cannot be carried exactly" "this cannot be carried exactly";
    /// Not base64 of RFC 4648 section 4, with padding.
    InvalidBinary "invalid-binary" "is not base64" "this is not base64";
    /// Neither `true` nor `false`.
    InvalidBoolean "invalid-boolean" "is not a boolean" "this is not a boolean";
    /// A payload that does not match its declared type.
    InvalidData "invalid-data" "does not fit the payload" "the payload is invalid";
    /// The document breaks the syntax of its format.
    InvalidDocument "invalid-document" "is not well-formed" "the document is not well-formed";
    /// A malformed percent-escape, quoted string or backslash escape.
    InvalidEscape "invalid-escape" "is not escaped correctly" "an escape is not correct";
    /// An attribute that breaks a rule of the document that defines its extension.
    InvalidExtension "invalid-extension" "breaks a rule of its extension" "a rule of an extension is broken";
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
    /// A value of another type than the attribute's.
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
    /// The message is not marked as a CloudEvent.
    NotACloudEvent "not-a-cloudevent" "belongs to no CloudEvent" "this message is not a CloudEvent";
    /// The peer declined the event or the user.
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
    /// The content type is not the one that the typed event requires.
    UnexpectedContentType "unexpected-content-type" "is not the expected content type" "the content type is not the expected one";
    /// The event type is not the one that the typed event requires.
    UnexpectedEventType "unexpected-event-type" "is not the expected event type" "the event type is not the expected one";
    /// A media type under `application/cloudevents` whose format is not known.
    UnknownFormat "unknown-format" "names an unknown event format" "the event format is unknown";
    /// No connection could be made: it was refused, or there is no route to the host. Nothing was sent.
    Unreachable "unreachable" "cannot be reached" "the peer cannot be reached";
    /// Not possible by the specification or in this build: a content mode the protocol does not have, or a scheme without a transport.
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
    fn a_program_that_ends_with_an_error_prints_all_of_it() {
        let error = Error::new(ErrorKind::InvalidTimestamp)
            .with_attribute("time")
            .with_help("write an offset")
            .with_clause("CE-time-a")
            .with_source(fmt::Error)
            .with_others([Error::new(ErrorKind::Batched).with_help("split it")]);
        assert_eq!(
            alloc::format!("{error:?}"),
            "attribute `time` is not a timestamp [invalid-timestamp]; help: write an offset; this is a batch of events, where one \
             event was expected [batched]; help: split it; clause: CE-time-a; source: Error"
        );
        assert!(!error.to_string().contains("help"));
    }

    #[test]
    fn codes_are_unique_and_kebab() {
        for (i, kind) in ErrorKind::ALL.iter().enumerate() {
            let code = kind.code();
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{code}"
            );
            assert_eq!(ErrorKind::from_code(code), Some(*kind));
            assert!(ErrorKind::ALL[..i].iter().all(|other| other.code() < code), "{code} is out of order");
        }
    }
}
