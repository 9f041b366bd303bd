//! The tables of an outbox, created on request.

use super::{
    options::PgmqConnection,
    outbox::{Server, named},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, Place, Side};

/// Creates the tables of an outbox in the database of the URL, whose option `outbox` names a target, unless they exist. There are no
/// settings.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Unsupported`](ErrorKind::Unsupported) for settings, and for tables of another version;
/// and errors of connecting.
pub async fn create(endpoint: Endpoint, settings: Vec<(String, String)>) -> Result<Place, Error> {
    let Some(target) = named(&endpoint)? else {
        return Err(endpoint
            .invalid("the option `outbox` is missing")
            .with_help("`SELECT pgmq.create('<name>')` creates a queue, in the database"));
    };
    if let Some((name, _)) = settings.first() {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("the tables of an outbox have no setting `{name}`")));
    }
    Server::new(&endpoint, PgmqConnection::default(), Side::Both).await?.create().await?;
    Ok(Place::new("outbox", target))
}
