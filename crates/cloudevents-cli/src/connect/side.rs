//! Options of URLs that only senders have, or only receivers.

use cloudevents_kit::transport::{
    Endpoint, ReceiverOptions, SenderOptions, Side, UrlOption, binding::percent_decoded,
};

/// Returns the URL without the options that only the other side has. A URL that is wrong is returned unchanged.
pub(crate) fn of_side(url: &str, side: Side) -> String {
    let Ok(endpoint) = Endpoint::parse(url) else { return url.to_owned() };
    let Some((base, query)) = url.split_once('?') else { return url.to_owned() };
    let name = |pair: &str| percent_decoded(pair.split('=').next().unwrap_or_default());
    let kept: Vec<_> =
        query.split('&').filter(|pair| name(pair).is_none_or(|name| has(&endpoint, side, &name))).collect();
    if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
}

/// Whether URLs of this side have an option. A name that no side has is left to the client, which refuses it.
pub(super) fn has(endpoint: &Endpoint, side: Side, name: &str) -> bool {
    // The query of a server of HTTP is its own.
    let mut bindings = cloudevents_kit::bindings().iter().filter(|binding| binding.urls.name != "http");
    let family = bindings.find_map(|binding| binding.urls.family(endpoint.scheme()));
    let Some(family) = family else { return true };
    let mut sides =
        family.options.iter().filter(|option| option.is(name)).map(|option| option.side).peekable();
    if sides.peek().is_some() {
        return sides.any(|of| of.meets(side));
    }
    let among = |options: &[UrlOption]| options.iter().any(|option| option.is(name));
    match (among(SenderOptions::URL_OPTIONS), among(ReceiverOptions::URL_OPTIONS)) {
        (true, false) => side != Side::Receive,
        (false, true) => side != Side::Send,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_other_side_are_left_out() {
        let url = "mqtt://me:secret@h/plant/#?client=m&dead-letter=late&qos=1&x=y";
        assert_eq!(of_side(url, Side::Send), "mqtt://me:secret@h/plant/#?client=m&qos=1&x=y");
        assert_eq!(of_side("mqtt://h/t?retain=true", Side::Receive), "mqtt://h/t");
        assert_eq!(of_side("mqtt://h/t?%72etain=true&qos=0", Side::Receive), "mqtt://h/t?qos=0");
        for same in ["http://h/p?reject=drop", "mqtt://h/t", "x", "other://h/t?reject=drop"] {
            assert_eq!(of_side(same, Side::Send), same);
        }
    }
}
