//! Several templates and their texts at once: a placeholder has the same value everywhere.

use crate::template::{Part, Template};
use std::cell::Cell;

/// The most places at which a value is tried to end. Templates with placeholders next to each other could need exponentially many.
const STEPS: usize = 20_000;

/// The most of them for all definitions that one event is compared with.
const EVENT_STEPS: usize = 1_000_000;

/// The most placeholders of the templates of a definition: each value is found within the one before, which takes stack.
const PLACEHOLDERS: usize = 1000;

/// The steps that are left for an event.
pub(crate) struct Steps(Cell<usize>);

impl Default for Steps {
    fn default() -> Self {
        Self(Cell::new(EVENT_STEPS))
    }
}

/// Why there are no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The text with this index does not match its template, given the values of the texts before it.
    At(usize),
    /// The text with this index needs too many steps.
    Steps(usize),
}

/// The values of the placeholders, in the order of their first occurrence.
pub(crate) fn solve<'a>(
    pairs: &[(&'a Template, &'a str)],
    steps: &Steps,
) -> Result<Vec<(&'a str, &'a str)>, Failure> {
    let Some((template, text)) = pairs.first().copied() else { return Ok(Vec::new()) };
    let most = steps.0.get().min(STEPS);
    let mut solver = Solver { pairs, values: Vec::new(), steps: 0, most, furthest: 0 };
    let is_solved = solver.rest(0, &template.parts, text);
    steps.0.set(steps.0.get().saturating_sub(solver.steps));
    match is_solved {
        true => Ok(solver.values),
        false if solver.steps >= most => Err(Failure::Steps(solver.furthest)),
        false => Err(Failure::At(solver.furthest)),
    }
}

struct Solver<'a, 'p> {
    pairs: &'p [(&'a Template, &'a str)],
    values: Vec<(&'a str, &'a str)>,
    steps: usize,
    most: usize,
    /// The last pair that was reached.
    furthest: usize,
}

impl<'a> Solver<'a, '_> {
    /// Whether these parts match the text, and all pairs after this one match.
    fn rest(&mut self, mut pair: usize, mut parts: &'a [Part], mut text: &'a str) -> bool {
        loop {
            let Some((part, after)) = parts.split_first() else {
                let next = pair.saturating_add(1);
                match self.pairs.get(next).copied() {
                    _ if !text.is_empty() => return false,
                    None => return true,
                    Some((template, inner)) => (pair, parts, text) = (next, &template.parts, inner),
                }
                self.furthest = self.furthest.max(pair);
                continue;
            };
            let known: &str = match part {
                Part::Text(literal) => literal,
                Part::Placeholder(name) => match self.values.iter().find(|(known, _)| *known == &**name) {
                    Some((_, value)) => value,
                    None => return self.bind(pair, name, after, text),
                },
            };
            let Some(rest) = text.strip_prefix(known) else { return false };
            (parts, text) = (after, rest);
        }
    }

    /// Tries every end of the value, the nearest first.
    fn bind(&mut self, pair: usize, name: &'a str, after: &'a [Part], text: &'a str) -> bool {
        let is_wide = self.pairs.get(pair).is_some_and(|(template, _)| template.is_wide);
        let longest = if is_wide { text.len() } else { expansion(text) };
        // Looking for ends takes time, too.
        self.steps = self.steps.saturating_add(longest >> 6);
        let known = self.values.len();
        if known >= PLACEHOLDERS {
            self.steps = self.most;
        }
        for end in ends(text, longest, after.first()) {
            if self.steps >= self.most {
                return false;
            }
            self.steps = self.steps.saturating_add(1);
            let Some((value, text)) = text.split_at_checked(end) else { continue };
            self.values.push((name, value));
            if self.rest(pair, after, text) {
                return true;
            }
            self.values.truncate(known);
        }
        false
    }
}

/// The positions at which a value of at least one character can end: before the next text, or anywhere.
fn ends<'a>(text: &'a str, longest: usize, next: Option<&'a Part>) -> Box<dyn Iterator<Item = usize> + 'a> {
    match next {
        None => Box::new((longest == text.len() && !text.is_empty()).then_some(longest).into_iter()),
        Some(Part::Text(literal)) => {
            let ends = text.char_indices().map(|(at, _)| at).skip(1).take_while(move |at| *at <= longest);
            Box::new(ends.filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(&**literal))))
        }
        Some(Part::Placeholder(_)) => {
            Box::new(text.char_indices().map(|(at, _)| at).skip(1).take_while(move |at| *at <= longest))
        }
    }
}

/// Whether a template of level 1 can produce the value.
pub(crate) fn is_expansion(value: &str) -> bool {
    expansion(value) == value.len()
}

/// The length of the longest beginning that a placeholder of level 1 can produce: unreserved characters, and percent-encoded bytes.
fn expansion(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0_usize;
    loop {
        let hex = |offset: usize| {
            at.checked_add(offset).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_hexdigit)
        };
        let step = match bytes.get(at) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => 1,
            Some(b'%') if hex(1) && hex(2) => 3,
            _ => return at,
        };
        at = at.saturating_add(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, Failure> {
        let templates: Vec<Template> = pairs.iter().map(|(template, _)| template.parse().unwrap()).collect();
        let pairs: Vec<_> =
            templates.iter().zip(pairs).map(|(template, (_, text))| (template, *text)).collect();
        solve(&pairs, &Steps::default())
            .map(|values| values.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
    }

    fn owned(values: &[(&str, &str)]) -> Vec<(String, String)> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_are_the_same_everywhere() {
        assert_eq!(values(&[("/{a}/{b}", "/x/y"), ("{b}", "y")]), Ok(owned(&[("a", "x"), ("b", "y")])));
        assert_eq!(values(&[("/{a}/{b}", "/x/y"), ("{b}", "z")]), Err(Failure::At(1)));
        assert_eq!(values(&[("{a}-{a}", "x-y-x-y")]), Ok(owned(&[("a", "x-y")])));
        // The nearest end of the first text is not the one that the second has.
        assert_eq!(values(&[("{a}-{b}", "x-y-z"), ("{b}", "z")]), Ok(owned(&[("a", "x-y"), ("b", "z")])));
    }

    #[test]
    fn values_are_not_empty_and_have_no_reserved_characters() {
        for (template, text, matches) in [
            ("{a}/b", "x/b", true),
            ("{a}/b", "/b", false),
            ("{a}", "", false),
            ("{a}", "x/y", false),
            ("{a}", "x%2Fy", true),
            ("{a}", "x%2", false),
            ("{a}", "é", false),
            ("{a}{b}", "xy", true),
            ("{a}{b}", "x", false),
            ("", "", true),
            ("a", "b", false),
        ] {
            assert_eq!(values(&[(template, text)]).is_ok(), matches, "{template} {text}");
        }
    }

    #[test]
    fn many_ways_end() {
        let template = "{a}{b}{c}{d}{e}{f}!";
        let text = "x".repeat(4096);
        assert_eq!(values(&[(template, &text)]), Err(Failure::Steps(0)));
        // So do many templates.
        let (template, steps): (Template, _) = (template.parse().unwrap(), Steps(Cell::new(2 * STEPS + 1)));
        for _ in 0..4 {
            assert_eq!(solve(&[(&template, &text)], &steps), Err(Failure::Steps(0)));
        }
        assert_eq!(steps.0.get(), 0);
    }
}
