//! Which addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not one of the public internet.
///
/// This is the name of its block in the registries of special-purpose addresses
/// ([IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry),
/// [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry)). `None` for a public unicast address.
///
/// Some forms carry an IPv4 address inside an IPv6 address. Two of them are judged by the address inside: mapped (`::ffff:0:0/96`) and
/// translated by NAT64 (`64:ff9b::/96`). Other such forms (6to4, Teredo, IPv4-compatible, local-use NAT64) are special throughout.
///
/// ```
/// use cloudevents_webhook::guard::special_purpose;
///
/// assert_eq!(special_purpose("169.254.169.254".parse()?), Some("link-local"));
/// assert_eq!(special_purpose("::ffff:10.0.0.1".parse()?), Some("private use"));
/// assert_eq!(special_purpose("9.9.9.9".parse()?), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn special_purpose(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

const V4: [([u8; 4], u32, &str); 18] = [
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private use"),
    ([100, 64, 0, 0], 10, "shared address space"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([168, 63, 129, 16], 32, "cloud platform service"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private use"),
    ([192, 0, 0, 0], 24, "IETF protocol assignments"),
    ([192, 0, 2, 0], 24, "documentation"),
    ([192, 31, 196, 0], 24, "AS112"),
    ([192, 52, 193, 0], 24, "multicast tunnelling"),
    ([192, 88, 99, 0], 24, "6to4 relay"),
    ([192, 168, 0, 0], 16, "private use"),
    ([192, 175, 48, 0], 24, "AS112"),
    ([198, 18, 0, 0], 15, "benchmarking"),
    ([198, 51, 100, 0], 24, "documentation"),
    ([203, 0, 113, 0], 24, "documentation"),
    ([224, 0, 0, 0], 3, "multicast or reserved"),
];

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    V4.iter()
        .find(|(network, prefix, _)| {
            within(u128::from(u32::from(address)), u128::from(u32::from_be_bytes(*network)), 32, *prefix)
        })
        .map(|(_, _, name)| *name)
}

const V6: [([u16; 8], u32, &str); 12] = [
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, "unspecified or IPv4-compatible"),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "local-use translation"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "private use"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site-local"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
    // Teredo, benchmarking, ORCHID and others.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF protocol assignments"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4"),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation"),
];

/// The IPv4 address that a public one of IPv6 may carry: mapped, or translated by NAT64.
pub(super) fn carried(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let nat64 = u128::from(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0));
    let [.., a, b, c, d] = address.octets();
    let translated = within(u128::from(address), nat64, 128, 96).then(|| Ipv4Addr::new(a, b, c, d));
    address.to_ipv4_mapped().or(translated)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(carried) = carried(address.into()) {
        return special_v4(carried);
    }
    let bits = u128::from(address);
    let listed = V6
        .iter()
        .find(|(network, prefix, _)| within(bits, u128::from(Ipv6Addr::from(*network)), 128, *prefix))
        .map(|(_, _, name)| *name);
    // Only this block has been given out as global unicast addresses.
    let global = within(bits, u128::from(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)), 128, 3);
    listed.or(if global { None } else { Some("not global unicast") })
}

/// Whether the first `prefix` of `width` bits are the same.
pub(super) fn within(address: u128, network: u128, width: u32, prefix: u32) -> bool {
    let rest = width.saturating_sub(prefix);
    address.checked_shr(rest).unwrap_or(0) == network.checked_shr(rest).unwrap_or(0)
}
