//! `ce decode`: converts wire messages to events.

mod foreign;
mod messages;
mod recognized;

use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    input,
    lenient::{self, Lenient, suggestion},
    report::Report,
    show,
    source::Place,
    wire,
};
use clap::Args;
use cloudevents_kit::{DecodeOptions, Leniency, Peer};
use cloudevents_testkit::tagged;
use messages::{Message, Messages};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Convert wire messages to events.
///
/// Reads the output of `ce encode`: messages as JSON of the testee protocol, or HTTP as text. Also reads raw HTTP requests and responses,
/// the lines of `kcat -J`, messages whose headers are an object, and JSON documents with one event. The input may have any length, a
/// message 32 MiB, and its body 16 MiB. Messages that are not documents may have 100,000 values and names of members, or 10,000 headers of
/// HTTP. Bodies of raw HTTP are decoded from `Transfer-Encoding: chunked`, and no other transfer coding.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce encode order.json | ce decode
  ce decode captured-request.txt                        raw HTTP
  kcat -C -b localhost -t orders -e -J | ce decode      Kafka records
  echo '{\"headers\":{\"ce-id\":\"1\"},\"body\":\"hi\"}' | ce decode
  echo '{\"headers\":[[\"ce-id\",\"1\"]],\"body\":{\"text\":\"hi\"}}' | ce decode --via http
  echo '{\"headers\":{\"ce-id\":\"1\"},\"body\":\"hi\"}' | ce decode --via google-pubsub

Members of a message in JSON, by --via. Others are not read. A warning names them, or an error if the message lacks its body:
  http, google-pubsub, pulsar, rocketmq, stomp: body, headers
  kafka: headers, key, value
  nats: headers, payload
  amqp: application-properties, body, properties
  rabbitmq: body, headers, properties
  mqtt5: content-type, payload, payload-format-indicator, user-properties
  mqtt3: payload
  websockets: frame, payload, subprotocol
  coap, zeromq: body, content-type
  other carriers, and formats: body")]
pub struct Decode {
    /// Decode the messages of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Binding or format of messages without a member `via`: a binding such as kafka, a row of docs/carriers.md such as google-pubsub, or a
    /// format such as json. The end of this help has the members of each message.
    #[arg(long, value_name = "CARRIER", value_parser = wire::carriers(), default_value = "http")]
    via: String,
    #[command(flatten)]
    lenient: Lenient,
    /// Repair messages as messages of this implementation need it, such as go-2 or python-2. A wrong name lists the implementations.
    #[arg(long, value_name = "NAME", value_parser = lenient::peer)]
    peer: Option<Peer>,
    /// Write each attribute with its type.
    #[arg(long)]
    tagged: bool,
}

/// Runs the command, and returns the exit status.
pub fn run(command: &Decode, console: &Console) -> Result<Status, Failure> {
    let mut emit = Emit::new(console);
    for path in input::files(&command.files) {
        let (name, reader) = input::reader(&path)?;
        let mut messages = Messages::new(name, reader);
        loop {
            if messages.may_wait() {
                emit.flush()?;
            }
            let Some((place, message)) = messages.next()? else { break };
            let (via, message) = match message {
                Ok(Message::Http(message)) => ("http".to_owned(), message),
                Ok(Message::Document(text)) => recognized::document(text),
                Ok(Message::Json(message)) => {
                    let unread = recognized::unread(&message, &command.via);
                    // The members of a document of another system are those of no message.
                    let unread = unread.filter(|_| foreign::document(&place).is_none());
                    match recognized::message(message, &command.via) {
                        Ok(recognized) => {
                            match unread {
                                Some(unread) if unread.lacks_body => {
                                    emit.flush()?;
                                    console.error(Status::No, &unread.report.into_error().at(&place));
                                    continue;
                                }
                                Some(unread) => console.report(&unread.report.at(&place)),
                                None => {}
                            }
                            recognized
                        }
                        Err(words) => {
                            emit.flush()?;
                            let report = foreign::document(&place).unwrap_or_else(|| broken(words));
                            console.error(Status::No, &report.at(&place));
                            continue;
                        }
                    }
                }
                Err(error) => {
                    emit.flush()?;
                    let report = broken(&error.words).at(&place).offset(error.offset);
                    return Err(Failure::Told(Status::Usage, Box::new(report)));
                }
            };
            decode(&via, message, &place, command, &mut emit, console)?;
        }
    }
    emit.flush()?;
    Ok(Status::Done)
}

/// The code of the error of a message without a mark of CloudEvents.
const NOT_A_CLOUDEVENT: &str = "not-a-cloudevent";

fn broken(words: &str) -> Report {
    Report::new("not a wire message").kind("invalid-document").detail(words)
}

fn decode(
    via: &str,
    message: Value,
    place: &Place,
    command: &Decode,
    emit: &mut Emit,
    console: &Console,
) -> Result<(), Failure> {
    let mut request = Map::new();
    request.insert("via".into(), via.into());
    // A message may be large: it is not copied for each try.
    request.insert("message".into(), message);
    let mut request = wire::request("decode", request);
    let mut run = |with: &DecodeOptions| {
        if let Some(members) = request.as_object_mut() {
            members.insert("leniency".into(), with.leniency.to_string().into());
        }
        wire::run(&request)
    };
    let mut with = DecodeOptions::strict();
    with.leniency = command.lenient.leniency().union(command.peer.map_or(Leniency::strict(), Peer::leniency));
    let result = match run(&with) {
        Ok(result) => result,
        Err(refusal) => {
            emit.flush()?;
            let repairs = suggestion(&with, |with| run(with).ok()?.get("events").cloned());
            let bears_no_mark = refusal.report.kind_code() == Some(NOT_A_CLOUDEVENT);
            let in_body = || bears_no_mark.then(|| foreign::body(via, request.get("message"))).flatten();
            let mut report = refusal.report.at(place);
            if let Some(foreign) = foreign::document(place).or_else(in_body) {
                report = foreign.at(place);
            } else if let Some(repairs) = repairs {
                report = report.help(repairs);
            }
            console.error(refusal.status, &report);
            return Ok(());
        }
    };
    for repair in result.get("repairs").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| repair.get(name).and_then(Value::as_str);
        let what = text("attribute").map_or(String::new(), |name| format!(" attribute `{name}`"));
        let report = Report::warning(format!("repaired:{what}")).kind(text("kind").unwrap_or("repair"));
        console.report(&report.attribute(text("attribute")).at(place));
    }
    for event in result.get("events").and_then(Value::as_array).into_iter().flatten() {
        if command.tagged {
            emit.value(event, |paint| {
                format!("{}\n", crate::json_view::pretty(&event.to_string(), "", paint))
            })?;
        } else {
            let event = tagged::to_event(event)
                .map_err(|error| Failure::Told(Status::No, Box::new(Report::of(&error).at(place))))?;
            emit.event(&show::readable(&event))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;
    use cloudevents_vectors::carriers;

    #[test]
    fn the_help_has_the_members_of_each_carrier() {
        let help = Decode::augment_args(Command::new("decode")).get_after_help().unwrap().to_string();
        let lines: Vec<_> = help.lines().filter_map(|line| line.trim().split_once(": ")).collect();
        for carrier in carriers() {
            let of = |(names, _): &&(&str, &str)| names.split(", ").any(|name| name == carrier.name);
            let (_, members) = lines.iter().find(of).unwrap_or(lines.last().unwrap());
            let wanted: Vec<_> = wire::members(&carrier.name).into_iter().collect();
            assert_eq!(*members, wanted.join(", "), "{}", carrier.name);
        }
    }
}
