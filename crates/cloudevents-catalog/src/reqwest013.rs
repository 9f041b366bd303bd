//! Catalogs from registries, with `reqwest` 0.13.

use crate::{Catalog, LoadOptions, Report};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_webhook::reqwest013::{GuardedClient, refusal};
use reqwest::{Method, StatusCode};
use std::time::Duration;

/// How long a registry may take, with all of its document.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the catalog of a registry, with everything in it: `GET /?doc&inline=*` of xRegistry.
///
/// A URL that has a query, or whose path ends with `/export`, is requested unchanged. So is the URL of a document in JSON.
///
/// The client requests only URLs that its guard allows: `https` on port 443 at public addresses, unless the program allows more. It follows
/// no redirects. The document is read up to `Limits::bytes`, for 30 seconds at most.
///
/// Schemas are compiled here, which can take seconds. If the runtime of a program has other things to do meanwhile, get the [`document`],
/// and call [`Catalog::read`] in `tokio::task::spawn_blocking`.
///
/// Errors are of these kinds:
///
/// - [`Refused`](ErrorKind::Refused) if the guard or the registry refuses
/// - [`Unreachable`](ErrorKind::Unreachable), [`Timeout`](ErrorKind::Timeout) or [`Transport`](ErrorKind::Transport) if the URL cannot be
///   requested
/// - [`InvalidDocument`](ErrorKind::InvalidDocument) if the document is not a catalog, or is too large
///
/// ```
/// use cloudevents_catalog::{LoadOptions, reqwest013::fetch};
/// use cloudevents_webhook::{guard::{SystemResolver, UrlGuard}, reqwest013::GuardedClient};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let client = GuardedClient::new(UrlGuard::new(), SystemResolver::new(), reqwest::Client::builder())?;
/// let refused = fetch(&client, "https://169.254.169.254/", &LoadOptions::strict()).await.unwrap_err();
/// assert_eq!(refused.kind(), cloudevents_core::ErrorKind::Refused);
/// # Ok::<(), cloudevents_core::Error>(())
/// # }).unwrap();
/// ```
pub async fn fetch(client: &GuardedClient, url: &str, options: &LoadOptions) -> Result<Report, Error> {
    let document = document(client, url, options.limits.bytes).await?;
    Catalog::read(document, options)
        .map_err(|error| Error::new(ErrorKind::InvalidDocument).with_detail(error.to_string()))
}

/// Reads the document of a registry, of so many bytes at most, as [`fetch`] does, with the same errors: for [`Catalog::read`].
pub async fn document(client: &GuardedClient, url: &str, most: usize) -> Result<Vec<u8>, Error> {
    // A fragment is no part of a request.
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let is_whole = url.contains('?') || url.ends_with("/export");
    let url = if is_whole { url.to_owned() } else { format!("{url}?doc&inline=*") };
    let request = client.request(Method::GET, &url)?.header("Accept", "application/json");
    let read = tokio::time::timeout(TIMEOUT, body(request, most)).await;
    read.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout).with_detail("the registry is too slow")))
}

async fn body(request: reqwest::RequestBuilder, most: usize) -> Result<Vec<u8>, Error> {
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    if status != StatusCode::OK {
        return Err(Error::new(ErrorKind::Refused).with_detail(format!("the registry responded {status}")));
    }
    let mut document = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if document.len().saturating_add(piece.len()) > most {
            let words = format!("the document has more than {most} bytes");
            return Err(Error::new(ErrorKind::InvalidDocument).with_detail(words));
        }
        document.extend_from_slice(&piece);
    }
    Ok(document)
}

/// An error of the request, without its URL, which may have credentials. A refusal of the guard stays one.
fn failed(error: reqwest::Error) -> Error {
    if let Some(refusal) = refusal(&error) {
        return refusal.clone().into();
    }
    let kind = match &error {
        error if error.is_timeout() => ErrorKind::Timeout,
        error if error.is_connect() => ErrorKind::Unreachable,
        _ => ErrorKind::Transport,
    };
    Error::new(kind).with_detail("the registry cannot be requested").with_source(error.without_url())
}
