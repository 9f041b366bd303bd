//! `ce look`: the places that a broker shows, with their numbers.

use crate::{
    connect::{self, Certificates, address::UrlOptions},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    plain::{count, plain, thousands},
    report::Report,
    style::{self, Paint},
};
use clap::Args;
use cloudevents_kit::transport::{Fact, Place, Places, Side};
use serde_json::{Map, Value};

/// Show how much is in a topic, a stream or a queue, and how far its consumers are.
///
/// Asks the broker of the URL for the place that the URL names, and for its parts. Without an address in the URL, all places are listed, if
/// the broker may list them: 4,096 at most. Nothing is consumed, created or changed. Each request may take ten seconds (pgmq, which
/// counts messages: thirty), or the `connect-timeout` of the URL. The URL may have the options of `ce send` and `ce listen`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce look kafka://localhost:9092                         all topics
  ce look kafka://localhost:9092/orders -o group=billing
  ce look nats+jetstream://localhost:4222                all streams
  ce look nats+jetstream://localhost:4222/orders.new     the stream of a subject
  ce look rabbitmq://localhost:5672/ -o queue=orders
  ce look redis://localhost:6379/0 -o stream=orders -o group=billing
  ce look 'sqs://eu-central-1/123456789012/orders*'      queues by a prefix
  ce look postgres://shop@localhost/shop                 all queues of pgmq
  ce look kafka://localhost:9092/orders -o group=billing --output json | jq .lag

Each place is an object with `kind`, `name` and, if it was named, `parts`. A member
that the broker does not report is absent. Numbers are of messages unless a unit is named:
  Kafka topic           partitions (their number), messages, lag; uncommitted (partitions
                        in which the group has committed nothing: lag is without them)
  Kafka partition       first, end, committed (offsets), lag. Records of transactions
                        and those that were compacted count as messages
  JetStream stream      subjects, retention, messages, bytes, first, last (sequence
                        numbers), consumers (their number)
  JetStream consumer    pending, ack_pending, redelivered, requests (that wait),
                        delivered, ack_floor (sequence numbers)
  RabbitMQ queue        ready, consumers (their number). There is no list of queues
  Redis stream          length, first, last (ids), added (since it was created)
  Redis group           pending, lag, consumers (their number), delivered (an id)
  Redis consumer        pending, idle_milliseconds
  SQS queue             visible, in_flight, delayed, all approximate; redrive_policy
  pgmq queue            messages, visible, sent (since it was created),
                        oldest_age_seconds, newest_age_seconds
  outbox                pending, dead, oldest_age_seconds (of the pending ones). An
                        outbox has no list of targets: one without messages has zeros
  all                   error, if something of a place could not be read

Exit status: 0 done, 1 there is no such place or none at all, or the broker refused,
2 wrong usage, or the protocol shows nothing of it, 3 the network or the broker failed.")]
pub(crate) struct Look {
    /// The URL of a sender or a receiver, or of the broker alone. Also @NAME for a connection of the configuration file.
    url: String,
    #[command(flatten)]
    address: UrlOptions,
    #[command(flatten)]
    certificates: Certificates,
}

pub(crate) fn run(command: &Look, console: &Console) -> Result<Status, Failure> {
    let url = command.address.address(&command.url, Side::Both)?.url;
    command.certificates.check([&url])?;
    let places = connect::runtime()?.block_on(connect::places(&url, &command.certificates))?;
    let mut emit = Emit::new(console);
    let columns = Columns::of(&places);
    for place in &places.list {
        emit.value(&to_json(place), |paint| to_text(place, &columns, 0, paint))?;
    }
    emit.flush()?;
    uncommitted(&places, has_group(&url)?).iter().for_each(|warning| console.report(warning));
    if places.has_more {
        console.report(&Report::warning("there are more places: only some of them are listed").kind("more"));
    }
    let what = places.list.first().map_or("place", |place| place.kind);
    console.say(&count(places.list.len(), what));
    Ok(if places.list.is_empty() { Status::No } else { Status::Done })
}

/// The help for a group without a commit.
const HELP: &str = "check the name of the group; without a commit, it begins where its consumers are set to";

/// Warnings that a lag is unknown, in whole or in part: a group that has committed nothing may have another name.
fn uncommitted(places: &Places, has_group: bool) -> Vec<Report> {
    let number = |place: &Place, name| match place.fact(name) {
        Some(Fact::Number(number)) => Some(*number),
        _ => None,
    };
    let warning = |place: &Place| {
        let (missing, all) = (number(place, "uncommitted")?, number(place, "partitions")?);
        let name = plain(&place.name);
        let words = match number(place, "lag") {
            Some(_) => format!(
                "the lag of `{name}` is without {missing} of its {all} partitions: the group has committed nothing there"
            ),
            None => format!(
                "the lag of `{name}` is unknown: the group has committed nothing there, or there is no such group"
            ),
        };
        Some(Report::warning(words).kind("uncommitted").help(HELP))
    };
    let is_known = |place: &Place| number(place, "lag").or_else(|| number(place, "uncommitted")).is_some();
    // A list of all topics.
    let is_of_topics =
        places.list.first().is_some_and(|place| place.kind == "topic" && place.parts.is_none());
    if has_group && is_of_topics && !places.list.iter().any(is_known) {
        let words = "the group has committed nothing in these topics, or there is no such group";
        return vec![Report::warning(words).kind("uncommitted").help(HELP)];
    }
    places.list.iter().filter_map(warning).collect()
}

/// Whether the URL names a group of Kafka.
fn has_group(url: &str) -> Result<bool, Failure> {
    let endpoint = connect::endpoint(url)?;
    let has = |name: &&str| {
        endpoint.as_ref().is_some_and(|at| at.option(name).is_some_and(|group| !group.is_empty()))
    };
    Ok(["group", "group.id"].iter().any(has))
}

pub(super) fn to_json(place: &Place) -> Value {
    let mut members = Map::new();
    members.insert("kind".into(), place.kind.into());
    members.insert("name".into(), (&*place.name).into());
    for (name, fact) in &place.facts {
        let value = match fact {
            Fact::Number(number) => (*number).into(),
            Fact::Text(text) => (&**text).into(),
            Fact::Texts(texts) => texts.iter().map(|text| Value::from(&**text)).collect(),
            _ => continue,
        };
        members.insert((*name).into(), value);
    }
    if let Some(parts) = &place.parts {
        members.insert("parts".into(), parts.list.iter().map(to_json).collect());
        if parts.has_more {
            members.insert("more".into(), true.into());
        }
    }
    members.into()
}

/// The widths of the names and of each fact of places that are listed together, so that they are aligned.
struct Columns {
    name: usize,
    facts: Vec<(&'static str, usize)>,
}

impl Columns {
    fn of(places: &Places) -> Self {
        let mut columns = Self { name: 0, facts: Vec::new() };
        for place in &places.list {
            columns.name = columns.name.max(plain(&place.name).chars().count());
            for (name, fact) in &place.facts {
                let width = shown(fact).chars().count();
                match columns.facts.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => *known = width.max(*known),
                    None => columns.facts.push((name, width)),
                }
            }
        }
        // Texts may be long.
        columns.facts.sort_by_key(|(name, _)| {
            places.list.iter().any(|place| !matches!(place.fact(name), None | Some(Fact::Number(_))))
        });
        columns
    }
}

/// A line for one place.
pub(super) fn line(place: &Place, paint: Paint) -> String {
    let places = [place.clone()].into_iter().collect();
    to_text(place, &Columns::of(&places), 0, paint)
}

/// A line for the place, and one for each of its parts.
fn to_text(place: &Place, columns: &Columns, depth: usize, paint: Paint) -> String {
    let indent = "  ".repeat(depth);
    let (name, width) = (plain(&place.name), columns.name);
    let space = " ".repeat(width.saturating_sub(name.chars().count()));
    let mut line = format!("{indent}{} {}{space}", place.kind, paint.text(style::NAME, &name));
    for (name, width) in &columns.facts {
        let fact = place.fact(name).map(shown);
        let label = if fact.is_some() { *name } else { "" };
        let (label_width, fact) = (name.chars().count(), fact.unwrap_or_default());
        let space = " ".repeat(label_width.saturating_sub(label.chars().count()));
        line += &format!("   {}{space} {fact:<width$}", paint.text(style::FAINT, label));
    }
    let mut text = format!("{}\n", line.trim_end());
    if let Some(parts) = &place.parts {
        let columns = Columns::of(parts);
        for part in &parts.list {
            text += &to_text(part, &columns, depth.saturating_add(1), paint);
        }
        if parts.has_more {
            text += &format!("{indent}  and others\n");
        }
    }
    text
}

fn shown(fact: &Fact) -> String {
    match fact {
        Fact::Number(number) => usize::try_from(*number).map_or_else(|_| number.to_string(), thousands),
        Fact::Text(text) => plain(text),
        Fact::Texts(texts) => texts.iter().map(|text| plain(text)).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn topic() -> Place {
        let partition = |name: &str, end: u64| {
            let lag = (end > 9).then_some(3_u64);
            Place::new("partition", name).with("end", end).with_known("lag", lag)
        };
        let mut parts: Places = [partition("0", 9), partition("10", 12_345)].into_iter().collect();
        parts.has_more = true;
        Place::new("topic", "or\u{1b}ders")
            .with("subjects", vec!["a".into(), "b.>".into()])
            .with("messages", 7)
            .with_parts(parts)
    }

    #[test]
    fn lines_are_aligned_and_nothing_in_them_acts() {
        let places: Places = [topic()].into_iter().collect();
        let text = to_text(&places.list[0], &Columns::of(&places), 0, Paint(false));
        assert_eq!(
            text,
            "topic or\\u{1b}ders   messages 7   subjects a, b.>\n\
             \x20 partition 0    end 9\n\
             \x20 partition 10   end 12,345   lag 3\n\
             \x20 and others\n"
        );
    }

    #[test]
    fn an_object_has_the_facts_and_the_parts() {
        let expected = json!({
            "kind": "topic", "name": "or\u{1b}ders", "subjects": ["a", "b.>"], "messages": 7, "more": true,
            "parts": [
                {"kind": "partition", "name": "0", "end": 9},
                {"kind": "partition", "name": "10", "end": 12_345, "lag": 3},
            ],
        });
        assert_eq!(to_json(&topic()), expected);
    }
}
