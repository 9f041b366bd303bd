//! How many deliveries a minute.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

/// A rate of deliveries: a positive number a minute, or no limit, which is written `*` (webhook specification, 4.1.4 and 4.2.2).
///
/// ```
/// use cloudevents_webhook::handshake::Rate;
///
/// assert_eq!("120".parse::<Rate>()?.to_string(), "120");
/// assert_eq!("*".parse::<Rate>()?, Rate::unlimited());
/// for no_rate in ["0", "-1", "+5", "1.5", "", "12e3", "99999999999"] {
///     assert!(no_rate.parse::<Rate>().is_err(), "{no_rate}");
/// }
/// assert!(Rate::per_minute(60)? < Rate::unlimited());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    const UNLIMITED: u32 = u32::MAX;

    /// This many deliveries a minute, at least one.
    pub fn per_minute(deliveries: u32) -> Result<Self, InvalidRate> {
        match deliveries {
            0 | Self::UNLIMITED => Err(InvalidRate),
            deliveries => Ok(Self(deliveries)),
        }
    }

    /// No limit.
    pub const fn unlimited() -> Self {
        Self(Self::UNLIMITED)
    }

    /// The number of deliveries a minute. `None` if there is no limit.
    pub fn limit(self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.0).filter(|rate| rate.get() != Self::UNLIMITED)
    }

    /// The time between two deliveries that are spread evenly. Zero if there is no limit.
    pub fn interval(self) -> Duration {
        const MINUTE: Duration = Duration::from_secs(60);
        self.limit().and_then(|rate| MINUTE.checked_div(rate.get())).unwrap_or_default()
    }
}

/// The text is neither a positive number of 32 bits nor `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidRate;

impl fmt::Display for InvalidRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate is a positive number of deliveries a minute, or `*` for no limit")
    }
}

impl std::error::Error for InvalidRate {}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        match text {
            "*" => Ok(Self::unlimited()),
            text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map_err(|_| InvalidRate).and_then(Self::per_minute)
            }
            _ => Err(InvalidRate),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit() {
            Some(rate) => rate.fmt(f),
            None => f.write_str("*"),
        }
    }
}
