//! Tags: names, attributes, namespace declarations.

use super::{
    Attribute, Place, QName, Quoted, Run, Scanner, Tag,
    characters::{BREAK, COLON, END, HIGH, NAME, REFERENCE, START, class, is_ncname, until},
};
use crate::namespaces::{Binding, CE, Namespace, XML, XMLNS, XS, XSI};
use cloudevents_core::{Error, ErrorKind};
use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

impl<'a> Scanner<'a> {
    /// Reads a start tag, with its declarations.
    #[inline]
    pub(crate) fn start(&mut self) -> Result<Tag, Error> {
        let start = self.at;
        self.step(1);
        let name = self.name()?;
        if self.open.len() >= self.depth as usize {
            return Err(self.too_deep(start));
        }
        // Documents have less than 2 GiB.
        self.open.push(u32::try_from(start.wrapping_add(1)).unwrap_or(u32::MAX));
        self.attributes.clear();
        self.empty = loop {
            let begin = self.at;
            self.white_space();
            match self.peek() {
                b'>' => {
                    self.step(1);
                    break false;
                }
                b'/' => {
                    self.step(1);
                    self.expect(b'>', "`>` is expected")?;
                    break true;
                }
                END if self.at >= self.text.len() => return Err(self.ends()),
                _ if begin == self.at => return Err(self.problem("white space is expected")),
                _ => self.attribute()?,
            }
        };
        if !self.attributes.is_empty() {
            self.resolve_attributes()?;
        }
        let Some(namespace) = self.bindings.resolve(name.prefix.bytes(self.text), self.text) else {
            return Err(self.unbound(name));
        };
        Ok(Tag { start, name, namespace })
    }

    /// The attributes of the start tag that was read last.
    #[inline]
    pub(crate) fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Reads an end tag; an empty element has been read by that already.
    #[inline]
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        if self.empty {
            self.empty = false;
            self.close();
            return Ok(());
        }
        let begin = self.at;
        self.step(2);
        let run = self.name_run();
        let wanted = self.open.last().map_or(usize::MAX, |start| *start as usize);
        let length = run.end().wrapping_sub(run.start());
        let end = wanted.saturating_add(length);
        let same = self.text.as_bytes().get(wanted..end) == self.text.as_bytes().get(run.range());
        if !same || length == 0 || class(self.byte(end)) & (NAME | HIGH) != 0 {
            return Err(self.problem_at(begin, "the end tag is not that of the open element"));
        }
        self.white_space();
        self.expect(b'>', "`>` is expected")?;
        self.close();
        Ok(())
    }

    /// The unescaped value of an attribute. Its references were checked.
    #[inline]
    pub(crate) fn value(&self, value: Quoted) -> Cow<'a, str> {
        let written: &'a str = self.text.get(value.run.range()).unwrap_or_default();
        if value.escaped { self.unescaped(value.run).into() } else { written.into() }
    }

    #[cold]
    fn unescaped(&self, run: Run) -> String {
        let mut text = String::with_capacity(run.of(self.text).len());
        // It was checked when the start tag was read.
        let _ = self.expand(run, Place::Attribute, &mut |part| text.push_str(part));
        text
    }

    #[inline]
    fn close(&mut self) {
        self.open.pop();
        self.bindings.leave(self.open.len());
    }

    /// The characters of a name, which may be invalid.
    #[inline]
    pub(super) fn name_run(&mut self) -> Run {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let length = rest.iter().position(|&byte| class(byte) & (NAME | HIGH) == 0).unwrap_or(rest.len());
        self.at = start.wrapping_add(length);
        Run::new(start, self.at)
    }

    /// A qualified name.
    #[inline]
    fn name(&mut self) -> Result<QName, Error> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let mut seen = 0;
        let length = rest.iter().position(|&byte| {
            let class = class(byte);
            let ends = class & (NAME | HIGH) == 0;
            seen |= class;
            ends
        });
        let end = start.wrapping_add(length.unwrap_or(rest.len()));
        self.at = end;
        let (mut prefix, mut local) = (start, start);
        if seen & COLON != 0
            && let Some(colon) = rest.iter().position(|&byte| byte == b':')
        {
            prefix = start.wrapping_add(colon);
            local = prefix.wrapping_add(1);
        }
        let name = QName { prefix: Run::new(start, prefix), local: Run::new(local, end) };
        // Both parts begin like names. Without a colon they are the same part.
        let begins = class(self.byte(start)) & class(self.byte(local)) & START != 0;
        if begins && local < end && seen & (HIGH | COLON) == 0 {
            return Ok(name);
        }
        if begins && local < end && seen & HIGH == 0 && !name.local.bytes(self.text).contains(&b':') {
            return Ok(name);
        }
        self.check_name(name)
    }

    /// Checks a name that is invalid or has non-ASCII characters.
    #[cold]
    fn check_name(&self, name: QName) -> Result<QName, Error> {
        let prefixed = name.local.start() != name.prefix.start();
        if is_ncname(name.local.of(self.text)) && (!prefixed || is_ncname(name.prefix.of(self.text))) {
            return Ok(name);
        }
        let start = name.prefix.start();
        Err(if start >= self.text.len() { self.ends() } else { self.problem_at(start, "this is not a name") })
    }

    /// An XML attribute, or a declaration.
    fn attribute(&mut self) -> Result<(), Error> {
        let start = self.at;
        let name = self.name()?;
        self.white_space();
        self.expect(b'=', "`=` is expected")?;
        self.white_space();
        let value = self.quoted()?;
        let (prefix, local) = (name.prefix.bytes(self.text), name.local.bytes(self.text));
        if prefix == b"xmlns" || prefix.is_empty() && local == b"xmlns" {
            let prefix = if prefix.is_empty() { name.prefix } else { name.local };
            return self.declare(start, prefix, value);
        }
        let again = |old: &&Attribute| {
            old.name.local.bytes(self.text) == local && old.name.prefix.bytes(self.text) == prefix
        };
        if self.attributes.iter().find(again).is_some() {
            return Err(self.problem_at(start, "the attribute appears twice"));
        }
        if self.attributes.len() >= self.count {
            return Err(self.too_many(start));
        }
        self.attributes.push(Attribute { name, namespace: Namespace::None, value });
        Ok(())
    }

    /// A quoted value; references in it are checked.
    #[inline]
    pub(super) fn quoted(&mut self) -> Result<Quoted, Error> {
        let quote = self.peek();
        if !matches!(quote, b'"' | b'\'') {
            return Err(if self.at >= self.text.len() {
                self.ends()
            } else {
                self.problem("a value in quotation marks is expected")
            });
        }
        self.step(1);
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let Some((length, seen)) = until(rest, quote) else {
            self.at = self.text.len();
            return Err(self.ends());
        };
        let run = Run::new(self.at, self.at.wrapping_add(length));
        self.at = run.end();
        if self.peek() == b'<' {
            return Err(self.problem("`<` must be escaped in a value"));
        }
        if seen & REFERENCE != 0 {
            self.expand(run, Place::Attribute, &mut |_| ())?;
        }
        self.step(1);
        Ok(Quoted { run, escaped: seen & (REFERENCE | BREAK) != 0 })
    }

    fn declare(&mut self, at: usize, prefix: Run, value: Quoted) -> Result<(), Error> {
        let uri = self.value(value);
        let name = prefix.bytes(self.text);
        let mut hash = 0;
        let namespace = match uri.as_ref() {
            "" => Namespace::None,
            CE => Namespace::Ce,
            XSI => Namespace::Xsi,
            XS => Namespace::Xs,
            XML => Namespace::Xml,
            XMLNS => return Err(self.problem_at(at, "this namespace cannot be declared")),
            other => {
                hash = hash_of(other);
                self.bindings
                    .known(hash, |known| self.unescaped(known) == other)
                    .unwrap_or(Namespace::Other(value.run))
            }
        };
        if name == b"xmlns" || (name == b"xml") != (namespace == Namespace::Xml) {
            return Err(self.problem_at(
                at,
                "the prefixes xml and xmlns have their own namespaces, and no other has them",
            ));
        }
        if namespace == Namespace::None && !name.is_empty() {
            return Err(self.problem_at(at, "a prefix cannot be declared to have no namespace"));
        }
        let level = self.open.len();
        if self.bindings.declares(level, name, self.text) {
            return Err(self.problem_at(at, "the namespace is declared twice"));
        }
        if self.bindings.len() >= self.count {
            return Err(self.too_many(at));
        }
        self.bindings.push(Binding { prefix, uri: value.run, namespace, hash, level });
        Ok(())
    }

    /// Resolves the prefixes of attributes. Two attributes with the same namespace and local name are refused.
    fn resolve_attributes(&mut self) -> Result<(), Error> {
        let mut prefixed = 0_usize;
        for attribute in &mut self.attributes {
            let prefix = attribute.name.prefix.bytes(self.text);
            if !prefix.is_empty() {
                let Some(namespace) = self.bindings.resolve(prefix, self.text) else {
                    let name = attribute.name;
                    return Err(self.unbound(name));
                };
                prefixed = prefixed.wrapping_add(1);
                attribute.namespace = namespace;
            }
        }
        if prefixed > 1 {
            (0..self.attributes.len()).try_for_each(|index| self.check_distinct(index))?;
        }
        Ok(())
    }

    fn check_distinct(&self, index: usize) -> Result<(), Error> {
        let Some(new) = self.attributes.get(index) else { return Ok(()) };
        let twin = self.attributes.iter().take(index).any(|old| {
            old.name.local.bytes(self.text) == new.name.local.bytes(self.text)
                && old.namespace == new.namespace
                && new.namespace != Namespace::None
        });
        if twin {
            return Err(
                self.problem_at(new.name.prefix.start(), "the attribute appears twice, under two prefixes")
            );
        }
        Ok(())
    }

    #[cold]
    fn unbound(&self, name: QName) -> Error {
        let shown: String = name.prefix.of(self.text).chars().take(64).collect();
        self.problem_at(name.prefix.start(), "")
            .with_detail(format!("the namespace prefix `{shown}` is not declared"))
    }

    #[cold]
    fn too_deep(&self, at: usize) -> Error {
        Error::new(ErrorKind::TooDeep)
            .with_detail(format!("the limit is {} levels of elements", self.depth))
            .with_offset(at)
    }

    #[cold]
    fn too_many(&self, at: usize) -> Error {
        Error::new(ErrorKind::TooMany)
            .with_detail(format!(
                "the limit is {} attributes of an element, and namespaces in scope",
                self.count
            ))
            .with_offset(at)
    }
}

/// Distinguishes long URIs without comparing all pairs.
fn hash_of(uri: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    uri.hash(&mut hasher);
    hasher.finish()
}
