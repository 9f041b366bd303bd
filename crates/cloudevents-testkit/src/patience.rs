//! How long a test waits for something that must happen.

use std::{env, sync::OnceLock, time::Duration};

/// Where nothing is slow.
const USUAL: Duration = Duration::from_secs(30);

/// How long a test waits for something that must happen: 30 seconds, times the number that `CE_SLOWNESS` has, such as `4` or `0.5`.
///
/// A test that passes does not wait that long. So the limit is the same everywhere. A slow machine sets a larger number, and needs no other
/// tests.
///
/// ```
/// use cloudevents_testkit::patience;
///
/// let (sender, receiver) = std::sync::mpsc::channel();
/// std::thread::spawn(move || sender.send("done"));
/// assert_eq!(receiver.recv_timeout(patience()), Ok("done"));
/// ```
///
/// # Panics
///
/// If `CE_SLOWNESS` is no number from 0.01 to 1,000.
pub fn patience() -> Duration {
    slowed(USUAL)
}

/// A limit that a test asserts, other than [`patience`]: the `usual` limit of a fast machine, times the number that `CE_SLOWNESS` has.
///
/// It is for a limit that shows a fault, such as less than the time of a lock. If something must happen at all, use [`patience`].
///
/// ```
/// use cloudevents_testkit::{patience, slowed};
/// use std::time::Duration;
///
/// assert_eq!(slowed(Duration::from_secs(30)), patience());
/// ```
///
/// # Panics
///
/// If `CE_SLOWNESS` is no number from 0.01 to 1,000.
pub fn slowed(usual: Duration) -> Duration {
    static SLOWNESS: OnceLock<f64> = OnceLock::new();
    usual.mul_f64(*SLOWNESS.get_or_init(|| env::var("CE_SLOWNESS").map_or(1.0, |given| slowness(&given))))
}

#[allow(clippy::panic)] // only tests call it
fn slowness(given: &str) -> f64 {
    let number = given.parse().ok().filter(|number| (0.01..=1000.0).contains(number));
    number.unwrap_or_else(|| panic!("CE_SLOWNESS is `{given}`, and no number from 0.01 to 1,000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_bounds() {
        assert_eq!(["4", "0.5"].map(slowness), [4.0, 0.5]);
        for wrong in ["", "0", "x", "NaN", "inf", "-1"] {
            assert!(std::panic::catch_unwind(|| slowness(wrong)).is_err(), "{wrong}");
        }
    }
}
