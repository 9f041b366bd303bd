//! URIs, from the grammar of RFC 3986, appendix A.

use proptest::{prelude::*, sample::select};

/// An absolute URI: `scheme ":" hier-part [ "?" query ]`.
pub fn uri() -> impl Strategy<Value = String> {
    let any = ("[a-zA-Z][a-zA-Z0-9+.-]{0,6}", prop_oneof![authority(), rootless()], query())
        .prop_map(|(scheme, hierarchy, query)| format!("{scheme}:{hierarchy}{query}"));
    prop_oneof![select(URIS).prop_map(str::to_owned), any]
}

/// A URI or a relative reference that is not empty, with or without a fragment.
pub fn uri_reference() -> impl Strategy<Value = String> {
    let relative = (prop_oneof![authority(), noscheme()], query(), fragment())
        .prop_map(|(hierarchy, query, fragment)| format!("{hierarchy}{query}{fragment}"));
    let absolute = (uri(), fragment()).prop_map(|(uri, fragment)| format!("{uri}{fragment}"));
    let any =
        prop_oneof![absolute, relative].prop_map(|text| if text.is_empty() { "/".to_owned() } else { text });
    prop_oneof![1 => select(REFERENCES).prop_map(str::to_owned), 3 => any]
}

/// `"//" authority path-abempty`, or `path-absolute`.
fn authority() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "([a-zA-Z0-9._~!$&'()*+,;=-]|%[0-9a-fA-F]{2}){0,8}",
        select(vec![
            "192.0.2.1",
            "[::1]",
            "[2001:db8::7:0]",
            "[::ffff:192.0.2.1]",
            "[1:2:3:4:5:6:7:8]",
            "[v1.a:b]"
        ])
        .prop_map(str::to_owned),
    ];
    let userinfo = "(([a-zA-Z0-9._~!$&'()*+,;=:-]|%[0-9a-fA-F]{2}){0,4}@)?";
    let with_host = (userinfo, host, "(:[0-9]{0,5})?", path())
        .prop_map(|(userinfo, host, port, path)| format!("//{userinfo}{host}{port}{path}"));
    // The first segment is not empty: two slashes begin an authority.
    let absolute = (pchars(1), path()).prop_map(|(first, rest)| format!("/{first}{rest}"));
    prop_oneof![with_host, absolute]
}

/// `path-rootless`, or nothing.
fn rootless() -> impl Strategy<Value = String> {
    prop_oneof![3 => (pchars(1), path()).prop_map(|(first, rest)| format!("{first}{rest}")), 1 => Just(String::new())]
}

/// `path-noscheme`, whose first segment has no colon, or nothing.
fn noscheme() -> impl Strategy<Value = String> {
    let first = "([a-zA-Z0-9._~!$&'()*+,;=@-]|%[0-9a-fA-F]{2}){1,6}";
    prop_oneof![3 => (first, path()).prop_map(|(first, rest)| format!("{first}{rest}")), 1 => Just(String::new())]
}

/// `path-abempty`.
fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(pchars(0).prop_map(|segment| format!("/{segment}")), 0..4)
        .prop_map(|segments| segments.concat())
}

fn pchars(least: usize) -> impl Strategy<Value = String> {
    let pchar = prop_oneof![
        8 => "[a-zA-Z0-9._~!$&'()*+,;=:@-]",
        1 => "%[0-9a-fA-F]{2}",
    ];
    proptest::collection::vec(pchar, least..6).prop_map(|characters| characters.concat())
}

fn query() -> impl Strategy<Value = String> {
    "(\\?([a-zA-Z0-9._~!$&'()*+,;=:@/?-]|%[0-9a-fA-F]{2}){0,6})?"
}

fn fragment() -> impl Strategy<Value = String> {
    "(#([a-zA-Z0-9._~!$&'()*+,;=:@/?-]|%[0-9a-fA-F]{2}){0,6})?"
}

const URIS: &[&str] = &["https://example.com/schema/1", "urn:x:y", "HTTP://EXAMPLE.com/%7Ea?b"];
const REFERENCES: &[&str] = &[
    "/",
    "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
    "https://Example.com:80/a%2Fb?q=%20",
    "1-555-123-4567",
    "//h/p",
    "#f",
    "?",
    "..",
];
