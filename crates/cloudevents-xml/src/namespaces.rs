//! Namespaces in XML 1.0 (third edition): which prefix means what, where.

use crate::scan::Run;
use smallvec::SmallVec;

/// The namespace of events.
pub(crate) const CE: &str = "http://cloudevents.io/xmlformat/V1";
/// The namespace of `xsi:type`.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The namespace of `xs:string`.
pub(crate) const XS: &str = "http://www.w3.org/2001/XMLSchema";
/// What `xml` is bound to, always.
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// What `xmlns` stands for, which cannot be bound.
pub(crate) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace, as far as the format has a use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespace {
    None,
    Ce,
    Xsi,
    Xs,
    Xml,
    /// Another; the URI as it is written where it was declared first. Two are the same when these are.
    Other(Run),
}

/// A declaration in scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// Empty: the default namespace.
    pub(crate) prefix: Run,
    /// The URI as it is written, escaped.
    pub(crate) uri: Run,
    pub(crate) namespace: Namespace,
    /// Of the URI as it is meant, where the namespace is [`Namespace::Other`].
    pub(crate) hash: u64,
    /// How many elements were open when it was declared, the one that has it included.
    pub(crate) level: usize,
}

/// The declarations in scope, outermost first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings(SmallVec<[Binding; 6]>);

impl Bindings {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn push(&mut self, binding: Binding) {
        self.0.push(binding);
    }

    /// Forgets what was declared by elements beyond this level.
    #[inline]
    pub(crate) fn leave(&mut self, level: usize) {
        while self.0.last().is_some_and(|binding| binding.level > level) {
            self.0.pop();
        }
    }

    /// What a prefix means; the empty prefix is always known.
    #[inline]
    pub(crate) fn resolve(&self, prefix: &[u8], text: &str) -> Option<Namespace> {
        match self.0.iter().rev().find(|binding| binding.prefix.bytes(text) == prefix) {
            Some(binding) => Some(binding.namespace),
            None if prefix.is_empty() => Some(Namespace::None),
            None if prefix == b"xml" => Some(Namespace::Xml),
            None => None,
        }
    }

    /// A namespace with this hash that passes a closer look.
    pub(crate) fn known(&self, hash: u64, same: impl Fn(Run) -> bool) -> Option<Namespace> {
        let mut others = self.0.iter().filter(|binding| binding.hash == hash);
        others
            .find(|binding| matches!(binding.namespace, Namespace::Other(uri) if same(uri)))
            .map(|binding| binding.namespace)
    }

    /// Whether the prefix was declared by the element at this level itself.
    pub(crate) fn declares(&self, level: usize, prefix: &[u8], text: &str) -> bool {
        self.0
            .iter()
            .rev()
            .take_while(|binding| binding.level == level)
            .any(|binding| binding.prefix.bytes(text) == prefix)
    }

    /// The first so many declarations, as far as no later one hides them and they declare something.
    pub(crate) fn visible<'a>(&'a self, first: usize, text: &'a str) -> impl Iterator<Item = &'a Binding> {
        self.0.iter().take(first).enumerate().filter_map(move |(index, binding)| {
            let prefix = binding.prefix.bytes(text);
            let hidden =
                self.0.iter().skip(index.saturating_add(1)).any(|later| later.prefix.bytes(text) == prefix);
            (!hidden && binding.namespace != Namespace::None).then_some(binding)
        })
    }
}
