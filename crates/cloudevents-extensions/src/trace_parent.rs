//! `traceparent` of W3C Trace Context.

use crate::violation;
use cloudevents_core::Error;
use std::{fmt, str::FromStr};

/// A trace and a span of it (W3C Trace Context, section 3.2), as it was written.
///
/// ```
/// use cloudevents_extensions::TraceParent;
///
/// let parent: TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01".parse()?;
/// assert_eq!((parent.trace_id(), parent.parent_id()), ("0af7651916cd43dd8448eb211c80319c", "b9c7c989f97918e1"));
/// assert!(parent.is_sampled());
/// assert!("0af7651916cd43dd8448eb211c80319c".parse::<TraceParent>().is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceParent(Box<str>);

impl TraceParent {
    /// Checks the text: `version-traceid-parentid-flags`, in lower-case hexadecimal digits. A version that is not known yet may have more
    /// after that.
    ///
    /// Errors are of kind [`InvalidExtension`](cloudevents_core::ErrorKind::InvalidExtension) (clause TRACE-traceparent-a).
    pub fn parse(text: &str) -> Result<Self, Error> {
        match problem(text) {
            None => Ok(Self(text.into())),
            Some(detail) => Err(violation("traceparent", "TRACE-traceparent-a", detail)),
        }
    }

    /// The text exactly as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }

    /// The id of the span: 16 hexadecimal digits.
    pub fn parent_id(&self) -> &str {
        self.0.get(36..52).unwrap_or_default()
    }

    /// Whether the caller may have recorded the trace.
    pub fn is_sampled(&self) -> bool {
        let flags = self.0.get(53..55).and_then(|flags| u8::from_str_radix(flags, 16).ok());
        flags.is_some_and(|flags| flags & 1 == 1)
    }
}

impl FromStr for TraceParent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn problem(text: &str) -> Option<&'static str> {
    let mut fields = text.splitn(5, '-');
    let mut field = |length| fields.next().filter(|field| field.len() == length && is_hexadecimal(field));
    let (Some(version), Some(trace), Some(parent), Some(_flags)) = (field(2), field(32), field(16), field(2))
    else {
        return Some("2, 32, 16 and 2 hexadecimal digits in lower case are expected, with `-` between them");
    };
    let more = fields.next();
    match version {
        "ff" => Some("there is no version `ff`"),
        "00" if more.is_some() => Some("version `00` has nothing after the flags"),
        // The additions of a later version are text that a header could have.
        _ if more.is_some_and(|more| !more.bytes().all(|byte| byte.is_ascii_graphic())) => {
            Some("only printable ASCII is expected after the flags")
        }
        _ if is_zero(trace) => Some("the id of the trace is zero"),
        _ if is_zero(parent) => Some("the id of the span is zero"),
        _ => None,
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(id: &str) -> bool {
    id.bytes().all(|digit| digit == b'0')
}
