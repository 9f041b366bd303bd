//! Catalogs of registries.

use super::{authorities, failed, runtime, shown};
use crate::failure::{Failure, Status};
use cloudevents_catalog::reqwest013::document;
use cloudevents_kit::webhook::{
    guard::{SystemResolver, UrlGuard},
    reqwest013::GuardedClient,
};

/// Reads the document of a registry. Returns its URL without secrets, and its text.
pub(crate) fn fetch(url: &str, most: usize) -> Result<(String, String), Failure> {
    // Commands that have a runtime read catalogs, too.
    let read = std::thread::scope(|scope| scope.spawn(|| read(url, most)).join());
    let bytes = read.unwrap_or_else(|_| Err(Failure::new(Status::Network, "the registry cannot be read")))?;
    let name = shown(url);
    match String::from_utf8(bytes) {
        Ok(text) => Ok((name, text)),
        Err(_) => Err(Failure::usage(format!("`{name}` cannot be read: it is not UTF-8"))),
    }
}

fn read(url: &str, most: usize) -> Result<Vec<u8>, Failure> {
    if url.starts_with("https:") {
        authorities()?;
    }
    // The user names the address. Nothing else is requested: redirects are not followed.
    let everywhere = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|network| network.parse().ok());
    let guard = everywhere.fold(UrlGuard::new().allow_http().allow_any_port(), UrlGuard::allow_network);
    let builder = reqwest::Client::builder();
    let client = GuardedClient::new(guard, SystemResolver::new(), builder).map_err(failed)?;
    runtime()?.block_on(document(&client, url, most)).map_err(failed)
}
