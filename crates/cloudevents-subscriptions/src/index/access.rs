//! The conditions that filters require of an event, as far as an index can look them up.

use crate::{Conditions, Filter, Filters};
use cloudevents_sql::{BinaryOperator, Node, Shape, Syntax, Value};

/// A condition that can be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) way: Way,
    pub(super) attribute: Box<str>,
    pub(super) text: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Exact,
    Prefix,
    Suffix,
}

impl Key {
    fn new(way: Way, attribute: &str, text: &str) -> Self {
        Self { way, attribute: attribute.into(), text: text.into() }
    }

    /// An exact text is more special than a long start or end, and that is than a short one.
    pub(super) fn weight(&self) -> usize {
        match self.way {
            Way::Exact => 0,
            Way::Prefix | Way::Suffix => 8_usize.saturating_add(64_usize.saturating_sub(self.text.len())),
        }
    }
}

/// One of these conditions holds.
type Requirement = Vec<Key>;

/// With more alternatives than this, indexing costs more than it saves.
const MOST: usize = 256;

/// The conditions that must hold for all filters to be true, and whether the filters are true when all conditions hold.
pub(super) fn requirements(filters: &Filters) -> (Vec<Requirement>, bool) {
    let mut found = Found { requirements: Vec::new(), complete: true };
    filters.iter().for_each(|filter| found.filter(filter));
    (found.requirements, found.complete)
}

struct Found {
    requirements: Vec<Requirement>,
    complete: bool,
}

impl Found {
    fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::Exact(conditions) => self.conditions(Way::Exact, conditions),
            Filter::Prefix(conditions) => self.conditions(Way::Prefix, conditions),
            Filter::Suffix(conditions) => self.conditions(Way::Suffix, conditions),
            Filter::All(group) => group.iter().for_each(|filter| self.filter(filter)),
            Filter::Any(group) => {
                self.complete = false;
                self.requirements.extend(any(group.iter().map(of_filter)));
            }
            Filter::Not(_) | Filter::Data(_) => self.complete = false,
            Filter::Sql(expression) => {
                self.complete = false;
                self.requirements.extend(of_node(expression.syntax()));
            }
        }
    }

    fn conditions(&mut self, way: Way, conditions: &Conditions) {
        self.requirements.extend(conditions.iter().map(|(name, text)| vec![Key::new(way, name, text)]));
    }
}

fn of_filter(filter: &Filter) -> Vec<Requirement> {
    let mut found = Found { requirements: Vec::new(), complete: true };
    found.filter(filter);
    found.requirements
}

/// The conditions that must hold for an expression to be TRUE.
fn of_node(node: &Node) -> Vec<Requirement> {
    match node.kind() {
        Syntax::Binary { operator: BinaryOperator::And, left, right } => {
            let mut both = of_node(left);
            both.extend(of_node(right));
            both
        }
        Syntax::Binary { operator: BinaryOperator::Or, left, right } => {
            any([of_node(left), of_node(right)].into_iter()).into_iter().collect()
        }
        // The attribute is cast to String, which gives its canonical text.
        Syntax::Binary { operator: BinaryOperator::Equal, left, right } => {
            match (left.kind(), right.kind()) {
                (Syntax::Attribute(name), Syntax::Literal(Value::String(text))) => {
                    vec![vec![Key::new(Way::Exact, name, text)]]
                }
                _ => Vec::new(),
            }
        }
        Syntax::Like { operand, pattern, negated: false } => match (operand.kind(), pattern.shape()) {
            (Syntax::Attribute(name), Shape::Exact(text)) => vec![vec![Key::new(Way::Exact, name, text)]],
            (Syntax::Attribute(name), Shape::Prefix(text)) => vec![vec![Key::new(Way::Prefix, name, text)]],
            (Syntax::Attribute(name), Shape::Suffix(text)) => vec![vec![Key::new(Way::Suffix, name, text)]],
            _ => Vec::new(),
        },
        Syntax::In { operand, set, negated: false } => match operand.kind() {
            // An Integer would have the elements cast, and `007` is another spelling of 7.
            Syntax::Attribute(name) if is_text(name) => elements(name, set).into_iter().collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn elements(name: &str, set: &[Node]) -> Option<Requirement> {
    let text = |node: &Node| match node.kind() {
        Syntax::Literal(Value::String(text)) => Some(Key::new(Way::Exact, name, text)),
        _ => None,
    };
    (set.len() <= MOST).then(|| set.iter().map(text).collect::<Option<_>>()).flatten()
}

/// The requirement if one of several lists of requirements has to hold: one requirement of each list, joined.
///
/// It is the cheapest requirement of each list: the requirement with the fewest alternatives.
fn any(each: impl Iterator<Item = Vec<Requirement>>) -> Option<Requirement> {
    let mut keys = Vec::new();
    for requirements in each {
        let weight =
            |keys: &Requirement| keys.iter().map(Key::weight).fold(keys.len(), usize::saturating_add);
        keys.extend(requirements.into_iter().min_by_key(weight)?);
        if keys.len() > MOST {
            return None;
        }
    }
    Some(keys)
}

fn is_text(name: &str) -> bool {
    matches!(
        name,
        "id" | "source" | "type" | "subject" | "time" | "dataschema" | "datacontenttype" | "specversion"
    )
}
