//! No document and no event makes it panic.

use cloudevents_catalog::{Catalog, Judge, LoadOptions, Template};
use cloudevents_core::Event;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes(document: Vec<u8>) {
        let _ = Catalog::read(document, &LoadOptions::lenient());
    }

    /// Members and values that the reader knows, at any place.
    #[test]
    fn any_rules(
        member in "(envelope|envelopemetadata|basemessage|dataschemauri|dataschemaformat|dataschema|protocoloptions|datacontenttype|messageid)",
        value in r#"("[#/a-z:{}]{0,12}"|\{"(attributes|type|id|time|a)":\{"(type|value|required)":("[a-z{}/]{0,8}"|1|true)\}\}|1|null|\[\])"#,
    ) {
        let document = format!(r#"{{"messagegroups": {{"g": {{"messages": {{"t": {{"{member}": {value}}}}}}}}}}}"#);
        let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
        for options in [LoadOptions::strict(), LoadOptions::lenient()] {
            if let Ok(report) = Catalog::read(&document, &options) {
                let _ = report.catalog.judge(&event).to_string();
            }
        }
    }

    /// What a template of level 1 produces has the values that it was made of.
    #[test]
    fn what_is_expanded_is_extracted(a in "[a-z0-9._~-]{1,8}", b in "[a-z0-9._~-]{1,8}") {
        let template: Template = "/x/{a}/{b}".parse().unwrap();
        let text = format!("/x/{a}/{b}");
        let values = template.extract(&text);
        prop_assert_eq!(values, Some(vec![("a", a.as_str()), ("b", b.as_str())]));
    }

    #[test]
    fn any_template(template in "[a-c{}/]{0,20}", text in "[a-c/]{0,40}") {
        if let Ok(template) = template.parse::<Template>() {
            prop_assert_eq!(&template.to_string().parse::<Template>(), &Ok(template.clone()));
            let _ = template.extract(&text);
        }
    }
}
