//! The course of one delivery: who sent it, for the log, and the response of the service.

use super::{counts::Reason, service::Replied};
use crate::{commands::refusals::From, plain::shortened};
use bytes::Bytes;
use cloudevents_kit::{
    Delivery, Error, ErrorKind,
    http::{Problem, Unread},
    webhook::signature::SignatureError,
};
use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use std::{
    error::Error as _,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Headers that may have the id of a delivery. Not all of them are signed.
const IDS: [&str; 4] = ["webhook-id", "svix-id", "x-github-delivery", "ce-id"];

/// Headers of the handshake and of a delivery that name an origin.
const ORIGINS: [&str; 2] = ["webhook-request-origin", "origin"];

/// The type of an event that stands for a delivery of any kind: its id is made up, or a digest of the body.
const ANY: &str = "webhook.delivery";

/// The longest address and the longest origin in the log, in characters.
const LONGEST: usize = 48;

/// The longest id in the log, in characters: a search for the id of a sender finds its lines. `ce send` makes ids of 64 characters.
const LONGEST_ID: usize = 200;

/// A delivery on its way. It is in the extensions of its request. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Course(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    from: From,
    replied: Mutex<Replied>,
    /// Whether the delivery was found to be genuine, and its end is reported elsewhere.
    is_genuine: AtomicBool,
    /// Whether the service responded that it does not read the media type.
    is_unsupported: AtomicBool,
    is_form: bool,
    /// Who the sender says it is.
    origin: Option<String>,
}

impl Course {
    /// The course of a request with these headers. `sender` is the name of the provider or the scheme.
    ///
    /// A proxy that is trusted names the peer in `X-Forwarded-For`: the last address is the one that it saw.
    pub(super) fn new(sender: &str, headers: &HeaderMap, peer: SocketAddr, behind_proxy: bool) -> Self {
        let id = IDS.iter().find_map(|name| headers.get(*name)?.to_str().ok());
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        let forwarded = forwarded.filter(|_| behind_proxy).and_then(|value| value.to_str().ok());
        let last = forwarded.and_then(|value| value.rsplit(',').next()).map(str::trim);
        let is_form = headers.get(CONTENT_TYPE).is_some_and(|value| {
            value.to_str().is_ok_and(|value| value.starts_with("application/x-www-form-urlencoded"))
        });
        let peer = match last.filter(|last| !last.is_empty()) {
            // In quotation marks, a text that is no address passes for no other part.
            Some(last) if !is_address(last) => format!("{:?}", shortened(last, LONGEST)),
            Some(last) => last.to_owned(),
            None => peer.to_string(),
        };
        let id = id.filter(|id| !id.is_empty()).map(|id| shortened(id, LONGEST_ID));
        let from = From { sender: sender.to_owned(), id, peer, counted: None };
        let origin = ORIGINS.iter().find_map(|name| headers.get(*name)?.to_str().ok());
        let origin = origin.map(|origin| shortened(origin, LONGEST));
        Self(Arc::new(Inner { from, is_form: is_form && sender == "github", origin, ..Inner::default() }))
    }

    /// The provider, the id if there is one, and the peer.
    pub(super) fn who(&self) -> &From {
        &self.0.from
    }

    /// The same for a delivery that is read. Its event may have the id that no header has.
    pub(super) fn who_of(&self, delivery: &Delivery) -> From {
        let mut from = self.0.from.clone();
        if from.id.is_none() {
            let events = delivery.events();
            let first = events.as_ref().ok().and_then(|events| events.first());
            // Other deliveries have an event without an id of theirs.
            let first = first.filter(|event| event.ty() != ANY);
            from.id = first.map(|event| shortened(event.id(), LONGEST_ID));
        }
        from
    }

    /// Whether it is a form of GitHub, which services that expect JSON cannot read.
    pub(super) fn is_form(&self) -> bool {
        self.0.is_form
    }

    /// From now on, the delivery is reported as a genuine one.
    pub(super) fn is_taken(&self) {
        self.0.is_genuine.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_genuine(&self) -> bool {
        self.0.is_genuine.load(Ordering::Relaxed)
    }

    /// Keeps the reply of the service for the sender.
    pub(super) fn replied(&self, replied: Replied) {
        *self.0.replied.lock().unwrap_or_else(PoisonError::into_inner) = replied;
    }

    /// Keeps that the service does not read the media type.
    pub(super) fn is_not_supported(&self) {
        self.0.is_unsupported.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_unsupported(&self) -> bool {
        self.0.is_unsupported.load(Ordering::Relaxed)
    }

    pub(super) fn reply(&self) -> Replied {
        self.0.replied.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The refusal of a request by this response, for the log and for the counters. `line` is its method and path.
    pub(super) fn refusal(&self, response: &Response<Bytes>, line: &str) -> (Error, Reason) {
        let error = response.extensions().get::<Error>();
        let signature = error.and_then(|error| error.source()?.downcast_ref::<SignatureError>());
        let why = match (signature, error.map(Error::detail).filter(|detail| !detail.is_empty())) {
            (Some(signature), _) => signature.to_string(),
            (None, Some(detail)) => detail.to_owned(),
            (None, None) => {
                let problem = Problem::from_http(response).ok();
                problem.and_then(|problem| problem.detail().map(str::to_owned)).unwrap_or_default()
            }
        };
        let status = response.status();
        // Some senders get another status, after which they give up.
        let meant = response.extensions().get::<StatusCode>().copied().unwrap_or(status);
        let reason = reason(meant, signature);
        let why = match (reason, &self.0.origin) {
            (Reason::Path | Reason::Method, _) => line.to_owned(),
            // In quotation marks: it is a claim.
            (Reason::Origin, Some(origin)) if why.is_empty() => {
                format!(": the origin {origin:?} is not allowed")
            }
            _ if why.is_empty() => String::new(),
            _ => format!(": {why}"),
        };
        let kind = error.map_or(ErrorKind::Refused, Error::kind);
        let from = self.0.from.counted(reason.label());
        let told = Error::new(kind).with_detail(format!("{status}{why}")).with_source(from);
        let of_origin = (reason == Reason::Origin).then_some("WEBHOOK-4.2.1-a");
        match error.and_then(Error::clause).or(of_origin) {
            Some(clause) => (told.with_clause(clause), reason),
            None => (told, reason),
        }
    }
}

/// An address, with a port or without: an address of IPv6 with a port has brackets.
fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok()
}

/// The refusal of a request that the server could not read, for the log and for the counters. `why` is of the server.
pub(super) fn unread(sender: &str, why: &Error) -> (Error, Reason) {
    let unread = why.source().and_then(|source| source.downcast_ref::<Unread>());
    let peer = unread.map_or_else(|| "unknown".to_owned(), |unread| unread.peer.to_string());
    let reason = if why.kind() == ErrorKind::Timeout { Reason::TooSlow } else { Reason::Malformed };
    let from = From { sender: sender.to_owned(), id: None, peer, counted: Some(reason.label()) };
    let status = unread.and_then(|unread| unread.status);
    let status = status.map_or_else(|| "no response".to_owned(), |status| status.to_string());
    let told = Error::new(why.kind()).with_detail(format!("{status}: {}", why.detail())).with_source(from);
    (told, reason)
}

fn reason(status: StatusCode, signature: Option<&SignatureError>) -> Reason {
    match (status.as_u16(), signature) {
        (_, Some(SignatureError::Missing(_))) => Reason::NoSignature,
        (_, Some(SignatureError::Mismatch | SignatureError::UnknownKey(_))) => Reason::WrongKey,
        (_, Some(SignatureError::Time { .. })) => Reason::Time,
        (_, Some(_)) => Reason::Signature,
        (401, _) => Reason::Token,
        (403, _) => Reason::Origin,
        (404, _) => Reason::Path,
        (405, _) => Reason::Method,
        (408, _) => Reason::TooSlow,
        (413, _) => Reason::TooLarge,
        (415, _) => Reason::ContentType,
        (429, _) => Reason::Rate,
        (500.., _) => Reason::Unavailable,
        _ => Reason::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::webhook::gate::counts::Counts;
    use cloudevents_kit::webhook::{
        deliver::Practice,
        receiver::{Webhook, WebhookOptions},
    };
    use http::{HeaderValue, Request};
    use std::{collections::BTreeSet, fs};

    fn course(headers: &[(&'static str, &str)], behind_proxy: bool) -> Course {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        Course::new("github", &headers.collect(), "192.0.2.1:4711".parse().unwrap(), behind_proxy)
    }

    fn text(headers: &[(&'static str, &str)], behind_proxy: bool) -> String {
        course(headers, behind_proxy).who().to_string()
    }

    #[test]
    fn the_log_has_whole_ids_up_to_a_bound() {
        let whole = "0".repeat(200);
        let id = |id: &str| course(&[("webhook-id", id)], false).who().id.clone();
        assert_eq!(id(&whole).as_deref(), Some(&*whole));
        assert_eq!(id(&format!("{whole}1")), Some(format!("{}…", "0".repeat(199))));
    }

    #[test]
    fn the_log_names_sender_id_and_peer() {
        assert_eq!(text(&[], false), "github, from 192.0.2.1:4711");
        let given = [("x-github-delivery", "7"), ("x-forwarded-for", "9.9.9.9, 203.0.113.7")];
        assert_eq!(text(&given, false), r#"github, id "7", from 192.0.2.1:4711"#);
        // Whatever the sender wrote is before the address that the proxy saw.
        assert_eq!(text(&given, true), r#"github, id "7", from 203.0.113.7"#);
        let long = "x".repeat(1000);
        assert!(text(&[("webhook-id", &long), ("x-forwarded-for", &long)], true).len() < 300);
        for (forwarded, peer) in [
            ("[2001:db8::1]:443", "[2001:db8::1]:443"),
            ("2001:db8::1", "2001:db8::1"),
            ("unknown", "\"unknown\""),
            ("1.1.1.1) [refused]", "\"1.1.1.1) [refused]\""),
        ] {
            assert_eq!(text(&[("x-forwarded-for", forwarded)], true), format!("github, from {peer}"));
        }
    }

    /// The reasons of the page, with the statuses that senders get.
    fn documented() -> Vec<(String, Vec<u16>)> {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/webhooks-gate-operating.md");
        let page = fs::read_to_string(page).unwrap();
        let rows = page.lines().skip_while(|line| !line.starts_with("| `reason` |")).skip(2);
        let row = |line: &str| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let statuses: Vec<u16> = cells[1].split(", ").map(|status| status.parse().unwrap()).collect();
            (cells[0].trim_matches('`').to_owned(), statuses)
        };
        rows.take_while(|line| line.starts_with('|')).map(row).collect()
    }

    #[test]
    fn each_response_is_counted_under_the_reason_of_the_page() {
        let unsigned = |error: SignatureError| {
            let why = Error::new(ErrorKind::Refused).with_source(error);
            Problem::new(StatusCode::FORBIDDEN, "the signature was refused").with_error(why).into_http()
        };
        let plain = |status: u16| Problem::new(StatusCode::from_u16(status).unwrap(), "why").into_http();
        let responses = [
            ("no_signature", unsigned(SignatureError::Missing("x-hub-signature-256"))),
            ("wrong_key", unsigned(SignatureError::Mismatch)),
            ("wrong_key", unsigned(SignatureError::UnknownKey("2".into()))),
            ("time", unsigned(SignatureError::Time { signed: 1, now: 1_000 })),
            ("signature", unsigned(SignatureError::Malformed("webhook-id"))),
            ("signature", unsigned(SignatureError::Digest)),
            ("signature", unsigned(SignatureError::NotCovered("@path".into()))),
            ("signature", unsigned(SignatureError::Component("@path".into()))),
            ("signature", unsigned(SignatureError::Topic)),
            ("signature", unsigned(SignatureError::Id)),
            ("token", plain(401)),
            ("origin", plain(403)),
            ("path", plain(404)),
            ("method", plain(405)),
            ("too_slow", plain(408)),
            ("too_large", plain(413)),
            ("content_type", plain(415)),
            ("rate", plain(429)),
            ("malformed", plain(400)),
            ("unavailable", plain(503)),
        ];
        let documented = documented();
        for (name, response) in &responses {
            let (told, reason) = course(&[], false).refusal(response, " of POST /hook");
            assert_eq!(reason.label(), ("reason", *name), "{response:?}");
            // The line of the log has the same.
            let from = told.source().unwrap().downcast_ref::<From>().unwrap();
            assert_eq!(from.counted, Some(("reason", *name)));
            let (_, statuses) = documented.iter().find(|(row, _)| row == name).unwrap();
            assert!(statuses.contains(&response.status().as_u16()), "{name}: {statuses:?}");
        }
        let page = Counts::default().page().to_string();
        let counted = page.lines().filter_map(|line| line.split_once("reason=\"")?.1.split('"').next());
        let counted: BTreeSet<&str> = counted.collect();
        assert_eq!(counted, documented.iter().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>());
        assert_eq!(counted, responses.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>());
    }

    #[test]
    fn a_request_that_could_not_be_read_is_too_slow_or_malformed() {
        for (kind, name) in [
            (ErrorKind::Timeout, "too_slow"),
            (ErrorKind::Transport, "malformed"),
            (ErrorKind::Disconnected, "malformed"),
        ] {
            assert_eq!(unread("github", &Error::new(kind)).1.label(), ("reason", name), "{kind:?}");
        }
    }

    /// Event Grid sends a delivery again after 405 and 415, and so gets 400. The reason is that of every other sender.
    #[tokio::test(start_paused = true)]
    async fn a_status_for_one_sender_alone_changes_no_reason() {
        const TOKEN: &str = "a long random token";
        let options = || WebhookOptions::without_handshake().token(TOKEN);
        for (options, is_event_grid) in [(options(), false), (options().senders(Practice::EventGrid), true)] {
            let (webhook, _receiver) = Webhook::open(options).unwrap();
            for (method, status, name) in
                [("GET", 405_u16, "method"), ("OPTIONS", 405, "method"), ("POST", 415, "content_type")]
            {
                let request =
                    Request::builder().method(method).uri("/hook").header(CONTENT_TYPE, "text/html");
                let request = request.header("authorization", format!("Bearer {TOKEN}"));
                let response = webhook.respond(request.body("text".to_owned()).unwrap(), None).await;
                assert_eq!(response.status(), if is_event_grid { 400 } else { status }, "{method}");
                let (_, reason) = course(&[], false).refusal(&response, "");
                assert_eq!(reason.label(), ("reason", name), "{method}");
            }
        }
    }
}
