//! The parts before and after the document element.

use super::{
    Scanner,
    characters::{END, HIGH, NAME},
};
use cloudevents_core::{Error, ErrorKind};

impl<'a> Scanner<'a> {
    /// Skips everything before the document element.
    pub(crate) fn prolog(&mut self) -> Result<(), Error> {
        if self.text.starts_with('\u{feff}') {
            self.step(3);
        }
        if self.starts_with("<?xml") && self.class_at(5) & (NAME | HIGH) == 0 {
            self.xml_declaration()?;
        }
        self.misc()?;
        match self.peek() {
            b'<' => Ok(()),
            END if self.at >= self.text.len() => Err(self.problem("the document element is missing")),
            _ => Err(self.problem("text before the document element")),
        }
    }

    /// Checks that nothing but comments, processing instructions and white space follows the document element.
    pub(crate) fn epilog(&mut self) -> Result<(), Error> {
        self.misc()?;
        match self.peek() {
            END if self.at >= self.text.len() => Ok(()),
            b'<' => Err(self.problem("a second element after the document element")),
            _ => Err(self.problem("text after the document element")),
        }
    }

    /// Skips comments, processing instructions and white space outside the document element.
    fn misc(&mut self) -> Result<(), Error> {
        loop {
            self.white_space();
            if self.starts_with("<!--") {
                self.comment()?;
            } else if self.starts_with("<?") {
                self.instruction()?;
            } else if self.starts_with("<!DOCTYPE") {
                return Err(self
                    .problem("a document type declaration is refused, as are the entities it may define")
                    .with_help("write the document without `<!DOCTYPE`"));
            } else {
                return Ok(());
            }
        }
    }

    fn xml_declaration(&mut self) -> Result<(), Error> {
        self.step(5);
        let mut before = "";
        loop {
            let begin = self.at;
            self.white_space();
            if self.starts_with("?>") {
                if before.is_empty() {
                    return Err(self.problem("the version of XML is expected"));
                }
                self.step(2);
                return Ok(());
            }
            if begin == self.at {
                return Err(self.problem("white space is expected"));
            }
            let at = self.at;
            let name = self.name_run().of(self.text);
            self.white_space();
            self.expect(b'=', "`=` is expected")?;
            self.white_space();
            let value = self.quoted()?.run.of(self.text);
            let expected = match name {
                "version" => before.is_empty(),
                "encoding" => before == "version",
                "standalone" => matches!(before, "version" | "encoding"),
                _ => false,
            };
            if !expected || !is_declared_well(name, value) {
                return Err(self.problem_at(at, "this is not part of an XML declaration"));
            }
            if name == "encoding" {
                self.check_encoding(value, at)?;
            }
            before = name;
        }
    }

    fn check_encoding(&self, encoding: &str, at: usize) -> Result<(), Error> {
        let known = encoding.eq_ignore_ascii_case("utf-8")
            || encoding.eq_ignore_ascii_case("us-ascii") && self.text.is_ascii();
        if known {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!(
                "encoding `{}`: documents are read as UTF-8",
                encoding.chars().take(40).collect::<String>()
            ))
            .with_offset(at))
    }
}

/// Whether a value of the XML declaration is valid.
fn is_declared_well(name: &str, value: &str) -> bool {
    match name {
        // A processor of XML 1.0 reads any 1.x as 1.0.
        "version" => value
            .strip_prefix("1.")
            .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit())),
        "encoding" => {
            value.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
                && value
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        }
        _ => matches!(value, "yes" | "no"),
    }
}
