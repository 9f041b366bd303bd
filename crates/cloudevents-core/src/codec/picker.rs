//! Reading some attributes of a document only.

use crate::{DecodeOptions, Error, FoundAttributes, RepairKind, ResolvedName, TextBuffer, codec::Assembler};

/// Collects the attributes of requested names while a decoder walks a document. Formats implement
/// [`Format::look_up`](crate::Format::look_up) with it.
///
/// The requested attributes go through an [`Assembler`], so that they are checked, typed and repaired as if the whole event were decoded.
///
/// ```
/// use cloudevents_core::{DecodeOptions, ResolvedName, Value, codec::{Given, Picker}};
///
/// let (decoding, names) = (DecodeOptions::strict(), ResolvedName::all(["type", "absent"])?);
/// let mut picker = Picker::new(&names, &decoding);
/// for (name, value) in [("id", "1"), ("type", "t")] {
///     if picker.wants(name.as_bytes()) {
///         let value = picker.assembler().push(value)?;
///         picker.assembler().named(name, Given::Text(value))?;
///     }
/// }
/// picker.finish(&mut |found| assert_eq!(found.array(), [Some(Value::String("t")), None]))?;
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Picker<'d, 'n> {
    assembler: Assembler<'d>,
    names: &'n [ResolvedName],
    /// The number of names not found yet.
    left: usize,
    /// Set while names whose meaning depends on the version are requested and the version is not known.
    version: bool,
    ignores_case: bool,
}

impl<'d, 'n> Picker<'d, 'n> {
    /// Creates a picker without a document: all text is pushed.
    #[inline]
    pub fn new(names: &'n [ResolvedName], decoding: &'d DecodeOptions) -> Self {
        Self::in_buffer(TextBuffer::default(), names, decoding)
    }

    /// Creates a picker with a document that pieces can refer to.
    #[inline]
    pub fn in_buffer(document: TextBuffer, names: &'n [ResolvedName], decoding: &'d DecodeOptions) -> Self {
        let has = |name| names.iter().any(|wanted| wanted.as_str() == name);
        Self {
            assembler: Assembler::in_buffer(document, decoding),
            names,
            left: names.len(),
            version: (has("dataschema") || has("schemaurl") || has("datacontentencoding"))
                && !has("specversion"),
            ignores_case: decoding.leniency.allows(RepairKind::LowerCasedName),
        }
    }

    /// Whether the attribute of this name is requested. If so, pass it to the assembler; otherwise skip it.
    #[inline]
    pub fn wants(&mut self, name: &[u8]) -> bool {
        if self.version && name == b"specversion" {
            self.version = false;
            return true;
        }
        let found = self.names.iter().filter(|wanted| wanted.as_str().as_bytes() == name).count();
        self.left = self.left.saturating_sub(found);
        // An attribute that has this name in lower case may follow, and takes precedence.
        found > 0 || self.ignores_case && self.is_like(name)
    }

    #[cold]
    fn is_like(&self, name: &[u8]) -> bool {
        let is = |wanted: &str| wanted.as_bytes().eq_ignore_ascii_case(name);
        self.version && is("specversion") || self.names.iter().any(|wanted| is(wanted.as_str()))
    }

    /// The assembler, which takes the requested attributes.
    #[inline]
    pub fn assembler(&mut self) -> &mut Assembler<'d> {
        &mut self.assembler
    }

    /// Whether all names have been found, so that the rest of the document need not be read.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.left == 0 && !self.version
    }

    /// Calls the function with the attributes that were found.
    pub fn finish(mut self, read: &mut dyn FnMut(FoundAttributes<'_>)) -> Result<(), Error> {
        self.assembler.refuse_in_vain()?;
        self.assembler.settle_version()?;
        read(FoundAttributes::picked(self.names, &self.assembler.parts, self.assembler.specversion));
        Ok(())
    }
}
