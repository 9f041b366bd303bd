//! The headers of a delivery that the service behind a gate gets.

use super::service::VERIFIED;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, CONTENT_TYPE},
};

/// Headers of one connection, and those that a client sets for each request by itself, such as those for the response.
const OF_CONNECTION: [&str; 21] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that make some services take another method, another path, another user or another proxy than those of the request.
const OF_ROUTING: [&str; 25] = [
    "cf-access-authenticated-user-email",
    "proxy",
    "remote-user",
    "ssl-client-verify",
    "tailscale-user-login",
    "x-accel-mapping",
    "x-auth-request-email",
    "x-auth-request-user",
    "x-envoy-original-path",
    "x-http-method",
    "x-http-method-override",
    "x-method",
    "x-method-override",
    "x-middleware-subrequest",
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-name",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-remote-user",
    "x-rewrite-url",
    "x-webauth-user",
];

/// Headers about the client, besides `X-Forwarded-...` and `X-SSL-Client-...`: of a stranger, they would be a claim.
const OF_PROXIES: [&str; 26] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "true-client-ip",
    "x-amzn-oidc-identity",
    "x-azure-clientip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-forwarded",
    "x-host",
    "x-original-for",
    "x-original-forwarded-for",
    "x-original-proto",
    "x-originating-ip",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-scheme",
    "x-url-scheme",
];

/// The headers of a delivery that a service gets. Those that `Connection` names are among them: an attacker on the way could name a header
/// that a signature covers, or that the service goes by.
pub(super) fn passed_on(headers: &HeaderMap, behind_proxy: bool) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(headers.len());
    let is_document = headers.get(CONTENT_TYPE).is_some_and(is_document);
    for (name, value) in headers {
        // The first content type is the one that was checked; a service might read another one.
        let is_second = name == CONTENT_TYPE && passed.contains_key(name);
        // Those beside a document were not checked, and are no attributes of its event.
        let is_beside = is_document && name.as_str().starts_with("ce-");
        let is_of_proxy = is_of_proxy(name.as_str()) && !behind_proxy;
        if is_passed_on(name) && !is_second && !is_beside && !is_of_proxy {
            passed.append(name.clone(), value.clone());
        }
    }
    passed
}

/// Whether the body is an event, or a batch, by itself.
fn is_document(content_type: &HeaderValue) -> bool {
    let document = b"application/cloudevents";
    let value = content_type.as_bytes().trim_ascii_start();
    value.get(..document.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(document))
}

/// Whether a service gets this header.
///
/// Many frameworks have headers as variables, in which `_` and `.` stand for `-`: a header with another spelling of a name would pass for
/// the one that was checked, or for the one with the identity. No sender needs such a name.
fn is_passed_on(name: &HeaderName) -> bool {
    let text = name.as_str();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let letters = text.bytes().filter(|byte| *byte != b'-');
    let is_ours = letters.eq(VERIFIED.bytes().filter(|byte| *byte != b'-'));
    is_plain
        && !is_ours
        && name != header::AUTHORIZATION
        && !OF_CONNECTION.contains(&text)
        && !OF_ROUTING.contains(&text)
}

/// Whether a proxy sets this header, for the client that it saw.
fn is_of_proxy(name: &str) -> bool {
    name.starts_with("x-forwarded-") || name.starts_with("x-ssl-client-") || OF_PROXIES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(named: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in named {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn headers_of_the_connection_credentials_and_other_spellings_stay_behind() {
        let delivery = headers(&[
            ("Host", "public.example"),
            ("Connection", "close"),
            ("Authorization", "Bearer secret"),
            ("Proxy-Authorization", "Basic secret"),
            ("Transfer-Encoding", "chunked"),
            ("Content-Length", "3"),
            ("Webhook-Verified", "signature=github"),
            ("Webhook_Verified", "signature=github"),
            ("webhook.verified", "signature=github"),
            ("WebhookVerified", "signature=github"),
            ("Web-hook--Verified", "signature=github"),
            ("X_GitHub_Event", "push"),
            ("Content-Type", "application/json"),
            ("Content-Type", "text/plain"),
            ("X-GitHub-Event", "issues"),
            ("X-Twice", "1"),
            ("X-Twice", "2"),
        ]);
        let passed = passed_on(&delivery, false);
        let found: Vec<_> =
            passed.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        let expected =
            ["content-type: application/json", "x-github-event: issues", "x-twice: 1", "x-twice: 2"];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_delivery_is_read_by_stays_and_no_attributes_come_beside_a_document() {
        let names = |named: &[(&str, &str)]| {
            let passed = passed_on(&headers(named), false);
            passed.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        let forged = [
            ("Connection", "Content-Type, ce-id, webhook-id, x-tenant, Signature-Input"),
            ("Content-Type", "Application/CloudEvents+json; charset=utf-8"),
            ("ce-id", "forged"),
            ("ce-type", "forged"),
            ("webhook-id", "1"),
            ("x-tenant", "1"),
            ("signature-input", "sig=()"),
            ("accept-encoding", "gzip"),
        ];
        assert_eq!(names(&forged), ["content-type", "webhook-id", "x-tenant", "signature-input"]);
        let binary = [("Connection", "ce-id"), ("Content-Type", "application/json"), ("ce-id", "1")];
        assert_eq!(names(&binary), ["content-type", "ce-id"]);
    }

    #[test]
    fn headers_about_the_client_are_those_of_a_trusted_proxy() {
        let delivery = headers(&[
            ("Forwarded", "for=192.0.2.1"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("X-Forwarded-Proto", "https"),
            ("X-Real-IP", "192.0.2.1"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("X-Original-URL", "/admin"),
            ("Proxy", "http://192.0.2.1"),
        ]);
        assert!(passed_on(&delivery, false).is_empty());
        let passed = passed_on(&delivery, true);
        let names: Vec<_> = passed.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"]);
    }

    #[test]
    fn the_page_names_each_header_that_stays_behind() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/webhooks-with-ce.md");
        let page = std::fs::read_to_string(page).unwrap().to_ascii_lowercase();
        for name in OF_PROXIES.iter().chain(&OF_ROUTING) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
