//! Servers of HTTP that take the requests of the program.

use std::{
    fmt::Display,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

pub(crate) struct Request {
    /// The request line and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The next request. `None` if the connection ends without one.
    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut request = Self { head: String::new(), body: Vec::new() };
        while !request.head.ends_with("\r\n\r\n") {
            stream.read_line(&mut request.head).ok().filter(|read| *read > 0)?;
        }
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body.resize(length, 0);
        stream.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    /// The headers.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(": "))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Answers each request with a status line, perhaps with headers, one connection after the other. Returns the URL.
pub(crate) fn hook<S: Display>(mut answer: impl FnMut(Request) -> S + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let Some(request) = Request::read(&mut stream) else { continue };
            let status = answer(request);
            let end = "content-length: 0\r\nconnection: close\r\n\r\n";
            let _ = write!(stream.get_mut(), "HTTP/1.1 {status}\r\n{end}");
        }
    });
    url
}

/// Accepts each request. The receiver has the requests.
pub(crate) fn accepting() -> (String, mpsc::Receiver<Request>) {
    let (comes, requests) = mpsc::channel();
    let take = move |request| {
        let _ = comes.send(request);
        "204 No Content"
    };
    (hook(take), requests)
}
