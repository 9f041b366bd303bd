//! Documents in XML that say the same in another spelling.

use crate::infoset::{self, CE, Element, Node};

use super::added::{TIME, is_timestamp};
use super::how::{CONTENT_TYPE, How, is_of_json};
use super::{bytes, forms, media_type};

impl How {
    /// An event in XML, or a batch of them, with the spelling of the wanted payload, and without a `time` that may be added.
    pub(crate) fn spell_elements_alike(&self, wanted: &Element, mut got: Element) -> Element {
        let events = got.children.iter_mut().filter_map(|child| match child {
            Node::Element(event) if event.name == format!("{{{CE}}}event") => Some(event),
            _ => None,
        });
        for (wanted, event) in wanted.elements().zip(events) {
            *event = self.spell_elements_alike(wanted, std::mem::take(event));
        }
        for wanted in wanted.elements() {
            if let Some(name) = wanted.name.strip_prefix(&format!("{{{CE}}}"))
                && let Some(attribute) = infoset::child_mut(&mut got, name)
                && self.is_attribute_alike(name, wanted, attribute)
            {
                attribute.children.clone_from(&wanted.children);
                attribute.attributes.clone_from(&wanted.attributes);
            }
        }
        let is_json = infoset::child(wanted, CONTENT_TYPE).is_some_and(|element| is_of_json(&element.text()));
        if let (Some(wanted), Some(data)) =
            (infoset::child(wanted, "data"), infoset::child_mut(&mut got, "data"))
            && infoset::is_of_same_type(wanted, data)
        {
            let same = |wanted: &str, got: &str| self.is_same_text(is_json, wanted, got);
            let octets = |element: &Element| {
                bytes::decode(&element.text()).and_then(|octets| String::from_utf8(octets).ok())
            };
            let is_same = same(&wanted.text(), &data.text())
                || octets(wanted).zip(octets(data)).is_some_and(|(wanted, got)| same(&wanted, &got))
                || forms::has_same_octets(wanted, data);
            if is_same
                && [wanted, &*data]
                    .iter()
                    .all(|data| data.elements().next().is_none() && !data.text().is_empty())
            {
                *data = wanted.clone();
            }
        }
        if self.may_add_time && !wanted.elements().any(is_time_element) {
            got.children.retain(|child| !matches!(child, Node::Element(child) if is_time_element(child)));
        }
        got
    }

    /// Whether an attribute in XML is a timestamp of the wanted instant, the wanted media type, or the canonical string of the wanted
    /// extension.
    fn is_attribute_alike(&self, name: &str, wanted: &Element, got: &Element) -> bool {
        if self.any_form_in_documents && forms::is_string_of(name, wanted, got)
            || forms::has_same_octets(wanted, got)
        {
            return true;
        }
        let (is_same_type, wanted, got) = (infoset::is_of_same_type(wanted, got), wanted.text(), got.text());
        let is_alike = match name {
            CONTENT_TYPE => self.any_spelling && media_type::same(&wanted, &got),
            _ => self.is_timestamp(name) && self.same_instant(&wanted, &got),
        };
        is_same_type && is_alike
    }
}

/// Whether an element of an event in XML is its `time`.
fn is_time_element(element: &Element) -> bool {
    element.name == format!("{{{CE}}}{TIME}") && is_timestamp(&element.text())
}
