//! XML, from the grammars of XML 1.0 (fifth edition) and of Namespaces in XML 1.0.

use proptest::{collection::vec, prelude::*, sample::select};

/// One element that is well-formed and declares the namespaces it uses. The names of half of them have characters beyond ASCII.
pub fn xml_element() -> impl Strategy<Value = String> {
    let empty = || (name(), attributes()).prop_map(|(name, attributes)| format!("<{name}{attributes}/>"));
    let text = prop_oneof![
        "[ -%'-;=?-~\n\té€😀]{0,8}".prop_map(|text| text.replace(']', "")),
        select(vec!["&amp;", "&lt;", "&#233;", "&#x1F600;", "<!-- c -->", "<![CDATA[<&]]>", "<?p i?>"])
            .prop_map(str::to_owned),
    ];
    let content = prop_oneof![text, empty()];
    let nested = content.prop_recursive(3, 12, 4, |inner| {
        (name(), attributes(), vec(inner, 0..4)).prop_map(|(name, attributes, content)| {
            format!("<{name}{attributes}>{}</{name}>", content.concat())
        })
    });
    let whole = (name(), attributes(), vec(nested, 0..4)).prop_map(|(name, attributes, content)| {
        format!("<{name}{attributes}>{}</{name} >", content.concat())
    });
    // A prefix that is declared is used by the names around it, too.
    let prefixed = (name(), name(), attributes()).prop_map(|(prefix, name, attributes)| {
        format!("<{prefix}:{name} xmlns:{prefix}='urn:x'{attributes}/>")
    });
    prop_oneof![1 => empty(), 2 => whole, 1 => prefixed]
}

/// `NCName`, productions 4 and 4a without the colon. Names that begin with `xml` are reserved.
fn name() -> impl Strategy<Value = String> {
    let start = prop_oneof![
        1 => "[A-WYZa-wyz_]",
        1 => "[\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{2FF}\u{370}-\u{37D}\u{37F}-\u{1FFF}\u{200C}\u{200D}\u{2070}-\u{218F}\u{2C00}-\u{2FEF}\u{3001}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFFD}\u{10000}-\u{EFFFF}]",
    ];
    let rest = prop_oneof![
        2 => "[A-Za-z0-9._-]{0,3}",
        1 => "[\u{B7}\u{300}-\u{36F}\u{203F}\u{2040}\u{E9}\u{3001}-\u{D7FF}]{0,3}",
    ];
    (start, rest).prop_map(|(start, rest)| format!("{start}{rest}"))
}

/// At most one attribute, so that none comes twice.
fn attributes() -> impl Strategy<Value = String> {
    let value = "[ !#-%'-;=?-~é]{0,6}";
    prop_oneof![
        2 => Just(String::new()),
        1 => (name(), value).prop_map(|(name, value)| format!(" {name}=\"{value}\"")),
        1 => Just(" xmlns=\"urn:y\"".to_owned()),
    ]
}
