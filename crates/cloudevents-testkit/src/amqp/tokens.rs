//! Tokens, and the addresses that they allow.

use super::mutex::lock;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

/// A token that was put on `$cbs`.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutToken {
    /// The token type, such as `servicebus.windows.net:sastoken`.
    pub kind: String,
    /// The audience of the token: `amqp://host/orders`.
    pub audience: String,
    /// The token.
    pub token: String,
    /// When it expires, in seconds since 1970: the `se` of a shared access signature.
    pub expires: Option<u64>,
}

impl fmt::Debug for PutToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutToken")
            .field("kind", &self.kind)
            .field("audience", &self.audience)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The tokens of a connection: when they expire, by audience.
#[derive(Clone, Default)]
pub(super) struct Tokens(Arc<Mutex<HashMap<String, Option<u64>>>>);

impl Tokens {
    /// Adds a token, or renews it.
    pub(super) fn put(&self, token: &PutToken) {
        lock(&self.0).insert(token.audience.clone(), token.expires);
    }

    /// Whether there is an unexpired token for this address.
    pub(super) fn allow(&self, address: &str) -> bool {
        self.left(address).is_some()
    }

    /// Waits until no unexpired token for this address is left.
    pub(super) async fn expired(&self, address: &str) {
        while let Some(left) = self.left(address) {
            tokio::time::sleep(left.max(Duration::from_millis(10))).await;
        }
    }

    /// How long the address may be used.
    fn left(&self, address: &str) -> Option<Duration> {
        let tokens = lock(&self.0);
        let found = tokens.iter().filter(|(audience, _)| audience.ends_with(&format!("/{address}")));
        found
            .filter_map(|(_, expires)| match expires {
                None => Some(Duration::from_secs(3600)),
                Some(expires) => {
                    let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(*expires))?;
                    expires.duration_since(SystemTime::now()).ok()
                }
            })
            .max()
    }
}
