//! References: XIDs, JSON Pointers and URIs.

/// The longest id, and the longest name of an attribute, in bytes: the parts of an entity have these in their paths.
///
/// Ids have 128 characters at most (core/spec.md, "`<SINGULAR>id`").
pub(crate) const NAME: usize = 256;

/// The target of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference<'a> {
    /// An entity of the same catalog, by its decoded path, and the path or type selected in it.
    Local { path: Vec<String>, is_pointer: bool, fragment: Option<&'a str> },
    /// Another document.
    Elsewhere,
}

impl<'a> Reference<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let (path, is_pointer) = match text.strip_prefix("#/") {
            Some(path) => (path, true),
            None => match text.strip_prefix('/') {
                Some(path) => (path, false),
                None => return Self::Elsewhere,
            },
        };
        let (path, fragment) = match path.split_once('#') {
            Some((path, fragment)) => (path, Some(fragment.trim_start_matches('/'))),
            None => (path, None),
        };
        // The ids of an XID stand for themselves.
        let path = path.split('/').map(|token| if is_pointer { decoded(token) } else { token.to_owned() });
        Self::Local { path: path.collect(), is_pointer, fragment }
    }
}

/// Whether a text is a URI with a scheme (RFC 3986, section 3.1).
pub(crate) fn is_absolute(uri: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    uri.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// The XID of the entity at a place. The place is a JSON Pointer: ids may have a `~`, which pointers escape.
pub(crate) fn xid(place: &str) -> String {
    decoded(place)
}

fn decoded(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
