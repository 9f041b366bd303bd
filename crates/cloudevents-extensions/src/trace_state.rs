//! `tracestate` of W3C Trace Context.

use crate::violation;
use cloudevents_core::Error;
use std::{collections::HashSet, fmt, str::FromStr};

/// The additions of tracing systems to a trace (W3C Trace Context, section 3.3), as they were written.
///
/// It has up to 32 keys with their values. It may be empty.
///
/// ```
/// use cloudevents_extensions::TraceState;
///
/// let state: TraceState = "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE".parse()?;
/// assert!(state.entries().eq([("rojo", "00f067aa0ba902b7"), ("congo", "t61rcWkgMzE")]));
/// assert!("rojo".parse::<TraceState>().is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceState(Box<str>);

impl TraceState {
    /// Checks the text. Errors are of kind [`InvalidExtension`](cloudevents_core::ErrorKind::InvalidExtension) (clause TRACE-tracestate-a).
    pub fn parse(text: &str) -> Result<Self, Error> {
        match problem(text) {
            None => Ok(Self(text.into())),
            Some(detail) => Err(violation("tracestate", "TRACE-tracestate-a", detail)),
        }
    }

    /// The text exactly as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The keys with their values, the latest first.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        members(&self.0).filter_map(|member| member.split_once('='))
    }
}

impl FromStr for TraceState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn problem(text: &str) -> Option<String> {
    let mut keys = HashSet::new();
    for member in members(text) {
        let Some((key, value)) = member.split_once('=') else {
            return Some("an entry has no `=` between key and value".to_owned());
        };
        if !is_key(key) {
            return Some(format!("`{}` is not a key", key.escape_debug()));
        }
        if !is_value(value) {
            return Some(format!(
                "the value of `{key}` is not 1 to 256 printable characters without `,` and `=`"
            ));
        }
        if !keys.insert(key) {
            return Some(format!("the key `{key}` appears twice"));
        }
        if keys.len() > 32 {
            return Some("there are more than 32 entries".to_owned());
        }
    }
    None
}

/// The entries that are not empty, without the spaces around them.
fn members(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(|member| member.trim_matches(' ')).filter(|member| !member.is_empty())
}

fn is_key(key: &str) -> bool {
    let is_letter_or_digit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    key.len() <= 256
        && key.bytes().next().is_some_and(is_letter_or_digit)
        && key.bytes().all(|byte| is_letter_or_digit(byte) || b"_-*/@".contains(&byte))
}

fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
        && !value.ends_with(' ')
}
