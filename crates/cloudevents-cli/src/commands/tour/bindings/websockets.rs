//! WebSockets.

use super::{super::route::Route, Binding};

pub(super) const BINDING: Binding = Binding {
    name: "WebSockets",
    server: "a server",
    binary: None,
    why: "JSON has no timestamps",
    batches: false,
    formats: Some(&["json"]), // of the subprotocol
    head: |_| "text message over cloudevents.json".to_owned(),
    open: || {
        Box::pin(async {
            let (receiver, url) = Route::receiver("ws://127.0.0.1:0/tour").await?;
            let sender = Route::sender(&url).await?;
            Ok(Route::new(&BINDING, url, (sender, receiver), ()))
        })
    },
};
