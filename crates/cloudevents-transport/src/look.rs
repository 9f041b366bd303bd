//! The places that a broker shows, topics, streams and queues, and how much is in them.

use crate::{Endpoint, Host};
use cloudevents_core::{Error, ErrorKind};
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::time::timeout;

/// How the places of a broker are listed.
#[derive(Clone, Copy, Debug)]
pub enum Look {
    /// This function lists them.
    Lists(LookAt),
    /// This function lists them, and its facts have the number of the messages that receivers hold, or that come later.
    ListsHeld(LookAt),
    /// The protocol has no request for it. The text is the help: the tools that do it.
    Elsewhere(&'static str),
}

/// Lists the place that an endpoint names; without an address in it, the places that the broker may list. The options of the URL are those
/// of senders and receivers. It consumes, creates and changes nothing, and each request has a time limit.
pub type LookAt = fn(Endpoint) -> BoxFuture<'static, Result<Places, Error>>;

/// Places of a broker, or parts of one place.
///
/// ```
/// use cloudevents_transport::{Fact, Place, Places};
///
/// let mut places = Places::default();
/// places.add(Place::new("queue", "orders").with("ready", 3).with("consumers", 1));
/// assert_eq!(places.list[0].fact("ready"), Some(&Fact::Number(3)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Places {
    /// At most [`Places::MOST`].
    pub list: Vec<Place>,
    /// Whether there are others, which are not listed.
    pub has_more: bool,
}

/// A topic, a stream, a queue, or a part of one: a partition, a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The kind, by the name that the protocol has for it: `topic`.
    pub kind: &'static str,
    /// The name. A broker chose it, or anyone who uses it.
    pub name: Box<str>,
    /// The known facts, by name. A fact that the broker does not report is absent.
    pub facts: Vec<(&'static str, Fact)>,
    /// Its parts, if they were listed.
    pub parts: Option<Places>,
}

/// Something that a broker reports of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// A number. Its name has the unit: without one, it is of messages.
    Number(u64),
    /// A text.
    Text(Box<str>),
    /// Several texts.
    Texts(Vec<Box<str>>),
}

impl Places {
    /// The most places of a list, and the most parts of a place.
    pub const MOST: usize = 4096;

    /// Adds a place if there is room for it, and returns whether there was. Without room, [`has_more`](Self::has_more) becomes true.
    pub fn add(&mut self, place: Place) -> bool {
        if self.list.len() < Self::MOST {
            self.list.push(place);
        } else {
            self.has_more = true;
        }
        !self.has_more
    }
}

impl Extend<Place> for Places {
    /// Adds places while there is room.
    fn extend<I: IntoIterator<Item = Place>>(&mut self, places: I) {
        for place in places {
            if !self.add(place) {
                return;
            }
        }
    }
}

impl FromIterator<Place> for Places {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> Self {
        let mut list = Self::default();
        list.extend(places);
        list
    }
}

impl Place {
    /// A place of which nothing is known yet.
    pub fn new(kind: &'static str, name: impl Into<Box<str>>) -> Self {
        Self { kind, name: name.into(), facts: Vec::new(), parts: None }
    }

    /// Returns a copy with this fact.
    pub fn with(mut self, name: &'static str, fact: impl Into<Fact>) -> Self {
        self.facts.push((name, fact.into()));
        self
    }

    /// Returns a copy with this fact, if it is known.
    pub fn with_known(self, name: &'static str, fact: Option<impl Into<Fact>>) -> Self {
        match fact {
            Some(fact) => self.with(name, fact),
            None => self,
        }
    }

    /// Returns a copy with these parts.
    pub fn with_parts(self, parts: Places) -> Self {
        Self { parts: Some(parts), ..self }
    }

    /// Returns the fact of this name.
    pub fn fact(&self, name: &str) -> Option<&Fact> {
        self.facts.iter().find(|(known, _)| *known == name).map(|(_, fact)| fact)
    }
}

impl From<u64> for Fact {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Vec<Box<str>>> for Fact {
    fn from(texts: Vec<Box<str>>) -> Self {
        Self::Texts(texts)
    }
}

/// Connects to the first host with which that works. Each has this long. The error is that of the last host.
pub async fn any_host<C, F: Future<Output = Result<C, Error>>>(
    hosts: &[Host],
    limit: Duration,
    connect: impl Fn(Host) -> F,
) -> Result<C, Error> {
    let mut failed = None;
    for host in hosts {
        match timeout(limit, connect(host.clone())).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => failed = Some(error),
            Err(_) => {
                let detail = format!("no connection to {host} within {limit:?}");
                failed = Some(Error::new(ErrorKind::Timeout).with_detail(detail));
            }
        }
    }
    Err(failed.unwrap_or_else(|| Error::new(ErrorKind::InvalidUrl).with_detail("a host is missing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_bound_and_says_when_there_is_more() {
        let numbered = |count: usize| (0..count).map(|number| Place::new("queue", number.to_string()));
        let full: Places = numbered(Places::MOST).collect();
        assert_eq!((full.list.len(), full.has_more), (Places::MOST, false));
        let more: Places = numbered(usize::MAX).collect();
        assert_eq!((more.list.len(), more.has_more), (Places::MOST, true));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_host_that_works_is_taken_and_each_has_a_limit() {
        let endpoint = Endpoint::parse("redis://silent,refuses,works,other/").unwrap();
        let connect = |host: Host| async move {
            match host.name() {
                "silent" => std::future::pending().await,
                "refuses" => Err(Error::new(ErrorKind::Refused)),
                name => Ok(name.to_owned()),
            }
        };
        let limit = Duration::from_secs(10);
        assert_eq!(any_host(endpoint.hosts(), limit, connect).await.unwrap(), "works");
        let (silent, both) = (&endpoint.hosts()[..1], &endpoint.hosts()[..2]);
        assert_eq!(any_host(silent, limit, connect).await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(any_host(both, limit, connect).await.unwrap_err().kind(), ErrorKind::Refused);
    }
}
