//! Texts with placeholders for the parts of a message. The letters are the letters of kcat, where kcat has the part.

use super::{
    place,
    printing::{Arrived, Content, line, time},
};
use crate::{plain::plain, report::Report};
use std::{borrow::Cow, iter::Peekable, str::Chars, time::SystemTime};

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Bytes(Vec<u8>),
    Field(Field),
    /// The first header with this name.
    Header(String),
    /// The attribute with this name.
    Attribute(String),
}

/// A part of a message that a letter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Topic,
    Partition,
    Offset,
    Key,
    KeyLength,
    Payload,
    PayloadLength,
    Timestamp,
    Headers,
    Id,
    Data,
    Event,
    Arrival,
    Attempt,
    Place,
    Error,
}

/// The letters. The first nine have the meaning of kcat.
const LETTERS: [(char, Field); 16] = [
    ('t', Field::Topic),
    ('p', Field::Partition),
    ('o', Field::Offset),
    ('k', Field::Key),
    ('K', Field::KeyLength),
    ('s', Field::Payload),
    ('S', Field::PayloadLength),
    ('T', Field::Timestamp),
    ('h', Field::Headers),
    ('i', Field::Id),
    ('d', Field::Data),
    ('e', Field::Event),
    ('A', Field::Arrival),
    ('n', Field::Attempt),
    ('P', Field::Place),
    ('E', Field::Error),
];

/// The placeholders of attributes and headers.
const NAMES: &str = "%{ATTRIBUTE}, such as %{type} and that of an extension, %{data}, and %{header:NAME}";

impl Template {
    /// Reads a template. An error names the placeholders that there are.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut bytes = Vec::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let part = match character {
                '%' => placeholder(&mut characters)?,
                '\\' => Part::Bytes(vec![escape(&mut characters)?]),
                other => Part::Bytes(other.encode_utf8(&mut [0; 4]).as_bytes().to_vec()),
            };
            match part {
                Part::Bytes(more) => bytes.extend(more),
                part if bytes.is_empty() => parts.push(part),
                part => parts.extend([Part::Bytes(std::mem::take(&mut bytes)), part]),
            }
        }
        if !bytes.is_empty() {
            parts.push(Part::Bytes(bytes));
        }
        Ok(Self(parts))
    }

    /// Returns the text for a message. A part that the message lacks is empty. No value acts on a terminal.
    pub(super) fn fill(&self, arrived: &Arrived<'_>, content: Content<'_>, is_shown: bool) -> Vec<u8> {
        let mut text = Vec::new();
        for part in &self.0 {
            let value = match part {
                Part::Bytes(bytes) => {
                    text.extend_from_slice(bytes);
                    continue;
                }
                Part::Field(field) => field.of(arrived, content),
                Part::Header(name) => {
                    let mut headers = place::headers(arrived.received).into_iter();
                    let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
                    found.and_then(|(_, value)| value).unwrap_or_default()
                }
                Part::Attribute(name) => attribute(name, content).unwrap_or_default(),
            };
            match is_shown {
                true => text.extend_from_slice(plain(&String::from_utf8_lossy(&value)).as_bytes()),
                false => text.extend_from_slice(&value),
            }
        }
        text
    }
}

impl Field {
    fn of<'a>(self, arrived: &Arrived<'a>, content: Content<'a>) -> Cow<'a, [u8]> {
        let received = arrived.received;
        match self {
            Self::Topic => received.topic().map(str::as_bytes).unwrap_or_default().into(),
            Self::Partition => shown(place::partition(received).map(|partition| partition.number())),
            Self::Offset => shown(received.offset()),
            Self::Key => received.key().unwrap_or_default(),
            Self::KeyLength => length(received.key().map(|key| key.len())),
            Self::Payload => received.body().unwrap_or_default().to_vec().into(),
            Self::PayloadLength => length(received.body().map(|body| body.len())),
            Self::Timestamp => shown(received.timestamp().and_then(|time| {
                time.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_millis())
            })),
            Self::Headers => headers(arrived).into(),
            Self::Id => attribute("id", content).unwrap_or_default(),
            Self::Data => attribute("data", content).unwrap_or_default(),
            Self::Event => match content {
                Content::Event(event, _) => line(event).into(),
                Content::Unreadable(_) => Cow::default(),
            },
            Self::Arrival => shown(time(arrived.at)),
            Self::Attempt => shown(arrived.attempt),
            Self::Place => shown(Some(arrived.place)),
            Self::Error => match content {
                Content::Event(..) => Cow::default(),
                Content::Unreadable(error) => shown(Some(Report::of(error).one_line())),
            },
        }
    }
}

/// `NAME=VALUE,NAME=VALUE`, and NULL for no value, as in kcat.
fn headers(arrived: &Arrived<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in place::headers(arrived.received) {
        if !text.is_empty() {
            text.push(b',');
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        text.extend_from_slice(value.as_deref().unwrap_or(b"NULL"));
    }
    text
}

fn attribute<'a>(name: &str, content: Content<'a>) -> Option<Cow<'a, [u8]>> {
    let Content::Event(event, _) = content else { return None };
    match name {
        "data" => event.data().map(|data| data.as_bytes().into()),
        name => event.attribute(name).map(|value| value.to_canonical().into_owned().into_bytes().into()),
    }
}

fn shown(value: Option<impl ToString>) -> Cow<'static, [u8]> {
    value.map(|value| value.to_string().into_bytes()).unwrap_or_default().into()
}

/// A length in bytes; -1 for a part that is not there, as in kcat.
fn length(length: Option<usize>) -> Cow<'static, [u8]> {
    shown(Some(length.map_or("-1".to_owned(), |length| length.to_string())))
}

/// Reads the placeholder behind `%`.
fn placeholder(characters: &mut Peekable<Chars<'_>>) -> Result<Part, String> {
    match characters.next() {
        Some('%') => Ok(Part::Bytes(b"%".to_vec())),
        Some('{') => {
            let name: String =
                std::iter::from_fn(|| characters.next_if(|character| *character != '}')).collect();
            if characters.next().is_none() {
                return Err(format!("`%{{{name}` has no `}}`"));
            }
            named(&name).ok_or_else(|| unknown(&format!("%{{{name}}}")))
        }
        Some(letter) => LETTERS
            .iter()
            .find(|(known, _)| *known == letter)
            .map(|(_, field)| Part::Field(*field))
            .ok_or_else(|| unknown(&format!("%{letter}"))),
        None => Err("a single `%` ends it: write `%%` for a percent sign".to_owned()),
    }
}

fn named(name: &str) -> Option<Part> {
    if let Some(header) = name.strip_prefix("header:") {
        return (!header.is_empty()).then(|| Part::Header(header.to_owned()));
    }
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    is_name.then(|| Part::Attribute(name.to_owned()))
}

fn unknown(placeholder: &str) -> String {
    let letters: Vec<String> = LETTERS.iter().map(|(letter, _)| format!("%{letter}")).collect();
    format!(
        "there is no placeholder `{}`: they are {}, {NAMES}; %% is a percent sign",
        plain(placeholder),
        letters.join(" ")
    )
}

/// Reads the escape behind a backslash.
fn escape(characters: &mut Peekable<Chars<'_>>) -> Result<u8, String> {
    let unknown = |text: &str| {
        format!("there is no escape `\\{}`: they are \\n, \\r, \\t, \\\\ and \\xHH", plain(text))
    };
    match characters.next() {
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('t') => Ok(b'\t'),
        Some('\\') => Ok(b'\\'),
        Some('x') => {
            let digits: String = characters.by_ref().take(2).collect();
            let is_hex = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
            byte.ok_or_else(|| unknown(&format!("x{digits}")))
        }
        Some(other) => Err(unknown(&other.to_string())),
        None => Err("a single `\\` ends it: write `\\\\` for a backslash".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::printing::samples, *};
    use cloudevents_kit::{
        Error, ErrorKind,
        transport::{Raw, Received},
    };

    fn filled(template: &str, is_shown: bool) -> Vec<u8> {
        let received = samples::received(samples::origin());
        let event = samples::event();
        let place = place::origin(&received);
        let arrived = Arrived { received: &received, place: &place, attempt: Some(2), at: samples::at() };
        Template::parse(template).unwrap().fill(&arrived, Content::Event(&event, None), is_shown)
    }

    #[test]
    fn letters_of_kcat() {
        // By the manual page of kcat. It shows credentials, which `ce` does not.
        let wanted = b"orders 3 12 k-42 4 {\"total\":1.10} 14 1779019200250\nce_id=1,trace=NULL,raw=\xff\x00,Authorization=(not shown)\t%";
        assert_eq!(filled(r"%t %p %o %k %K %s %S %T\n%h\t%%", false), wanted);
    }

    #[test]
    fn letters_of_events() {
        let wanted = format!(
            "1|{{\"total\":1.10}}|{}|2026-05-17T12:00:00.250Z|2|at orders/3, offset 12, key k-42|",
            samples::EVENT
        );
        assert_eq!(filled("%i|%d|%e|%A|%n|%P|%E", false), wanted.as_bytes());
    }

    #[test]
    fn attributes_and_headers_by_name() {
        let template = "%{specversion} %{id} %{type} %{source} %{subject} %{priority} %{data} [%{time}%{none}] %{header:CE_id} %{header:authorization}";
        let wanted = "1.0 1 com.example.t /s x 3 {\"total\":1.10} [] 1 (not shown)";
        assert_eq!(filled(template, false), wanted.as_bytes());
    }

    #[test]
    fn what_is_not_there_is_empty() {
        let error = Error::new(ErrorKind::NotACloudEvent);
        let mut raw = Raw::default();
        raw.body = Some("plain".into());
        let received = Received::new(Err(error.clone()), raw);
        let arrived = Arrived { received: &received, place: "", attempt: None, at: samples::at() };
        let fill = |template: &str| {
            Template::parse(template).unwrap().fill(&arrived, Content::Unreadable(&error), false)
        };
        assert_eq!(fill("%t%p%o%k%T%h%i%d%e%n%P%{type}%{header:x}|%K|%S|%s"), b"|-1|5|plain");
        assert_eq!(fill("%E"), Report::of(&error).one_line().as_bytes());
    }

    #[test]
    fn nothing_acts_on_a_terminal() {
        let mut raw = samples::origin();
        raw.key = Some("\u{1b}[2J\n".into());
        let received = samples::received(raw);
        let event = samples::event();
        let arrived = Arrived { received: &received, place: "", attempt: None, at: samples::at() };
        let template = Template::parse(r"%k\n").unwrap();
        assert_eq!(template.fill(&arrived, Content::Event(&event, None), true), b"\\u{1b}[2J\\n\n");
        assert_eq!(template.fill(&arrived, Content::Event(&event, None), false), b"\x1b[2J\n\n");
    }

    #[test]
    fn escapes() {
        assert_eq!(filled(r"\x41\xfF\\\r\té", false), b"A\xff\\\r\t\xc3\xa9");
        for wrong in [r"\q", r"\", r"\x4", r"\x+1", r"\xé1"] {
            assert!(Template::parse(wrong).unwrap_err().contains('\\'), "{wrong}");
        }
    }

    #[test]
    fn unknown_placeholders_name_the_known_ones() {
        for wrong in ["%z", "%{}", "%{Type}", "%{header:}", "a%-b"] {
            let error = Template::parse(wrong).unwrap_err();
            assert!(error.starts_with("there is no placeholder `%"), "{error}");
            for (letter, _) in LETTERS {
                assert!(error.contains(&format!("%{letter}")), "{letter}: {error}");
            }
        }
        assert_eq!(Template::parse("%{id").unwrap_err(), "`%{id` has no `}`");
        assert!(Template::parse("100%").unwrap_err().contains("`%%`"));
    }

    /// The help is written by hand.
    #[test]
    fn the_help_has_every_letter() {
        let mut command = clap::Command::new("listen");
        command = <super::super::Listen as clap::Args>::augment_args(command);
        let help = command.render_long_help().to_string();
        for (letter, _) in LETTERS {
            assert!(help.contains(&format!("%{letter} ")), "{letter}: {help}");
        }
    }
}
