//! URL options of receivers that all schemes share.

use crate::{Endpoint, ReceiverOptions, UnreadablePolicy, UrlOption};
use cloudevents_core::{Error, Leniency, Peer};

impl ReceiverOptions {
    /// The URL options that [`with_url`](Self::with_url) reads.
    pub const URL_OPTIONS: &'static [UrlOption] = &[
        UrlOption::receiving("lenient", "names of repairs that are made and reported, or all"),
        UrlOption::receiving("peer", "the implementation that wrote the messages: go-2, java-4, ..."),
        UrlOption::receiving("not-cloudevents", "what is no event: deliver (default), skip, reject"),
        UrlOption::receiving("in-flight", "the most messages that are received and not settled"),
        UrlOption::receiving("in-flight-bytes", "their bytes"),
        UrlOption::receiving("attempts", "how often a message is tried"),
        UrlOption::receiving("give-up-after", "how long failures may last until they count"),
        UrlOption::receiving("time-limit", "how long a handler may take"),
        UrlOption::receiving("drain", "how long draining may take"),
    ];

    /// Returns a copy with the options of this URL applied. The URL takes precedence over the program.
    ///
    /// | option | |
    /// |---|---|
    /// | `attempts` | [`attempts`](Self::attempts): attempts after which a failure rejects the message, for any reason |
    /// | `give-up-after` | [`give_up_after`](Self::give_up_after): how long failures may last until they count, such as `10m` |
    /// | `time-limit` | [`time_limit`](Self::time_limit): how long a handler may take |
    /// | `in-flight` | [`in_flight.messages`](crate::Bounds::messages): messages that may be delivered and not settled |
    /// | `in-flight-bytes` | [`in_flight.bytes`](crate::Bounds::bytes): the bytes of these |
    /// | `drain` | [`drain`](Self::drain): how long draining may take, such as `500ms`, `30s` or `5m` |
    /// | `lenient` | adds repairs to [`decoding`](Self::decoding): a list of their names, such as `numeric-time,raw-text`, or `all` |
    /// | `not-cloudevents` | [`not_cloudevents`](Self::not_cloudevents): `deliver`, `skip` or `reject` |
    /// | `peer` | adds the repairs that messages of a [`Peer`] need, such as `python-2`; with one that [leaves tombstones](Peer::leaves_tombstones), they are [skipped](Self::tombstones) |
    ///
    /// Errors are of kind [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl), for a value that is not a
    /// number, not a duration or not a known name.
    ///
    /// ```
    /// use cloudevents_transport::{Endpoint, ReceiverOptions};
    /// use std::time::Duration;
    ///
    /// let url = Endpoint::parse("kafka://localhost/orders?attempts=3&in-flight=100&drain=5m")?;
    /// let options = ReceiverOptions::default().with_url(&url)?;
    /// assert_eq!((options.attempts, options.in_flight.messages), (Some(3), 100));
    /// assert_eq!(options.drain, Duration::from_secs(300));
    /// assert!(ReceiverOptions::default().with_url(&Endpoint::parse("kafka://localhost/orders?drain=soon")?).is_err());
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn with_url(mut self, endpoint: &Endpoint) -> Result<Self, Error> {
        if let Some(attempts) = endpoint.number("attempts")? {
            self.attempts = Some(attempts);
        }
        if let Some(time) = endpoint.duration("give-up-after")? {
            self.give_up_after = Some(time);
        }
        if let Some(limit) = endpoint.duration("time-limit")? {
            self.time_limit = Some(limit);
        }
        if let Some(messages) = endpoint.number("in-flight")? {
            self.in_flight.messages = messages;
        }
        if let Some(bytes) = endpoint.number("in-flight-bytes")? {
            self.in_flight.bytes = bytes;
        }
        if let Some(drain) = endpoint.duration("drain")? {
            self.drain = drain;
        }
        let leniency = &mut self.decoding.leniency;
        *leniency = leniency.union(endpoint.leniency()?);
        self.not_cloudevents = match endpoint.option("not-cloudevents") {
            None => self.not_cloudevents,
            Some("deliver") => UnreadablePolicy::Deliver,
            Some("skip") => UnreadablePolicy::Skip,
            Some("reject") => UnreadablePolicy::Reject,
            Some(_) => {
                return Err(
                    endpoint.invalid("the option `not-cloudevents` is not `deliver`, `skip` or `reject`")
                );
            }
        };
        Ok(match endpoint.peer()? {
            Some(peer) => self.with_peer(peer),
            None => self,
        })
    }

    /// Returns a copy for messages of this peer: with its repairs, and with its [tombstones](Self::tombstones) skipped.
    ///
    /// A policy for tombstones that the program has set stays.
    ///
    /// ```
    /// use cloudevents_core::Peer;
    /// use cloudevents_transport::{ReceiverOptions, UnreadablePolicy};
    ///
    /// let options = ReceiverOptions::default().with_peer(Peer::Debezium3);
    /// assert_eq!(options.tombstones, Some(UnreadablePolicy::Skip));
    /// ```
    pub fn with_peer(mut self, peer: Peer) -> Self {
        self.peer = Some(peer);
        let leniency = &mut self.decoding.leniency;
        *leniency = leniency.union(peer.leniency());
        if peer.leaves_tombstones() {
            self.tombstones.get_or_insert(UnreadablePolicy::Skip);
        }
        self
    }
}

impl Endpoint {
    /// The repairs that the option `lenient` names; none if the URL does not have it.
    ///
    /// Errors are of kind [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl), for an unknown name.
    pub(crate) fn leniency(&self) -> Result<Leniency, Error> {
        Ok(self.named("lenient")?.unwrap_or_default())
    }

    /// The peer that the option `peer` names. Errors as for `leniency`.
    pub(crate) fn peer(&self) -> Result<Option<Peer>, Error> {
        self.named("peer")
    }

    fn named<T: std::str::FromStr<Err = Error>>(&self, option: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.option(option) else { return Ok(None) };
        text.parse().map(Some).map_err(|error: Error| {
            let help = error.help().unwrap_or_default().to_owned();
            self.invalid(format_args!("the option `{option}`: {}", error.detail())).with_help(help)
        })
    }
}
