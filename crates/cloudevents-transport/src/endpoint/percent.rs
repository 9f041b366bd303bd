//! Percent-coding of URLs: texts, and the normal form of paths.

use std::borrow::Cow;

/// Percent-decodes text. Returns `None` for an invalid escape, or if the result is not UTF-8.
///
/// ```
/// use cloudevents_transport::binding::percent_decoded;
///
/// assert_eq!(percent_decoded("a%2Fb").as_deref(), Some("a/b"));
/// assert_eq!(percent_decoded("100%"), None);
/// ```
pub fn percent_decoded(text: &str) -> Option<Box<str>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                high << 4 | low
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(String::into_boxed_str)
}

/// Returns a path in normal form (RFC 3986, section 6.2.2).
///
/// Unreserved characters are as they are, other escapes have upper-case digits, and characters that no URI may have, such as `é`, are
/// escaped in UTF-8. Segments (`.`, `..`) and slashes stay. Paths of servers are compared in this form.
///
/// ```
/// use cloudevents_transport::binding::normal_path;
///
/// assert_eq!(normal_path("/café"), "/caf%C3%A9");
/// assert_eq!(normal_path("/caf%c3%a9/%7Ealice"), "/caf%C3%A9/~alice");
/// assert_eq!(normal_path("/a%2fb"), "/a%2Fb");
/// ```
pub fn normal_path(path: &str) -> Cow<'_, str> {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let stays = |byte: u8| is_unreserved(byte) || b"/:@!$&'()*+,;=".contains(&byte);
    if path.bytes().all(stays) {
        return Cow::Borrowed(path);
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let mut octet = byte;
        if byte == b'%'
            && let Some((digits, after)) = after.split_first_chunk::<2>()
            && let Some(decoded) = hexadecimal(*digits)
        {
            (octet, rest) = (decoded, after);
            if is_unreserved(octet) {
                normal.push(char::from(octet));
                continue;
            }
        } else if stays(byte) {
            normal.push(char::from(byte));
            continue;
        }
        normal.push_str(&format!("%{octet:02X}"));
    }
    Cow::Owned(normal)
}

fn hexadecimal(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high?.checked_mul(16)?.checked_add(low?)?).ok()
}
