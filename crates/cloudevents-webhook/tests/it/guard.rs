//! URLs that lead into the network of the process that requests them.

use cloudevents_core::{Error, ErrorKind};
use cloudevents_webhook::guard::{Network, Refusal, Resolve, UrlGuard, special_purpose};
use proptest::prelude::*;
use std::{
    future::ready,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicUsize, Ordering},
};

/// The registries of special-purpose addresses, by the first and last address of each block that is not globally reachable.
const SPECIAL: [(&str, &str); 30] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
    ("::", "::1"),
    ("::ffff:127.0.0.1", "::ffff:127.255.255.255"),
    ("::10.0.0.1", "::10.255.255.255"),
    ("64:ff9b::10.0.0.1", "64:ff9b::10.255.255.255"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

const PUBLIC: [&str; 18] = [
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1",
    "64:ff9b::9.9.9.9",
    "::ffff:9.9.9.9",
];

#[test]
fn the_edges_of_every_block() {
    for (first, last) in SPECIAL {
        assert!(special_purpose(first.parse().unwrap()).is_some(), "{first}");
        assert!(special_purpose(last.parse().unwrap()).is_some(), "{last}");
    }
    for public in PUBLIC {
        assert_eq!(special_purpose(public.parse().unwrap()), None, "{public}");
    }
}

#[test]
fn urls_in_disguise() {
    let guard = UrlGuard::new();
    for url in [
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://0x7f000001/",
        "https://017700000001/",
        "https://127.0.0.1./",
        "https://１２７.0.0.1/",
        "https://[::1]/",
        "https://[0:0:0:0:0:ffff:a9fe:a9fe]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1]/",
        "https:\\\\127.0.0.1/",
        "https:127.0.0.1",
        "HTTPS://127.0.0.1",
        "https://%31%32%37.0.0.1/",
    ] {
        assert!(
            matches!(guard.check(url), Err(Refusal::Address { .. })),
            "{url}: {:?}",
            guard.check(url).err()
        );
    }
    for (url, refusal) in [
        ("https://partner.example@127.0.0.1/", Refusal::UserInfo),
        ("https://:x@partner.example/", Refusal::UserInfo),
        ("https://partner.example:22/", Refusal::Port(22)),
        ("https://partner.example:80/", Refusal::Port(80)),
        ("http://partner.example/", Refusal::Scheme),
        ("file:///etc/passwd", Refusal::Scheme),
        ("gopher://partner.example/", Refusal::Scheme),
        ("/hook", Refusal::NotAUrl),
        ("https://[::1%25eth0]/", Refusal::NotAUrl),
        ("https://", Refusal::NotAUrl),
        ("", Refusal::NotAUrl),
    ] {
        assert_eq!(guard.check(url).unwrap_err(), refusal, "{url}");
    }
    // What is shown holds nothing of the URL but its host.
    assert!(!guard.check("https://a:s3cret@h.example/").unwrap_err().to_string().contains("s3cret"));
}

#[test]
fn what_an_operator_allows() {
    let guard = UrlGuard::new()
        .allow_http()
        .allow_port(8443)
        .allow_network("10.1.0.0/16".parse::<Network>().unwrap());
    assert!(guard.check("http://partner.example/").is_ok());
    assert!(guard.check("https://10.1.2.3:8443/").is_ok());
    assert!(guard.check("https://[::ffff:10.1.2.3]/").is_ok());
    assert!(guard.check("https://10.2.2.3/").is_err());
    assert_eq!(guard.check("https://partner.example:8444/").unwrap_err(), Refusal::Port(8444));
}

/// Whatever else allows them, and in each form that carries them.
#[test]
fn what_an_operator_refuses() {
    let guard = UrlGuard::new()
        .allow_network("10.1.0.0/16".parse::<Network>().unwrap())
        .refuse_network("10.1.2.0/24".parse::<Network>().unwrap())
        .refuse_network("9.9.9.0/24".parse::<Network>().unwrap())
        .refuse_network("2606:4700::/32".parse::<Network>().unwrap());
    for refused in ["10.1.2.3", "9.9.9.9", "[::ffff:9.9.9.9]", "[64:ff9b::9.9.9.9]", "[2606:4700::1111]"] {
        let refusal = guard.check(&format!("https://{refused}/")).unwrap_err();
        assert!(matches!(refusal, Refusal::Network(_)) && !refusal.is_temporary(), "{refused}: {refusal}");
    }
    for allowed in ["10.1.3.3", "9.9.10.9", "[64:ff9b::9.9.10.9]", "[2620:fe::fe]"] {
        guard.check(&format!("https://{allowed}/")).expect(allowed);
    }
    let name = guard.check("https://partner.example/hook").unwrap();
    let refused: IpAddr = "9.9.9.9".parse().unwrap();
    assert_eq!(name.pin([refused]), Err(Refusal::Network(refused)));
}

/// An operator writes a network of IPv4 in either way.
#[test]
fn a_network_that_is_mapped_into_ipv6_is_the_one_of_ipv4() {
    let network = |text: &str| text.parse::<Network>();
    assert_eq!(network("::ffff:9.9.9.0/120"), network("9.9.9.0/24"));
    assert_eq!(network("::ffff:9.9.9.9"), network("9.9.9.9/32"));
    assert_eq!(network("::ffff:0:0/96"), network("0.0.0.0/0"));
    let guard = UrlGuard::new().refuse_network(network("::ffff:9.9.9.0/120").unwrap());
    for refused in ["9.9.9.9", "[::ffff:9.9.9.9]", "[64:ff9b::9.9.9.9]"] {
        let refusal = guard.check(&format!("https://{refused}/"));
        assert!(matches!(refusal, Err(Refusal::Network(_))), "{refused}");
    }
    guard.check("https://9.9.10.9/").unwrap();
    // It has IPv4 and more.
    assert!(network("::ffff:0:0/95").is_err());
}

#[test]
fn one_private_address_spoils_a_name() {
    let (public, private): (IpAddr, IpAddr) = ("9.9.9.9".parse().unwrap(), "10.0.0.1".parse().unwrap());
    let guard = UrlGuard::new();
    let target = || guard.check("https://partner.example/hook").unwrap();
    assert!(matches!(target().pin([public, private]), Err(Refusal::Address { .. })));
    assert!(matches!(target().pin([private, public]), Err(Refusal::Address { .. })));
    assert_eq!(target().pin([]), Err(Refusal::NoAddress));
    let error = Error::from(Refusal::NoAddress);
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Unreachable, true));
    assert_eq!(target().pin([public]).unwrap().addresses(), ["9.9.9.9:443".parse().unwrap()]);
    // Where the host is an address, no other can be put in its place.
    let pinned = guard.check("https://9.9.9.9/").unwrap().pin(["1.1.1.1".parse().unwrap()]).unwrap();
    assert_eq!(pinned.addresses(), ["9.9.9.9:443".parse().unwrap()]);
}

/// Gives a public address first, and a private one ever after.
struct Rebinding(AtomicUsize);

impl Resolve for Rebinding {
    fn resolve(&self, _: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send {
        let first = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        ready(Ok(vec![if first {
            IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9))
        } else {
            IpAddr::V6(Ipv6Addr::LOCALHOST)
        }]))
    }
}

#[tokio::test]
async fn a_name_is_resolved_once() {
    let (guard, resolver) = (UrlGuard::new(), Rebinding(AtomicUsize::new(0)));
    let pinned = guard.resolve("https://partner.example/", &resolver).await.unwrap();
    assert_eq!(pinned.addresses(), ["9.9.9.9:443".parse().unwrap()]);
    assert!(matches!(
        guard.resolve("https://partner.example/", &resolver).await,
        Err(Refusal::Address { .. })
    ));
}

proptest! {
    /// An independent opinion: the standard library's, on what it has in stable form.
    #[test]
    fn no_private_v4_address_is_public(bits: u32) {
        let address = Ipv4Addr::from(bits);
        let private = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
            || address.is_broadcast() || address.is_documentation() || address.is_unspecified();
        if private {
            prop_assert!(special_purpose(address.into()).is_some(), "{address}");
        }
        let forms = [address.to_ipv6_mapped(), Ipv6Addr::from(0x64_ff9b_u128 << 96 | u128::from(bits))];
        for form in forms {
            prop_assert_eq!(special_purpose(form.into()).is_some(), special_purpose(address.into()).is_some(), "{}", form);
        }
        prop_assert!(special_purpose(address.to_ipv6_compatible().into()).is_some());
    }

    #[test]
    fn no_private_v6_address_is_public(bits: u128, prefix in prop::sample::select(vec![0_u128, 0xfc, 0xfd, 0xfe, 0xff, 0x20, 0x30])) {
        let address = Ipv6Addr::from(bits >> 8 | prefix << 120);
        let private = address.is_unique_local() || address.is_unicast_link_local() || address.is_multicast()
            || address.is_loopback() || address.is_unspecified();
        if private {
            prop_assert!(special_purpose(address.into()).is_some(), "{address}");
        }
    }

    /// Whatever the URL, the guard ends, and does not allow what leads to a loopback address.
    #[test]
    fn any_text(text in "(https?:)?[/\\\\]{0,3}[a-z0-9.:@%\\[\\]/?#x-]{0,40}") {
        if let Ok(target) = UrlGuard::new().check(&text) {
            prop_assert!(target.url().starts_with("https://"));
            prop_assert!(target.host_name().is_some() || target.pin([]).is_ok());
        }
    }
}

#[test]
fn no_url_is_shown_by_debug() {
    let guard = UrlGuard::new();
    let target = guard.check("https://partner.example/hooks/pXc8Zb3nTqWm?key=Secret1").unwrap();
    let checked = format!("{target:?}");
    let pinned = format!("{:?}", target.pin(["93.184.215.14".parse().unwrap()]).unwrap());
    assert!(checked.contains("partner.example") && pinned.contains("93.184.215.14"), "{checked} {pinned}");
    for shown in [checked, pinned] {
        assert!(!shown.contains("pXc8Zb3nTqWm") && !shown.contains("Secret1"), "{shown}");
    }
}
