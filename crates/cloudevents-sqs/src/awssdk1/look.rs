//! Queues, as SQS shows them. Its numbers are approximate.

use super::{
    SqsConnection,
    connection::{Wire, once},
    failure::{self, SQS},
    options::{Target, is_queue},
};
use aws_sdk_sqs::types::QueueAttributeName as Name;
use cloudevents_aws::is_account;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Endpoint, Place, Places, Side,
    binding::{connect::runtime, refused},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{collections::HashMap, time::Duration};

/// How long SQS may take for one request, unless the URL has `connect-timeout`.
const REQUEST: Duration = Duration::from_secs(10);

/// How many queues a page has. SQS takes no larger number.
const PAGE: i32 = 1000;

/// How many queues are looked at at once.
const TOGETHER: usize = 16;

/// The numbers that are shown of a queue.
const NUMBERS: [(&str, Name); 3] = [
    ("visible", Name::ApproximateNumberOfMessages),
    ("in_flight", Name::ApproximateNumberOfMessagesNotVisible),
    ("delayed", Name::ApproximateNumberOfMessagesDelayed),
];

const FORM: &str =
    "write `sqs://REGION/ACCOUNT/QUEUE`, `sqs://REGION/ACCOUNT/PREFIX*` or `sqs://REGION/ACCOUNT`";

/// Lists the queue of the URL; with a `*` at its end, those whose names begin so; without one, all queues of the account.
pub(super) async fn look(endpoint: Endpoint) -> Result<Places, Error> {
    let _ = runtime()?;
    let mut connection = SqsConnection::default();
    connection.connect_timeout = REQUEST;
    let path: Vec<_> = endpoint.segments().filter(|part| !part.is_empty()).collect();
    let (account, queue) = match &path[..] {
        [account] => (account, "*"),
        [account, queue] => (account, &**queue),
        _ => return Err(endpoint.invalid("the path is not that of queues").with_help(FORM)),
    };
    let prefix = queue.strip_suffix('*');
    let is_name = prefix == Some("") || is_queue(prefix.unwrap_or(queue));
    if !is_account(account) || !is_name {
        return Err(endpoint.invalid("the path is not that of queues").with_help(FORM));
    }
    let target = Target::of_account(&endpoint, connection, account, Side::Both)?;
    let limit = target.server.connection.connect_timeout;
    let Some(prefix) = prefix else {
        let wire = Wire::new(&target.at(queue)).await?;
        return Ok([place(&wire, &wire.url, queue, limit).await?].into_iter().collect());
    };
    let wire = Wire::new(&target).await?;
    let (queues, has_more) = queues(&wire, &target, prefix, limit).await?;
    let places = stream::iter(queues).map(|(url, name)| {
        let wire = &wire;
        async move { place(wire, &url, &name, limit).await }
    });
    let mut places: Places = places.buffered(TOGETHER).try_collect::<Vec<_>>().await?.into_iter().collect();
    places.has_more |= has_more;
    Ok(places)
}

/// The queues whose names begin with this, each with its URL, and whether there are more.
async fn queues(
    wire: &Wire,
    target: &Target,
    prefix: &str,
    limit: Duration,
) -> Result<(Vec<(String, String)>, bool), Error> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let request = wire.client.list_queues().max_results(PAGE).set_next_token(next);
        let request = request.set_queue_name_prefix((!prefix.is_empty()).then(|| prefix.to_owned()));
        let answer = request.customize().config_override(once(limit)).send().await;
        let answer = answer.map_err(|error| failure::of(&error))?;
        let urls = answer.queue_urls.unwrap_or_default();
        let is_empty = urls.is_empty();
        for url in urls {
            let mut parts = url.rsplit('/');
            let (Some(name), Some(account)) = (parts.next(), parts.next()) else {
                return Err(SQS.garbled("a URL of a queue"));
            };
            if account != &*target.account {
                return Err(refused(format!("the credentials are of the account {account}")).with_help(
                    "SQS lists the queues of that account alone: name it in the URL, or name a queue",
                ));
            }
            let name = name.to_owned();
            if found.len() == Places::MOST {
                return Ok((found, true));
            }
            found.push((url, name));
        }
        next = answer.next_token.filter(|_| !is_empty);
        if next.is_none() {
            found.sort_by(|(_, one), (_, other)| one.cmp(other));
            return Ok((found, false));
        }
    }
}

async fn place(wire: &Wire, url: &str, name: &str, limit: Duration) -> Result<Place, Error> {
    let request = wire.client.get_queue_attributes().queue_url(url).attribute_names(Name::RedrivePolicy);
    let request = NUMBERS.into_iter().fold(request, |request, (_, number)| request.attribute_names(number));
    let answer = request.customize().config_override(once(limit)).send().await;
    let found: HashMap<Name, String> = match answer.map_err(|error| failure::of(&error)) {
        // It was deleted since it was listed, or is not for this user.
        Err(error) if error.kind() == ErrorKind::Refused && *url != *wire.url => {
            return Ok(Place::new("queue", name).with("error", error.detail()));
        }
        answer => answer?.attributes.unwrap_or_default(),
    };
    let number = |name: &Name| found.get(name).and_then(|number| number.parse::<u64>().ok());
    let place = NUMBERS
        .iter()
        .fold(Place::new("queue", name), |place, (shown, name)| place.with_known(shown, number(name)));
    // It is JSON.
    Ok(place.with_known("redrive_policy", found.get(&Name::RedrivePolicy).map(String::as_str)))
}
