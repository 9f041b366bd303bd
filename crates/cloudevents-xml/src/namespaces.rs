//! Namespaces in XML 1.0 (third edition): the declarations in scope.

use crate::scan::Run;
use smallvec::SmallVec;

/// The namespace of events.
pub(crate) const CE: &str = "http://cloudevents.io/xmlformat/V1";
/// The namespace of `xsi:type`.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The namespace of `xs:string`.
pub(crate) const XS: &str = "http://www.w3.org/2001/XMLSchema";
/// The namespace to which `xml` is always bound.
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of `xmlns`, which cannot be bound.
pub(crate) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace. The format distinguishes only the namespaces that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespace {
    None,
    Ce,
    Xsi,
    Xs,
    Xml,
    /// Another namespace: the URI as written in its first declaration. Equal runs mean equal namespaces.
    Other(Run),
}

/// A declaration in scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// The prefix; empty for the default namespace.
    pub(crate) prefix: Run,
    /// The URI as written, escaped.
    pub(crate) uri: Run,
    pub(crate) namespace: Namespace,
    /// The hash of the unescaped URI, if the namespace is [`Namespace::Other`].
    pub(crate) hash: u64,
    /// The number of open elements at the declaration, including the element that has it.
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

    /// Removes the declarations of elements beyond this level.
    #[inline]
    pub(crate) fn leave(&mut self, level: usize) {
        while self.0.last().is_some_and(|binding| binding.level > level) {
            self.0.pop();
        }
    }

    /// The namespace of a prefix. The empty prefix is always known.
    #[inline]
    pub(crate) fn resolve(&self, prefix: &[u8], text: &str) -> Option<Namespace> {
        match self.0.iter().rev().find(|binding| binding.prefix.bytes(text) == prefix) {
            Some(binding) => Some(binding.namespace),
            None if prefix.is_empty() => Some(Namespace::None),
            None if prefix == b"xml" => Some(Namespace::Xml),
            None => None,
        }
    }

    /// A namespace with this hash for which `same` returns `true`.
    pub(crate) fn known(&self, hash: u64, same: impl Fn(Run) -> bool) -> Option<Namespace> {
        let mut others = self.0.iter().filter(|binding| binding.hash == hash);
        others
            .find(|binding| matches!(binding.namespace, Namespace::Other(uri) if same(uri)))
            .map(|binding| binding.namespace)
    }

    /// Whether the element at this level declares the prefix itself.
    pub(crate) fn declares(&self, level: usize, prefix: &[u8], text: &str) -> bool {
        self.0
            .iter()
            .rev()
            .take_while(|binding| binding.level == level)
            .any(|binding| binding.prefix.bytes(text) == prefix)
    }

    /// The first `first` declarations. Declarations that a later one hides are left out, and so are declarations that undeclare.
    pub(crate) fn visible<'a>(&'a self, first: usize, text: &'a str) -> impl Iterator<Item = &'a Binding> {
        self.0.iter().take(first).enumerate().filter_map(move |(index, binding)| {
            let prefix = binding.prefix.bytes(text);
            let hidden =
                self.0.iter().skip(index.saturating_add(1)).any(|later| later.prefix.bytes(text) == prefix);
            (!hidden && binding.namespace != Namespace::None).then_some(binding)
        })
    }
}
