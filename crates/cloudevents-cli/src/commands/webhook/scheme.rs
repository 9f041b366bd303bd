//! Whose deliveries there are, and how they are signed: the options that commands share.

use super::keys::{SHORTEST, secrets, signer, verifier, verifying_keys};
use crate::{console::Console, failure::Failure, report::Report};
use clap::{Args, ValueEnum};
use cloudevents_kit::webhook::signature::{
    GitHub, HmacSignature, Identity, InvalidKey, MessageSignatures, Sign, SignatureError, Stripe, Verified,
    Verify, WebPubSub,
};
use http::{HeaderName, request::Parts};
use std::{str::FromStr, sync::Arc, time::SystemTime};

/// Whose deliveries there are, or how they are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Provider {
    /// GitHub: its signatures, and events by the adapter of the specification.
    Github,
    /// Stripe: its signatures, and its events as CloudEvents.
    Stripe,
    /// Svix: Standard Webhooks with the headers `svix-id`, `svix-timestamp` and `svix-signature`, with any payload.
    Svix,
    /// Slack: its signatures, of the Events API, commands and interactions.
    Slack,
    /// Azure Event Grid with the CloudEvents schema: its origin in the handshake, and statuses that it does not try again.
    EventGrid,
    /// Azure Web PubSub: its origin in the handshake, and its signatures, which cover neither body nor attributes.
    WebPubsub,
    /// Any sender with signatures of Standard Webhooks, as without this option.
    StandardWebhooks,
    /// Any sender with HTTP message signatures (RFC 9421) and Content-Digest: see --key-id and --authority.
    MessageSignatures,
    /// Any sender with an HMAC-SHA256 in a header: see --hmac.
    Hmac,
}

impl Provider {
    /// Whether it names the events that deliveries are.
    pub(super) fn makes_events(self) -> bool {
        !matches!(self, Self::StandardWebhooks | Self::MessageSignatures | Self::Hmac)
    }
}

/// The options of a scheme.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct SchemeOptions {
    /// Whose deliveries they are, or how they are signed.
    #[arg(long, visible_alias = "scheme", value_name = "NAME")]
    pub(super) provider: Option<Provider>,
    /// The header with an HMAC, and its form: `X-Partner-Signature: sha256={hex}`, or with `{base64}`.
    #[arg(long, value_name = "HEADER")]
    hmac: Option<HmacHeader>,
    /// The text that an HMAC is of: `{body}`, or with the header of a time before it, such as `{X-Partner-Time}.{body}`. Such a time, in
    /// seconds since 1970, is at most five minutes from now. [default: {body}]
    #[arg(long, value_name = "TEXT", requires = "hmac")]
    hmac_of: Option<HmacOf>,
    /// The name by which message signatures know the keys. May be repeated, while a sender changes its key and the name with it: each key
    /// goes by each name.
    #[arg(long = "key-id", value_name = "ID")]
    key_ids: Vec<String>,
    /// The authority that message signatures are for: the host of the URL that senders have, with a port unless it is the usual one. May
    /// be repeated.
    #[arg(long = "authority", value_name = "HOST")]
    authorities: Vec<String>,
    /// The part by which a delivery is recognised when it comes again: `id` and `event` with message signatures, where each signature that
    /// counts covers the part, `body` also with an HMAC, and `nothing` with every signature. [default: of the scheme]
    #[arg(long, value_name = "PART")]
    recognize_by: Option<RecognizeBy>,
}

/// The part by which a delivery is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RecognizeBy {
    /// The header `webhook-id`.
    Id,
    /// Source and id of the event: all `ce-` headers, the content type and the content coding are signed.
    Event,
    /// The body. Deliveries with equal bodies are one delivery.
    Body,
    /// Each delivery is another one: the service gets all of them, also those that are replayed.
    Nothing,
}

/// A header with an HMAC: its name in lower case, and the text before the digits.
#[derive(Clone, Copy, Debug)]
struct HmacHeader {
    name: &'static str,
    prefix: &'static str,
    is_base64: bool,
}

impl FromStr for HmacHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (name, form) = text.split_once(':').ok_or("write `Name: {hex}` or `Name: {base64}`")?;
        let form = form.trim();
        let (prefix, is_base64) = match (form.strip_suffix("{hex}"), form.strip_suffix("{base64}")) {
            (Some(prefix), _) => (prefix, false),
            (None, Some(prefix)) => (prefix, true),
            (None, None) => return Err("the form ends with `{hex}` or `{base64}`"),
        };
        Ok(Self { name: header(name.trim())?, prefix: prefix.to_owned().leak(), is_base64 })
    }
}

/// The text that an HMAC is of: the body, after the time in a header with text around it.
#[derive(Clone, Copy, Debug)]
struct HmacOf(Option<(&'static str, &'static str, &'static str)>);

impl FromStr for HmacOf {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let before = text.strip_suffix("{body}").ok_or("it ends with `{body}`")?;
        if before.is_empty() {
            return Ok(Self(None));
        }
        let timed = before.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
        let Some((before, (name, after))) = timed.filter(|(_, (_, after))| !after.contains(['{', '}']))
        else {
            return Err("before `{body}`, there is one header in braces");
        };
        if ["url", "uri", "path", "method"].iter().any(|part| name.eq_ignore_ascii_case(part)) {
            return Err("the part in braces is a header with a time, and not a part of the URL");
        }
        // They are options: there are few.
        Ok(Self(Some((before.to_owned().leak(), header(name)?, after.to_owned().leak()))))
    }
}

fn header(name: &str) -> Result<&'static str, &'static str> {
    let name = name.to_ascii_lowercase();
    HeaderName::from_lowercase(name.as_bytes()).map_err(|_| "the name is not one of a header")?;
    Ok(name.leak())
}

/// A verifier, perhaps at another time than now.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) verifier: Arc<dyn Verify>,
    pub(super) at: Option<SystemTime>,
}

impl Verify for Shared {
    fn verify(&self, request: &Parts, body: &[u8], now: SystemTime) -> Result<Verified, SignatureError> {
        self.verifier.verify(request, body, self.at.unwrap_or(now))
    }
}

impl SchemeOptions {
    /// The name of the scheme, for people and for services.
    pub(super) fn name(&self) -> &'static str {
        match self.provider {
            Some(Provider::Github) => "github",
            Some(Provider::Stripe) => "stripe",
            Some(Provider::Svix) => "svix",
            Some(Provider::Slack) => "slack",
            Some(Provider::WebPubsub) => "web-pubsub",
            Some(Provider::MessageSignatures) => "message-signatures",
            Some(Provider::Hmac) => "hmac",
            Some(Provider::EventGrid | Provider::StandardWebhooks) | None => "standard-webhooks",
        }
    }

    /// The settings beside the keys, which make the deliveries of two gates differ.
    pub(super) fn settings(&self) -> String {
        let Self { provider: _, hmac, hmac_of, key_ids: _, authorities, recognize_by } = self;
        // Another name of a key does not make other deliveries: `None` stands in its place.
        let key_id = None::<&str>;
        let by = recognize_by.filter(|by| *by != RecognizeBy::Id).map(|by| format!(" {by:?}"));
        format!("{hmac:?} {hmac_of:?} {key_id:?} {authorities:?}{}", by.unwrap_or_default())
    }

    /// Whether options are there that the scheme has no use for, or not there that it needs.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let is = |provider| self.provider == Some(provider);
        let of_messages = !self.authorities.is_empty() || !self.key_ids.is_empty();
        if is(Provider::Hmac) != self.hmac.is_some() {
            return Err(Failure::usage("--hmac and --provider hmac need each other"));
        }
        if is(Provider::MessageSignatures) && (self.authorities.is_empty() || self.key_ids.is_empty()) {
            return Err(Failure::usage("message signatures are for an authority, and name their key")
                .help("add --authority and --key-id"));
        }
        if of_messages && !is(Provider::MessageSignatures) {
            return Err(Failure::usage("--authority and --key-id are for --provider message-signatures"));
        }
        match self.recognize_by {
            Some(RecognizeBy::Id | RecognizeBy::Event) if !is(Provider::MessageSignatures) => {
                Err(Failure::usage("--recognize-by id and event are for --provider message-signatures"))
            }
            Some(RecognizeBy::Body) if !is(Provider::MessageSignatures) && !is(Provider::Hmac) => {
                Err(Failure::usage("--recognize-by body is for --provider message-signatures and hmac"))
            }
            _ => Ok(()),
        }
    }

    /// Whether each delivery is another one.
    pub(super) fn recognizes_nothing(&self) -> bool {
        self.recognize_by == Some(RecognizeBy::Nothing)
    }

    /// A verifier with the keys in this place.
    pub(super) fn verifier(&self, place: &str, console: &Console) -> Result<Arc<dyn Verify>, Failure> {
        self.check()?;
        Ok(match self.provider {
            None | Some(Provider::StandardWebhooks) => Arc::new(verifier(place)?),
            Some(Provider::Svix) => Arc::new(verifier(place)?.svix()),
            Some(Provider::Github) => Arc::new(all(place, console, GitHub::new, GitHub::or)?),
            Some(Provider::Stripe) => Arc::new(all(place, console, Stripe::new, Stripe::or)?),
            Some(Provider::Slack) => Arc::new(all(place, console, HmacSignature::slack, HmacSignature::or)?),
            Some(Provider::WebPubsub) => Arc::new(all(place, console, WebPubSub::new, WebPubSub::or)?),
            Some(Provider::Hmac) => {
                Arc::new(all(place, console, |secret| self.hmac(secret), HmacSignature::or)?)
            }
            Some(Provider::MessageSignatures) => Arc::new(self.message_signatures(place)?),
            Some(Provider::EventGrid) => {
                return Err(Failure::usage("Event Grid does not sign: --secret-env has no effect")
                    .help("give its subscription a token in the query of the URL, and set --token-env"));
            }
        })
    }

    /// A signer with the first key in this place, or of Standard Webhooks with all.
    pub(super) fn signer(&self, place: &str, console: &Console) -> Result<Box<dyn Sign>, Failure> {
        self.check()?;
        Ok(match self.provider {
            None | Some(Provider::StandardWebhooks) => Box::new(signer(place)?),
            Some(Provider::Svix) => Box::new(signer(place)?.svix()),
            Some(Provider::Github) => Box::new(all(place, console, GitHub::new, GitHub::or)?),
            Some(Provider::Stripe) => Box::new(all(place, console, Stripe::new, Stripe::or)?),
            Some(Provider::Slack) => Box::new(all(place, console, HmacSignature::slack, HmacSignature::or)?),
            Some(Provider::Hmac) => {
                Box::new(all(place, console, |secret| self.hmac(secret), HmacSignature::or)?)
            }
            Some(Provider::MessageSignatures) => {
                return Err(Failure::usage("message signatures are of a request with its URL")
                    .help("`ce send --signature message-signatures` sends one"));
            }
            Some(Provider::EventGrid | Provider::WebPubsub) => {
                return Err(Failure::usage("there are no signatures of this provider to make"));
            }
        })
    }

    fn hmac(&self, secret: String) -> Result<HmacSignature, InvalidKey> {
        let header = self.hmac.unwrap_or(HmacHeader { name: "", prefix: "", is_base64: false });
        let mut scheme = HmacSignature::new(header.name, secret)?.prefixed(header.prefix);
        if header.is_base64 {
            scheme = scheme.base64();
        }
        if self.recognize_by == Some(RecognizeBy::Body) {
            scheme = scheme.identity(Identity::Body);
        }
        Ok(match self.hmac_of {
            Some(HmacOf(Some((before, header, after)))) => scheme.timed(header, before, after),
            _ => scheme,
        })
    }

    fn message_signatures(&self, place: &str) -> Result<MessageSignatures, Failure> {
        let (first, more) = verifying_keys(place)?;
        let (id, other_ids) = match self.key_ids.split_first() {
            Some((id, others)) => (id.as_str(), others),
            None => ("", &[][..]),
        };
        let mut authorities = self.authorities.iter();
        let authority = authorities.next().map(String::as_str).unwrap_or_default();
        let keys: Vec<_> = [first.clone()].into_iter().chain(more.clone()).collect();
        let scheme = MessageSignatures::new(authority, id, first);
        let scheme = more.into_iter().fold(scheme, |scheme, key| scheme.or(id, key));
        let others = other_ids.iter().flat_map(|id| keys.iter().map(move |key| (id.as_str(), key.clone())));
        let scheme = others.fold(scheme, |scheme, (id, key)| scheme.or(id, key));
        let scheme = scheme.identity(match self.recognize_by {
            None | Some(RecognizeBy::Id) => Identity::Id,
            Some(RecognizeBy::Event) => Identity::Event,
            Some(RecognizeBy::Body | RecognizeBy::Nothing) => Identity::Body,
        });
        Ok(authorities.fold(scheme, |scheme, authority| scheme.or_authority(authority)))
    }
}

/// A scheme with all secrets in this place.
fn all<T>(
    place: &str,
    console: &Console,
    first: impl FnOnce(String) -> Result<T, InvalidKey>,
    or: fn(T, String) -> Result<T, InvalidKey>,
) -> Result<T, Failure> {
    let mut secrets = secrets(place)?;
    if secrets.iter().any(|secret| secret.contains(char::is_whitespace)) {
        let words = format!("a secret in `{place}` has white space inside");
        console.report(&Report::warning(words).help("it counts as one; several secrets are on a line each"));
    }
    if secrets.iter().any(|secret| secret.chars().count() < SHORTEST) {
        return Err(Failure::usage(format!("a secret in `{place}` has fewer than {SHORTEST} characters"))
            .help("anyone could guess it: `ce webhook secret` makes one"));
    }
    // A place with a secret has a first one.
    let more = secrets.split_off(1.min(secrets.len()));
    let scheme = first(secrets.pop().unwrap_or_default());
    let scheme = more.into_iter().fold(scheme, |scheme, secret| or(scheme?, secret));
    scheme.map_err(|error| Failure::usage(format!("a secret in `{place}` cannot be used: {error}")))
}
