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

/// Headers that make some services take another method, another path or another proxy than those of the request.
const OF_ROUTING: [&str; 16] = [
    "proxy",
    "x-accel-mapping",
    "x-envoy-original-path",
    "x-http-method",
    "x-http-method-override",
    "x-method",
    "x-method-override",
    "x-middleware-subrequest",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-rewrite-url",
    "x-host",
    "x-scheme",
];

/// Headers about the client: of a stranger, they would be a claim.
const OF_CLIENT: [&str; 24] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "true-client-ip",
    "x-azure-clientip",
    "x-client-dn",
    "x-client-ip",
    "x-client-verify",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-forwarded",
    "x-goog-iap-jwt-assertion",
    "x-original-for",
    "x-original-forwarded-for",
    "x-original-proto",
    "x-originating-ip",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-url-scheme",
];

/// How the names of a family begin. Its headers name the client or its user, and a proxy has many of them.
const FAMILIES: [&str; 20] = [
    "cf-access-",
    "client-cert",
    "remote-",
    "ssl-client-",
    "tailscale-user-",
    "x-amzn-oidc-",
    "x-arr-",
    "x-auth-request-",
    "x-authenticated-",
    "x-authentik-",
    "x-client-cert",
    "x-forwarded-",
    "x-goog-authenticated-user-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-pomerium-",
    "x-remote-",
    "x-ssl-",
    "x-vouch-",
    "x-webauth-",
];

/// The headers that the proxy of docs/webhooks-gate-operating.md sets. It passes others on as a stranger wrote them.
const OF_PROXY: [&str; 3] = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

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
        let is_of_proxy = behind_proxy && OF_PROXY.contains(&name.as_str());
        let is_claim = is_of_client(name.as_str()) && !is_of_proxy;
        if is_passed_on(name) && !is_second && !is_beside && !is_claim {
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

/// Whether this header names the client or its user.
fn is_of_client(name: &str) -> bool {
    FAMILIES.iter().any(|family| name.starts_with(family)) || OF_CLIENT.contains(&name)
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
    fn of_the_headers_about_the_client_three_are_those_of_a_trusted_proxy() {
        let of_proxy = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
        let claims = [
            "cf-access-authenticated-user-email",
            "cf-access-jwt-assertion",
            "cf-connecting-ip",
            "client-cert",
            "client-cert-chain",
            "forwarded",
            "proxy",
            "remote-email",
            "remote-groups",
            "remote-name",
            "remote-user",
            "ssl-client-verify",
            "tailscale-user-login",
            "tailscale-user-name",
            "true-client-ip",
            "x-amzn-oidc-data",
            "x-amzn-oidc-identity",
            "x-arr-clientcert",
            "x-auth-request-email",
            "x-auth-request-groups",
            "x-auth-request-preferred-username",
            "x-auth-request-user",
            "x-authenticated-userid",
            "x-authentik-username",
            "x-client-cert",
            "x-client-cert-chain",
            "x-forwarded-access-token",
            "x-forwarded-client-cert",
            "x-forwarded-email",
            "x-forwarded-groups",
            "x-forwarded-port",
            "x-forwarded-prefix",
            "x-forwarded-user",
            "x-goog-authenticated-user-email",
            "x-goog-iap-jwt-assertion",
            "x-host",
            "x-http-method-override",
            "x-ms-client-principal",
            "x-ms-client-principal-name",
            "x-ms-token-aad-access-token",
            "x-original-url",
            "x-pomerium-claim-email",
            "x-real-ip",
            "x-remote-addr",
            "x-remote-group",
            "x-remote-user",
            "x-scheme",
            "x-ssl-cert",
            "x-ssl-client-s-dn",
            "x-ssl-client-verify",
            "x-vouch-user",
            "x-webauth-user",
        ];
        let names = |name, behind_proxy| passed_on(&headers(&[(name, "1")]), behind_proxy).len();
        for name in claims {
            assert_eq!((names(name, false), names(name, true)), (0, 0), "{name}");
        }
        for name in of_proxy {
            assert_eq!((names(name, false), names(name, true)), (0, 1), "{name}");
        }
        // Senders have these.
        for name in ["x-amz-sns-topic-arn", "x-goog-channel-token", "x-shopify-topic", "x-request-id"] {
            assert_eq!((names(name, false), names(name, true)), (1, 1), "{name}");
        }
    }

    #[test]
    fn the_pages_name_each_header_that_stays_behind_and_each_of_the_proxy() {
        let page = |name: &str| {
            let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
            std::fs::read_to_string(folder.join(name)).unwrap().to_ascii_lowercase()
        };
        let names = page("webhooks-with-ce.md");
        for name in OF_CLIENT.iter().chain(&OF_ROUTING).chain(&FAMILIES).chain(&OF_PROXY) {
            assert!(names.contains(&format!("`{name}`")), "{name}");
        }
        let proxy = page("webhooks-gate-operating.md");
        let set = proxy.lines().filter_map(|line| line.trim().strip_prefix("proxy_set_header "));
        let set: Vec<_> =
            set.filter_map(|line| line.split(' ').next()).filter(|name| *name != "host").collect();
        assert_eq!(set, OF_PROXY);
    }
}
