//! Attribute names as names of headers.

use crate::{Event, Leniency, MediaType, RepairKind, TextBuffer};
use alloc::string::String;

/// Returns the name of each extension attribute after a prefix, in the order of the attributes. They share one buffer, so that a message
/// of any number of extensions allocates once.
///
/// ```
/// use cloudevents_core::{Event, codec::extension_headers};
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("a", 1).extension("b", 2).build()?;
/// let names: Vec<_> = extension_headers(&event, "ce-").map(|name| name.as_str().to_owned()).collect();
/// assert_eq!(names, ["ce-a", "ce-b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn extension_headers(event: &Event, prefix: &'static str) -> impl Iterator<Item = TextBuffer> {
    let lengths = event.extensions().map(move |(name, _)| prefix.len().saturating_add(name.as_str().len()));
    let mut names = String::with_capacity(lengths.clone().fold(0, usize::saturating_add));
    for (name, _) in event.extensions() {
        names.push_str(prefix);
        names.push_str(name.as_str());
    }
    let names = TextBuffer::from(names);
    let mut start = 0_usize;
    lengths.map(move |length| {
        let range = start..start.saturating_add(length);
        start = range.end;
        names.slice(range).unwrap_or_default()
    })
}

/// Whether a header is called content-type in some spelling: in any letter case, with any hyphens and underscores.
///
/// ```
/// use cloudevents_core::codec::is_content_type;
///
/// assert!(["content-type", "Content-Type", "contentType", "content_type"].into_iter().all(is_content_type));
/// assert!(!is_content_type("x-content-type") && !is_content_type("content-types"));
/// ```
pub fn is_content_type(header: &str) -> bool {
    let letters = header.bytes().filter(|byte| !matches!(byte, b'-' | b'_'));
    letters.map(|letter| letter.to_ascii_lowercase()).eq(*b"contenttype")
}

/// The content type that a header states several times with commas between, if leniency
/// [ignores](crate::RepairKind::IgnoredHeader) all but the first: see [`MediaType::repeated`].
///
/// ```
/// use cloudevents_core::{Leniency, codec::repeated_content_type};
///
/// assert_eq!(repeated_content_type("a/b, a/b", Leniency::all()), Some("a/b"));
/// assert_eq!(repeated_content_type("a/b, a/c", Leniency::all()), None);
/// assert_eq!(repeated_content_type("a/b, a/b", Leniency::strict()), None);
/// ```
#[inline]
pub fn repeated_content_type(header: &str, leniency: Leniency) -> Option<&str> {
    let is_list = leniency.allows(RepairKind::IgnoredHeader) && header.contains(',');
    if is_list { MediaType::repeated(header).map(MediaType::as_str) } else { None }
}
