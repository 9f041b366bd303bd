//! Networks that an operator allows or refuses.

use super::address::within;
use std::{fmt, net::IpAddr, str::FromStr};

/// The length of the prefix with which IPv4 is mapped into IPv6: `::ffff:0:0/96` (RFC 4291, section 2.5.5.2).
const MAPPED: u32 = 96;

/// A block of addresses, such as `10.1.0.0/16`, `fd00::/8`, or one address.
///
/// IPv4 and IPv6 are apart: a block of IPv6 has no address of IPv4. A block that is mapped into IPv6, such as `::ffff:10.1.0.0/112`, is
/// read as the block of IPv4 that it means.
///
/// ```
/// use cloudevents_webhook::guard::Network;
///
/// let network: Network = "10.1.0.0/16".parse()?;
/// assert!(network.contains("10.1.2.3".parse()?));
/// assert!(!network.contains("10.2.0.1".parse()?));
/// assert!("10.1.0.0/33".parse::<Network>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Whether this address is in the block. An IPv4 address that is mapped into IPv6 counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                within(u128::from(u32::from(address)), u128::from(u32::from(network)), 32, self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                within(u128::from(address), u128::from(network), 128, self.prefix)
            }
            _ => false,
        }
    }
}

/// The text is not a block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidNetwork;

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a network: write an address and the length of its prefix, such as `10.1.0.0/16`")
    }
}

impl std::error::Error for InvalidNetwork {}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| InvalidNetwork)?,
            None => width,
        };
        if prefix > width {
            return Err(InvalidNetwork);
        }
        match (address, address.to_canonical()) {
            // A mapped address is compared as the IPv4 address inside it.
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) => {
                let prefix = u32::checked_sub(prefix, MAPPED).ok_or(InvalidNetwork)?;
                Ok(Self { address: mapped, prefix })
            }
            _ => Ok(Self { address, prefix }),
        }
    }
}
