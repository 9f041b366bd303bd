//! Messages as their protocol writes them, for people.

use crate::{Endpoint, Urls};
use bytes::Bytes;
use cloudevents_core::{Error, Message};

/// The parts of a message: the name and the value of each.
pub type Parts = Vec<(&'static str, Part)>;

/// How a program shows what a sender would write, without sending it.
#[derive(Clone, Copy, Debug)]
pub struct Show {
    /// The kind of the place that a URL of a sender names: `topic`. [`place`](Self::place) finds its name.
    pub kind: &'static str,
    /// Writes a message, without a connection. Its errors are those of sending.
    pub parts: fn(&Message) -> Result<Parts, Error>,
}

/// A part of a message, such as its headers or its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A payload or a document.
    Bytes(Bytes),
    /// A text.
    Text(String),
    /// Several texts, in their order.
    Texts(Vec<String>),
    /// Names and values, in their order.
    Headers(Vec<(String, Bytes)>),
    /// Names and values, in their order, where names may be any bytes.
    Fields(Vec<(Bytes, Bytes)>),
}

impl Show {
    /// Returns the name of the place: the option that is named as its kind, if the URLs have one, or else the path.
    pub fn place(&self, urls: &Urls, endpoint: &Endpoint) -> String {
        let options = urls.family(endpoint.scheme()).map(|family| family.options).unwrap_or_default();
        match options.iter().any(|option| option.name == self.kind) {
            true => endpoint.option(self.kind).unwrap_or_default().to_owned(),
            false => endpoint.segments().collect::<Vec<_>>().join("/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scheme, UrlFamily, UrlOption};

    #[test]
    fn a_place_is_named_by_an_option_or_by_the_path() {
        const URLS: Urls = Urls {
            name: "pigeon",
            families: &[UrlFamily {
                form: "",
                schemes: &[Scheme::plain("pigeon", 7)],
                options: &[UrlOption::both("loft", "")],
                has_broker: false,
                is_structured: false,
                has_keys: false,
            }],
            tls: false,
        };
        let place = |kind, url: &str| {
            let show = Show { kind, parts: |_| Ok(Vec::new()) };
            show.place(&URLS, &Endpoint::parse(url).unwrap())
        };
        assert_eq!(place("loft", "pigeon://h/a/b?loft=c"), "c");
        assert_eq!(place("loft", "pigeon://h/a/b"), "");
        assert_eq!(place("route", "pigeon://h/a/b"), "a/b");
    }
}
