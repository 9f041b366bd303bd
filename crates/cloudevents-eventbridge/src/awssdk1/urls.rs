//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, Side, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "eventbridge",
    families: &[UrlFamily {
        form: "eventbridge://REGION/ACCOUNT/BUS (Amazon EventBridge)",
        schemes: &[Scheme { side: Side::Send, ..Scheme::plain("eventbridge", 443) }],
        options: &[
            UrlOption::sending("mode", "structured: the only one"),
            UrlOption::sending("format", "json: the only one"),
            UrlOption::sending("timeout", "how long EventBridge may take to confirm a message"),
            UrlOption::sending("max-message-size", "in bytes"),
            UrlOption::sending("endpoint", "the URL of another server than that of the region"),
            UrlOption::CONNECT_TIMEOUT,
        ],
        has_broker: false,
        is_structured: true,
        has_keys: false,
    }],
    tls: true,
};
