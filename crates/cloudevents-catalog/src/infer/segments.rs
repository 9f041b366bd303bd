//! The common part of the values of an attribute: one text, or a path in which some segments differ.

use crate::matching::is_expansion;
use crate::template::PLACEHOLDERS;

/// The texts of an attribute, segment by segment.
#[derive(Debug)]
pub(super) struct Segments {
    /// The segments between slashes. `None` for a segment in which the texts differ.
    segments: Option<Vec<Option<String>>>,
}

/// The longest text that is compared, in bytes.
const LONGEST: usize = 1024;

impl Segments {
    pub(super) fn new(text: &str) -> Self {
        // A brace would be a brace of a template.
        let is_plain = text.len() <= LONGEST && !text.contains(['{', '}']);
        Self { segments: is_plain.then(|| text.split('/').map(|segment| Some(segment.to_owned())).collect()) }
    }

    pub(super) fn add(&mut self, text: &str) {
        let fits = self.segments.as_mut().is_some_and(|known| {
            text.split('/').count() == known.len()
                && !text.contains(['{', '}'])
                && known.iter_mut().zip(text.split('/')).all(|(known, segment)| merge(known, segment))
        });
        if !fits {
            self.segments = None;
        }
    }

    /// The value that a definition can state: the text that all have, or a template. A placeholder is named by the attribute and the
    /// position of its segment.
    pub(super) fn value(&self, attribute: &str) -> Option<String> {
        let segments = self.segments.as_ref()?;
        // Segments that are only placeholders state nothing, and a value with too many placeholders is no template.
        let says = segments.iter().any(|segment| segment.as_ref().is_some_and(|text| !text.is_empty()))
            && segments.iter().filter(|segment| segment.is_none()).count() <= PLACEHOLDERS;
        let text = segments.iter().enumerate().map(|(position, segment)| match segment {
            Some(text) => text.clone(),
            None => format!("{{{attribute}{position}}}"),
        });
        says.then(|| text.collect::<Vec<_>>().join("/"))
    }
}

/// Whether a placeholder can stand for the segments, if they differ.
fn merge(known: &mut Option<String>, segment: &str) -> bool {
    let fits = |text: &str| !text.is_empty() && is_expansion(text);
    match known {
        Some(text) if text == segment => true,
        Some(text) if fits(text) && fits(segment) => {
            *known = None;
            true
        }
        Some(_) => false,
        None => fits(segment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_what_texts_have_in_common() {
        for (texts, wanted) in [
            (&["/shops/7", "/shops/7"][..], Some("/shops/7")),
            (&["/shops/7", "/shops/8"], Some("/shops/{source2}")),
            (&["/shops/7/tills/1", "/shops/8/tills/2"], Some("/shops/{source2}/tills/{source4}")),
            (&["/shops/7", "/shops/8/tills"], None),
            // A placeholder is not empty, and has no reserved characters.
            (&["/shops/", "/shops/8"], None),
            (&["/shops/a:b", "/shops/8"], None),
            (&["7", "8"], None),
            (&["/{a}"], None),
        ] {
            let mut segments = Segments::new(texts[0]);
            texts.iter().for_each(|text| segments.add(text));
            assert_eq!(segments.value("source").as_deref(), wanted, "{texts:?}");
        }
        for (count, is_template) in [(PLACEHOLDERS, true), (PLACEHOLDERS + 1, false)] {
            let mut segments = Segments::new(&format!("/shops{}", "/7".repeat(count)));
            segments.add(&format!("/shops{}", "/8".repeat(count)));
            assert_eq!(segments.value("source").is_some(), is_template);
        }
    }
}
