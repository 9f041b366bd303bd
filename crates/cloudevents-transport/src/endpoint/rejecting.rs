//! The options of a URL for rejected messages.

use crate::Endpoint;
use cloudevents_core::{Error, ErrorKind};

/// The treatment of rejected messages by the options `dead-letter` and `reject` of a URL. See [`rejecting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejecting<'e> {
    /// The URL says nothing: as the program has decided.
    AsDecided,
    /// They go to this destination, which is not empty.
    To(&'e str),
    /// The broker handles them as it is configured.
    ToBroker,
    /// They are dropped.
    Dropped,
}

/// Reads the options `dead-letter` and `reject`.
///
/// - `is_decided` is whether the program has decided.
/// - `place` is the kind of destination that `dead-letter` names, such as `queue`.
/// - `broker` is whether the protocol has `reject=broker`.
/// - `field` is the option by which a program decides, such as `AmqpReceiverOptions::queue`.
/// - `reads` is whether the receiver itself reads such a destination, as far as that is known. A message that cannot be read would go round
///   for ever.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl), and [`Unsupported`](ErrorKind::Unsupported) if neither URL nor program decides.
///
/// ```
/// use cloudevents_core::ErrorKind;
/// use cloudevents_transport::{Endpoint, binding::{Rejecting, rejecting}};
///
/// let read = |url: &str| rejecting(&Endpoint::parse(url).unwrap(), false, Some("queue"), true, "Options::queue", |place| place == "orders").map(|to| format!("{to:?}"));
/// assert_eq!(read("amqp://host/orders?dead-letter=rejected").unwrap(), "To(\"rejected\")");
/// assert_eq!(read("amqp://host/orders?reject=broker").unwrap(), "ToBroker");
/// assert_eq!(read("amqp://host/orders?dead-letter=orders").unwrap_err().kind(), ErrorKind::InvalidUrl);
/// let undecided = read("amqp://host/orders").unwrap_err();
/// assert_eq!(undecided.kind(), ErrorKind::Unsupported);
/// assert_eq!(undecided.help(), Some("add `dead-letter=<queue>`, `reject=broker` or `reject=drop` to the URL, or decide in `Options::queue`"));
/// ```
pub fn rejecting<'e>(
    endpoint: &'e Endpoint,
    is_decided: bool,
    place: Option<&str>,
    broker: bool,
    field: &str,
    reads: impl FnOnce(&str) -> bool,
) -> Result<Rejecting<'e>, Error> {
    match (endpoint.option("dead-letter"), endpoint.option("reject")) {
        (None, None) if is_decided => Ok(Rejecting::AsDecided),
        (None, None) => {
            let place = place.map(|place| format!("`dead-letter=<{place}>`"));
            let mut choices: Vec<_> = place.into_iter().collect();
            choices.extend(broker.then(|| "`reject=broker`".into()));
            let choices = match choices.is_empty() {
                true => "`reject=drop`".into(),
                false => format!("{} or `reject=drop`", choices.join(", ")),
            };
            Err(Error::new(ErrorKind::Unsupported)
                .with_detail("it is not decided what happens to rejected messages")
                .with_help(format!("add {choices} to the URL, or decide in `{field}`")))
        }
        (Some(_), Some(_)) => {
            Err(endpoint.invalid("the options `dead-letter` and `reject` exclude each other"))
        }
        (Some(""), None) => {
            Err(endpoint.invalid(format!("the option `dead-letter` names no {}", place.unwrap_or("place"))))
        }
        (Some(place), None) if reads(place) => Err(endpoint
            .invalid("the option `dead-letter` names a place that this receiver itself reads")
            .with_help("name another one: what is rejected would be received and rejected again, for ever")),
        (Some(place), None) => Ok(Rejecting::To(place)),
        (None, Some("drop")) => Ok(Rejecting::Dropped),
        (None, Some("broker")) if broker => Ok(Rejecting::ToBroker),
        (None, Some(_)) => Err(endpoint
            .invalid(match broker {
                true => "the option `reject` is neither `broker` nor `drop`",
                false => "the option `reject` is not `drop`",
            })
            .with_help(format!("`{field}` takes a sink that keeps rejected messages"))),
    }
}

/// Returns the result of a [check](crate::binding::Transmit::check) of a dead-letter destination, for opening its receiver.
///
/// If the destination is missing or forbidden, this is an error of kind [`Refused`](ErrorKind::Refused), which names it. No dead letter
/// would be stored, and the receiver would stop at its bounds. Any other error may pass until there is a dead letter, and so is none.
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_transport::binding::place_checked;
///
/// let missing = place_checked("rejected", Err(Error::new(ErrorKind::Refused).with_detail("no such queue"))).unwrap_err();
/// assert_eq!(missing.detail(), "the dead-letter place `rejected` takes nothing: no such queue");
/// assert!(place_checked("rejected", Err(Error::new(ErrorKind::Timeout))).is_ok());
/// ```
pub fn place_checked(place: &str, checked: Result<(), Error>) -> Result<(), Error> {
    match checked {
        Err(error) if error.kind() == ErrorKind::Refused => place_opened(place, Err(error)),
        _ => Ok(()),
    }
}

/// As [`place_checked`], for a destination whose sender cannot be opened if the destination takes nothing.
///
/// The error names the destination. Any other error is returned as it is.
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_transport::binding::place_opened;
///
/// let forbidden = Error::new(ErrorKind::Refused).with_detail("no rights").with_help("grant them");
/// let forbidden = place_opened::<()>("rejected", Err(forbidden)).unwrap_err();
/// assert_eq!(forbidden.detail(), "the dead-letter place `rejected` takes nothing: no rights");
/// assert_eq!(forbidden.help(), Some("grant them"));
/// ```
pub fn place_opened<T>(place: &str, opened: Result<T, Error>) -> Result<T, Error> {
    opened.map_err(|error| match error.kind() {
        ErrorKind::Refused => {
            let detail = format!("the dead-letter place `{place}` takes nothing: {}", error.detail());
            let help = error.help().map_or_else(|| "create it, or name another place".into(), str::to_owned);
            Error::new(ErrorKind::Refused).with_detail(detail).with_help(help).with_source(error)
        }
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        let read = |options: &str, is_decided, broker| {
            let endpoint = Endpoint::parse(&format!("x://host/t?{options}")).unwrap();
            let read = rejecting(&endpoint, is_decided, Some("topic"), broker, "Options::log", |place| {
                place == "own"
            });
            read.map(|to| format!("{to:?}")).map_err(|error| error.kind())
        };
        assert_eq!(read("", true, false).unwrap(), "AsDecided");
        assert_eq!(read("", false, true), Err(ErrorKind::Unsupported));
        assert_eq!(read("reject=drop", true, false).unwrap(), "Dropped");
        for (options, broker) in [
            ("reject=broker", false),
            ("reject=", true),
            ("dead-letter=", true),
            ("dead-letter=a&reject=drop", true),
            ("dead-letter=own", true),
        ] {
            assert_eq!(read(options, true, broker), Err(ErrorKind::InvalidUrl), "{options}");
        }
    }

    #[test]
    fn help_has_only_what_there_is() {
        let help = |place, broker| {
            let endpoint = Endpoint::parse("x://host/t").unwrap();
            let error = rejecting(&endpoint, false, place, broker, "O", |_| false).unwrap_err();
            error.help().map(str::to_owned).unwrap()
        };
        assert_eq!(help(None, false), "add `reject=drop` to the URL, or decide in `O`");
        assert_eq!(
            help(Some("topic"), false),
            "add `dead-letter=<topic>` or `reject=drop` to the URL, or decide in `O`"
        );
    }
}
