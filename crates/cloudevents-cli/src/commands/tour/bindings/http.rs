//! HTTP.

use super::{super::route::Route, Binding};

pub(super) const BINDING: Binding = Binding {
    name: "HTTP",
    server: "a server",
    binary: Some("attributes in headers, the payload in the body"),
    why: "text headers",
    batches: true,
    formats: None,
    head: |_| "POST /tour HTTP/1.1".to_owned(),
    open: || {
        Box::pin(async {
            let (receiver, url) = Route::receiver("http://127.0.0.1:0/tour").await?;
            let sender = Route::sender(&url).await?;
            Ok(Route::new(&BINDING, url, (sender, receiver), ()))
        })
    },
};
