//! Agreeing on a subprotocol (binding, section 1.4).

use crate::Subprotocol;
use cloudevents_core::{Error, ErrorKind};

/// The value of `Sec-WebSocket-Protocol` that offers these subprotocols, the most wanted first (WS-1.4-b, WS-1.4-c).
///
/// ```
/// use cloudevents_websockets::{Subprotocol, offer};
///
/// assert_eq!(offer([Subprotocol::Avro, Subprotocol::Json]), "cloudevents.avro, cloudevents.json");
/// ```
pub fn offer(subprotocols: impl IntoIterator<Item = Subprotocol>) -> String {
    subprotocols.into_iter().map(Subprotocol::name).collect::<Vec<_>>().join(", ")
}

/// The subprotocol a server replies with (WS-1.4-d): the first subprotocol of the client that the server supports.
///
/// Clients put their preferred subprotocol first. `None` if there is none. Then the response has no `Sec-WebSocket-Protocol` (WS-1.4-e),
/// and a server that speaks nothing else refuses the handshake.
///
/// `offered` is the values of all `Sec-WebSocket-Protocol` headers of the request.
///
/// ```
/// use cloudevents_websockets::{Subprotocol, select};
///
/// let supported = [Subprotocol::Json, Subprotocol::Avro];
/// assert_eq!(select(["chat, cloudevents.avro", "cloudevents.json"], &supported), Some(Subprotocol::Avro));
/// assert_eq!(select(["Cloudevents.Json"], &supported), None);
/// ```
pub fn select<'a>(
    offered: impl IntoIterator<Item = &'a str>,
    supported: &[Subprotocol],
) -> Option<Subprotocol> {
    offered
        .into_iter()
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim_matches([' ', '\t']).parse().ok())
        .find(|subprotocol| supported.contains(subprotocol))
}

/// The subprotocol of a connection, as the client reads the server's response.
///
/// It has to be exactly one, and the client has to have offered it (RFC 6455, section 4.1). Otherwise the client has to fail the
/// connection: the error is of kind [`Refused`](ErrorKind::Refused).
///
/// ```
/// use cloudevents_websockets::{Subprotocol, chosen};
///
/// let offered = [Subprotocol::Json];
/// assert_eq!(chosen(["cloudevents.json"], &offered)?, Subprotocol::Json);
/// assert!(chosen([], &offered).is_err());
/// assert!(chosen(["cloudevents.avro"], &offered).is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn chosen<'a>(
    response: impl IntoIterator<Item = &'a str>,
    offered: &[Subprotocol],
) -> Result<Subprotocol, Error> {
    let mut values = response.into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Error::new(ErrorKind::Refused)
            .with_detail("the server has not chosen one of the offered subprotocols")
            .with_help("check that the URL is that of a CloudEvents endpoint")
            .with_clause("WS-1.4-d"));
    };
    match value.trim_matches([' ', '\t']).parse() {
        Ok(subprotocol) if offered.contains(&subprotocol) => Ok(subprotocol),
        _ => Err(Error::new(ErrorKind::Refused)
            .with_detail("the server has chosen a subprotocol that was not offered")
            .with_clause("WS-1.4-d")),
    }
}
