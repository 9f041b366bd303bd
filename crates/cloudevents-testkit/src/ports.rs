//! Ports for servers that start later, or again.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
};

/// Where the ports begin.
const FIRST: u16 = 20_000;

/// How many ports are returned together.
const TOGETHER: u16 = 8;

/// The number of such groups below 32,000.
const BLOCKS: u16 = 1_499;

/// Returns the first of eight ports of 127.0.0.1 that are free: some brokers take the following ones, too. No call in this process returns
/// them again, until all were returned.
///
/// They are below the ports that Linux hands out by itself. After a port of the system's choice is closed, another test soon gets it. Then
/// the server of that test would get messages that were meant for this one.
///
/// # Panics
///
/// If no eight ports in a row are free between 20,000 and 32,000.
///
/// ```
/// use std::net::{Ipv4Addr, TcpListener};
///
/// let port = cloudevents_testkit::ports::free();
/// assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
/// assert_ne!(cloudevents_testkit::ports::free(), port);
/// ```
#[allow(clippy::expect_used, reason = "documented")]
pub fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that follow one another begin far from each other.
    let begin = std::process::id().wrapping_mul(37);
    (0..BLOCKS)
        .map(|_| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(BLOCKS))
        .filter_map(|block| u16::try_from(block).ok()?.checked_mul(TOGETHER)?.checked_add(FIRST))
        .find(|first| (0..TOGETHER).all(|next| is_free(first.saturating_add(next))))
        .expect("eight free ports in a row")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
