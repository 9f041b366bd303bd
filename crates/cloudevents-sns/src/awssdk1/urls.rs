//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, Side, UrlFamily, UrlOption, Urls};

pub(super) static URLS: Urls = Urls {
    name: "sns",
    families: &[UrlFamily {
        form: "sns://REGION/ACCOUNT/TOPIC (Amazon SNS)",
        schemes: &[Scheme { side: Side::Send, ..Scheme::plain("sns", 443) }],
        options: &[
            UrlOption::sending("mode", "structured (default), binary"),
            UrlOption::FORMAT,
            UrlOption::sending("timeout", "how long SNS may take to confirm a message"),
            UrlOption::sending("max-message-size", "in bytes"),
            UrlOption::sending("deduplicate", "true: a FIFO topic recognises events that it has had"),
            UrlOption::sending("endpoint", "the URL of another server than that of the region"),
            UrlOption::CONNECT_TIMEOUT,
        ],
        has_broker: false,
        is_structured: true,
        has_keys: false,
    }],
    tls: true,
};
