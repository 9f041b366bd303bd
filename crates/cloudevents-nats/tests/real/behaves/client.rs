//! A client that writes and reads lines, and waits in place.

use cloudevents_testkit::patience;
use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
};

pub(super) type Behaviour = cloudevents_testkit::behaviours::Behaviour<Place>;

/// Where a server is.
pub(super) struct Place(String);

impl Place {
    pub(super) fn new(address: &str) -> Self {
        Self(address.to_owned())
    }

    /// A client that is connected, with the options that libraries use.
    pub(super) fn client(&self) -> Client {
        self.connect(r#"{"verbose":false,"pedantic":false,"headers":true,"no_responders":true}"#)
    }

    pub(super) fn connect(&self, options: &str) -> Client {
        let mut client = self.open();
        client.write(&format!("CONNECT {options}\r\n"));
        client
    }

    /// A connection whose INFO was read.
    pub(super) fn open(&self) -> Client {
        let stream = TcpStream::connect(&self.0).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(patience())).unwrap();
        let reading = BufReader::new(stream.try_clone().unwrap());
        let mut client = Client { stream, reading, info: String::new() };
        client.info = client.line().unwrap();
        client
    }
}

/// A token that was not there before.
pub(super) fn name() -> String {
    cloudevents_testkit::behaviours::name("t")
}

/// A message that the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) subject: String,
    pub(super) sid: String,
    pub(super) reply: Option<String>,
    pub(super) headers: String,
    pub(super) text: String,
}

/// What the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Got {
    Message(Sent),
    Line(String),
}

pub(super) struct Client {
    stream: TcpStream,
    reading: BufReader<TcpStream>,
    pub(super) info: String,
}

impl Client {
    pub(super) fn write(&mut self, text: &str) {
        // A connection that is closed shows when it is read.
        let _ = self.stream.write_all(text.as_bytes());
    }

    pub(super) fn subscribe(&mut self, subject: &str, sid: &str) {
        self.write(&format!("SUB {subject} {sid}\r\n"));
    }

    pub(super) fn join(&mut self, subject: &str, group: &str, sid: &str) {
        self.write(&format!("SUB {subject} {group} {sid}\r\n"));
    }

    /// Publishes, and returns when the server has passed it on.
    pub(super) fn publish(&mut self, subject: &str, text: &str) {
        self.write(&format!("PUB {subject} {}\r\n{text}\r\n", text.len()));
        assert_eq!(self.received(), []);
    }

    /// Everything that has come by now. The server has nothing left.
    pub(super) fn received(&mut self) -> Vec<Got> {
        self.write("PING\r\n");
        std::iter::from_fn(|| Some(self.read().unwrap()).filter(|read| *read != line("PONG"))).collect()
    }

    /// The texts of the messages that have come by now.
    pub(super) fn texts(&mut self) -> Vec<String> {
        self.messages().into_iter().map(|sent| sent.text).collect()
    }

    pub(super) fn messages(&mut self) -> Vec<Sent> {
        let message = |read| match read {
            Got::Message(sent) => sent,
            Got::Line(line) => panic!("{line}"),
        };
        self.received().into_iter().map(message).collect()
    }

    /// The next message or line; `None` at the end of the connection. Pings are answered.
    pub(super) fn read(&mut self) -> Option<Got> {
        let mut line = self.line()?;
        while line == "PING" {
            self.write("PONG\r\n");
            line = self.line()?;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let text = |text: &str| text.to_owned();
        let (subject, sid, reply, before, size) = match words.as_slice() {
            ["MSG", subject, sid, reply @ .., size] => (subject, sid, reply.first(), "0", size),
            ["HMSG", subject, sid, reply @ .., before, size] => (subject, sid, reply.first(), *before, size),
            _ => return Some(Got::Line(line)),
        };
        let (before, size): (usize, usize) = (before.parse().unwrap(), size.parse().unwrap());
        let mut body = vec![0; size + 2];
        io::Read::read_exact(&mut self.reading, &mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        Some(Got::Message(Sent {
            subject: text(subject),
            sid: text(sid),
            reply: reply.map(|reply| text(reply)),
            headers: text(&body[..before]),
            text: text(&body[before..size]),
        }))
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reading.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("nothing comes: {error}"),
        }
    }

    /// Everything that comes until the end of the connection.
    pub(super) fn drained(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        match io::Read::read_to_end(&mut self.reading, &mut all) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
                panic!("it does not end: {error}")
            }
            _ => all,
        }
    }

    /// Waits for the end of the connection, and returns the last error.
    pub(super) fn ended(&mut self) -> String {
        let mut last = String::new();
        while let Some(read) = self.read() {
            if let Got::Line(line) = read
                && let Some(error) = line.strip_prefix("-ERR ")
            {
                last = error.trim_matches('\'').to_owned();
            }
        }
        last
    }
}

pub(super) fn line(text: &str) -> Got {
    Got::Line(text.to_owned())
}
