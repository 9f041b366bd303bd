//! Requirements of a request that are checked before all others.

use crate::Problem;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, HOST, TRANSFER_ENCODING},
    uri::Authority,
};

/// The response to a request with a wrong `Host` (400: RFC 9112, section 3.2) or with a transfer coding other than `chunked` (501: section
/// 6.1), and the reason. The connection ends with it.
pub(super) fn refuse<B>(request: &Request<B>) -> Option<(Box<Response<Bytes>>, &'static str)> {
    let (status, detail) = match () {
        () if !has_host(request.headers(), request.version()) => {
            (StatusCode::BAD_REQUEST, "a request has one valid Host (RFC 9112, section 3.2)")
        }
        () if has_other_coding(request.headers()) => {
            (StatusCode::NOT_IMPLEMENTED, "the only transfer coding is chunked, once (RFC 9112, section 6.1)")
        }
        () => return None,
    };
    let mut response = Problem::new(status, detail).into_http();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Some((Box::new(response), detail))
}

/// Whether there is one `Host`, of the form `host` or `host:port` (RFC 9110, section 7.2). It may be empty, and HTTP/1.0 may lack it.
fn has_host(headers: &HeaderMap, version: Version) -> bool {
    if version != Version::HTTP_11 && !headers.contains_key(HOST) {
        return true;
    }
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let host = host.as_bytes();
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok_and(|host| is_port(&host)))
}

/// Whether the text behind the host is a port, which may be empty, or nothing.
fn is_port(authority: &Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host());
    port.is_some_and(|port| {
        port.is_empty()
            || port.strip_prefix(':').is_some_and(|port| {
                port.is_empty()
                    || (port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
            })
    })
}

/// Whether there is a transfer coding besides one `chunked`: a second one would be taken for the body.
fn has_other_coding(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(TRANSFER_ENCODING).iter();
    let codings = codings.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    codings.next().is_some_and(|first| !first.eq_ignore_ascii_case(b"chunked")) || codings.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(headers: &[(&str, &str)]) -> Option<u16> {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        refuse(&request).map(|(response, _)| response.status().as_u16())
    }

    #[test]
    fn hosts() {
        for valid in
            ["example.com", "example.com:80", "example.com:", "[::1]", "[::1]:8080", "127.0.0.1:1", "", "a_b"]
        {
            assert_eq!(status(&[("host", valid)]), None, "{valid}");
        }
        for invalid in [
            "a b",
            "user@example.com",
            "example.com:port",
            "example.com:99999",
            "a/b",
            "a?b",
            "a, b",
            "[::1",
            "http://a",
        ] {
            assert_eq!(status(&[("host", invalid)]), Some(400), "{invalid}");
        }
        assert_eq!(status(&[]), Some(400));
        assert_eq!(status(&[("host", "a"), ("host", "a")]), Some(400));
        let mut old = Request::new(());
        *old.version_mut() = Version::HTTP_10;
        assert!(refuse(&old).is_none());
        for hosts in [&["a", "a"][..], &["a b"]] {
            old.headers_mut().remove(HOST);
            for host in hosts {
                old.headers_mut().append(HOST, HeaderValue::from_static(host));
            }
            assert_eq!(refuse(&old).unwrap().0.status(), 400);
        }
    }

    #[test]
    fn transfer_codings() {
        let coding = |values: &[&str]| {
            let codings = values.iter().map(|value| ("transfer-encoding", *value));
            status(&[("host", "a")].into_iter().chain(codings).collect::<Vec<_>>())
        };
        assert_eq!(coding(&["chunked"]), None);
        assert_eq!(coding(&["Chunked"]), None);
        for other in [
            &["gzip, chunked"][..],
            &["gzip", "chunked"],
            &["chunked, identity"],
            &["identity"],
            &["chunked, chunked"],
            &["chunked", "chunked"],
        ] {
            assert_eq!(coding(other), Some(501), "{other:?}");
        }
    }
}
