//! Content negotiation: which formats a peer accepts.

use cloudevents_core::{Format, Formats, MediaType};
use http::{HeaderMap, HeaderValue, header::ACCEPT};

/// The value of an `Accept` header for events in these formats, single or with `batches` also batched, in this order of preference.
///
/// ```
/// use cloudevents_core::Formats;
/// use cloudevents_json::Json;
///
/// let accept = cloudevents_http::accepts(&Formats::none().with(Json::new()), true);
/// assert_eq!(accept, "application/cloudevents-batch+json, application/cloudevents+json");
/// ```
pub fn accepts(formats: &Formats, batches: bool) -> HeaderValue {
    let mut list = Vec::new();
    for format in formats.iter() {
        list.extend(format.batch_media_type().filter(|_| batches).map(MediaType::as_str));
        list.push(format.media_type().as_str());
    }
    // Media types of formats are ASCII without control characters.
    HeaderValue::from_str(&list.join(", ")).unwrap_or_else(|_| HeaderValue::from_static("*/*"))
}

/// The value of an `Accept` header with the media types that decoding with these formats understands. JSON is included.
#[cold]
pub(crate) fn understood(formats: &Formats, batches: bool) -> HeaderValue {
    accepts(&cloudevents_json::with_json(formats.clone()), batches)
}

/// Selects the format that the peer's `Accept` headers give the most weight (RFC 9110, section 12.5.1). Among equals, the first in
/// `formats` wins. With `batch`, only formats that have batches count. Returns `None` when the peer accepts none of them.
///
/// Without an `Accept` header, the peer accepts everything.
///
/// ```
/// use cloudevents_core::Formats;
/// use cloudevents_json::Json;
///
/// let formats = Formats::none().with(Json::new());
/// let request = http::Request::get("/").header("accept", "text/html, application/*;q=0.5").body(()).unwrap();
/// assert!(cloudevents_http::select_format(request.headers(), &formats, false).is_some());
/// ```
pub fn select_format<'a>(headers: &HeaderMap, formats: &'a Formats, batch: bool) -> Option<&'a dyn Format> {
    let mut best: Option<(&dyn Format, u16)> = None;
    for format in formats.iter() {
        let media_type = if batch { format.batch_media_type() } else { Some(format.media_type()) };
        let weight = media_type.map_or(0, |media_type| weight(headers, media_type));
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((format, weight));
        }
    }
    best.map(|(format, _)| format)
}

/// The weight, in thousandths, that the `Accept` headers give a media type: that of the most specific range (RFC 9110,
/// section 12.5.1).
fn weight(headers: &HeaderMap, media_type: MediaType<'_>) -> u16 {
    let mut ranges = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .peekable();
    if ranges.peek().is_none() {
        return 1000;
    }
    let mut found = (0, 0);
    for range in ranges {
        let Ok(range) = MediaType::parse(range.trim()) else { continue };
        let specific = match (range.type_(), range.subtype()) {
            _ if range.is(media_type.essence()) => 3,
            (kind, "*") if kind.eq_ignore_ascii_case(media_type.type_()) => 2,
            ("*", "*") => 1,
            _ => continue,
        };
        if specific > found.0 {
            found = (specific, range.parameter("q").map_or(1000, |q| thousandths(&q)));
        }
    }
    found.1
}

/// `0`, `0.5`, `1.000` as thousandths. Other text counts as 1.
fn thousandths(q: &str) -> u16 {
    match q.split_once('.') {
        Some(("0", digits)) => {
            digits.bytes().chain(std::iter::repeat(b'0')).take(3).fold(0, |n: u16, digit| {
                n.saturating_mul(10).saturating_add(u16::from(digit.wrapping_sub(b'0').min(9)))
            })
        }
        None if q == "0" => 0,
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_json::Json;

    #[test]
    fn weights() {
        let formats = Formats::none().with(Json::new());
        for (accept, single, batch) in [
            ("", false, false),
            ("*/*", true, true),
            ("application/cloudevents+json", true, false),
            ("application/cloudevents+json;q=0, */*", false, true),
            ("text/html;q=0.9, APPLICATION/*;q=0.001", true, true),
            ("application/*;q=0.0", false, false),
            ("text/plain", false, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(select_format(&headers, &formats, false).is_some(), single, "{accept}");
            assert_eq!(select_format(&headers, &formats, true).is_some(), batch, "{accept}");
        }
        assert!(select_format(&HeaderMap::new(), &formats, true).is_some());
    }
}
