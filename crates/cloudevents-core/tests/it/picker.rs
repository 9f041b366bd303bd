//! Some attributes of a document, which is read no further than needed.

use cloudevents_core::{
    DecodeOptions, ResolvedName, UriReference, Value,
    codec::{Given, Picker},
};

#[test]
fn names_that_depend_on_the_version_wait_for_it() {
    let decoding = DecodeOptions::strict();
    for (name, waits) in
        [("schemaurl", true), ("dataschema", true), ("datacontentencoding", true), ("subject", false)]
    {
        let names = ResolvedName::all([name]).unwrap();
        let mut picker = Picker::new(&names, &decoding);
        assert!(picker.wants(name.as_bytes()) && !picker.wants(b"other"));
        assert_eq!(picker.is_done(), !waits, "{name}");
        assert_eq!(picker.wants(b"specversion"), waits, "{name}");
        assert!(picker.is_done());

        let names = ResolvedName::all([name, "specversion"]).unwrap();
        let mut picker = Picker::new(&names, &decoding);
        assert!(picker.wants(b"specversion") && !picker.is_done());
        assert!(picker.wants(name.as_bytes()) && picker.is_done());
    }
}

/// `schemaurl` of 0.3 is a URI-reference, and `dataschema` is an extension there.
#[test]
fn values_have_the_type_of_their_version() {
    let decoding = DecodeOptions::strict();
    let names = ResolvedName::all(["schemaurl", "dataschema"]).unwrap();
    let mut picker = Picker::new(&names, &decoding);
    for (name, value) in [("schemaurl", "relative"), ("specversion", "0.3")] {
        assert!(picker.wants(name.as_bytes()));
        let value = picker.assembler().push(value).unwrap();
        picker.assembler().named(name, Given::Text(value)).unwrap();
    }
    let expected = Value::UriReference(UriReference::parse("relative").unwrap());
    let mut calls = 0;
    let mut read = |found: cloudevents_core::FoundAttributes<'_>| {
        calls += 1;
        assert_eq!(found.array(), [Some(expected), None]);
        assert_eq!((found.named("schemaurl"), found.named("subject")), (Some(expected), None));
    };
    picker.finish(&mut read).unwrap();
    assert_eq!(calls, 1);
}
