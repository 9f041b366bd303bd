//! The socket that the client reads from.
//!
//! It ends the connection at an answer that no Redis sends, and before an answer takes too much memory: the client allocates any length
//! that a peer claims, and has no bound.

use cloudevents_transport::binding::{Guard, Stream};
use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The longest line, which is an error, a status, a number or a length.
const LINE: usize = 1 << 16;

/// How deep arrays may be in each other. Redis has five for entries of a stream.
const DEPTH: usize = 16;

/// The memory that a value takes in the client besides its bytes.
const VALUE: usize = 64;

/// The limits of answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The bytes of a string.
    pub(super) string: usize,
    /// The bytes in memory of an answer.
    pub(super) answer: usize,
}

/// The observations of the socket.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Bytes that came.
    pub(super) came: AtomicU64,
    /// Why the connection was ended.
    pub(super) why: OnceLock<&'static str>,
}

/// A socket whose answers are within these limits.
pub(super) fn guarded(inner: Box<dyn Stream>, limits: Limits, watched: Arc<Watched>) -> Guard {
    let mut answers = Answers::new(limits);
    Guard::new(inner, move |came| {
        watched.came.fetch_add(came.len() as u64, Ordering::Relaxed);
        answers.take(came).map_err(|why| {
            let _ = watched.why.set(why);
            io::ErrorKind::InvalidData.into()
        })
    })
}

/// The answers of a server, in version 2 of its protocol.
#[derive(Debug)]
pub(super) struct Answers {
    limits: Limits,
    /// The kind of the line that is read; `None` before its first byte.
    line: Option<u8>,
    length: usize,
    number: Option<usize>,
    is_null: bool,
    after_return: bool,
    /// How much of a string is to come, with its line break.
    string: usize,
    /// How many elements are to come of each array that is open.
    open: Vec<usize>,
    /// The bytes in memory of this answer.
    size: usize,
}

impl Answers {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            line: None,
            length: 0,
            number: None,
            is_null: false,
            after_return: false,
            string: 0,
            open: Vec::new(),
            size: 0,
        }
    }

    /// Looks at bytes that came. The error says why they are no answer.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.string > 0 {
                let (of_string, rest) = bytes.split_at(self.string.min(bytes.len()));
                self.string = self.string.saturating_sub(of_string.len());
                bytes = rest;
                if self.string == 0 {
                    self.has_ended();
                }
                continue;
            }
            bytes = rest;
            match self.line {
                None if b"+-:$*".contains(first) => self.line = Some(*first),
                None => return Err("it does not speak the protocol of Redis"),
                Some(kind) => self.go_on(kind, *first)?,
            }
        }
        Ok(())
    }

    fn go_on(&mut self, kind: u8, byte: u8) -> Result<(), &'static str> {
        self.length = self.length.saturating_add(1);
        if self.length > LINE {
            return Err("a line of an answer is too long");
        }
        if std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n' {
            return self.has_line(kind);
        }
        if kind != b'$' && kind != b'*' || byte == b'\r' {
            return Ok(());
        }
        match byte {
            b'-' if self.length == 1 => self.is_null = true,
            b'0'..=b'9' => {
                let number = self.number.unwrap_or_default().saturating_mul(10);
                self.number = Some(number.saturating_add(usize::from(byte.saturating_sub(b'0'))));
            }
            _ => return Err("the length of an answer is not a number"),
        }
        Ok(())
    }

    fn has_line(&mut self, kind: u8) -> Result<(), &'static str> {
        let (number, is_null) = (self.number.take(), std::mem::take(&mut self.is_null));
        self.line = None;
        self.size = self.size.saturating_add(std::mem::take(&mut self.length)).saturating_add(VALUE);
        match (kind, number) {
            (b'$' | b'*', Some(1)) if is_null => self.has_ended(),
            (b'$' | b'*', None) => return Err("the length of an answer is not a number"),
            (b'$' | b'*', _) if is_null => return Err("the length of an answer is less than none"),
            (b'$', Some(length)) if length > self.limits.string => return Err("a value is too large"),
            (b'$', Some(length)) => {
                self.size = self.size.saturating_add(length);
                self.string = length.saturating_add(2);
            }
            (b'*', Some(0)) => self.has_ended(),
            (b'*', Some(length)) => {
                if self.open.len() >= DEPTH {
                    return Err("an answer is nested too deeply");
                }
                // The client allocates memory for all of them at once.
                self.size = self.size.saturating_add(length.saturating_mul(VALUE));
                self.open.push(length);
            }
            _ => self.has_ended(),
        }
        match self.size > self.limits.answer {
            true => Err("an answer is too large"),
            false => Ok(()),
        }
    }

    /// A value is complete, and so may be the arrays that it is the last one of.
    fn has_ended(&mut self) {
        while let Some(left) = self.open.last_mut() {
            *left = left.saturating_sub(1);
            if *left > 0 {
                return;
            }
            self.open.pop();
        }
        self.size = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(pieces: &[&[u8]]) -> Result<Answers, &'static str> {
        let mut answers = Answers::new(Limits { string: 10, answer: 1000 });
        pieces.iter().try_for_each(|piece| answers.take(piece))?;
        Ok(answers)
    }

    #[test]
    fn answers_of_redis_pass_wherever_they_are_cut() {
        let all: &[u8] = b"+OK\r\n-ERR no\r\n:-7\r\n$-1\r\n*-1\r\n$0\r\n\r\n*0\r\n*2\r\n$3\r\na\r\n\r\n*1\r\n*2\r\n:1\r\n$2\r\nxy\r\n";
        for at in 0..all.len() {
            let (one, other) = all.split_at(at);
            let answers = take(&[one, other]).unwrap();
            assert_eq!(
                (answers.size, answers.open.len(), answers.string, answers.line),
                (0, 0, 0, None),
                "{at}"
            );
        }
        let many = all.repeat(100);
        take(&[&many]).unwrap();
    }

    #[test]
    fn what_no_redis_answers_ends_the_connection() {
        for (bytes, why) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "protocol"),
            (b"%1\r\n", "protocol"),
            (b"$11\r\n", "a value is too large"),
            (b"$99999999999999999999999999\r\n", "a value is too large"),
            (b"$x\r\n", "not a number"),
            (b"$\r\n", "not a number"),
            (b"$-2\r\n", "less than none"),
            (b"$- 1\r\n", "not a number"),
            (b"*1000000000\r\n", "an answer is too large"),
            (b"*9\r\n$10\r\n0123456789\r\n*9\r\n", "an answer is too large"),
        ] {
            let error = take(&[bytes]).unwrap_err();
            assert!(error.contains(why), "{error}: {}", String::from_utf8_lossy(bytes));
        }
        assert!(take(&[&b"*1\r\n".repeat(17)]).is_err());
        assert!(take(&[b"+", &b"x".repeat(1 << 17)]).unwrap_err().contains("too long"));
        assert!(take(&[&b"*1\r\n*1\r\n:1\r\n".repeat(1000)]).is_ok());
    }
}
