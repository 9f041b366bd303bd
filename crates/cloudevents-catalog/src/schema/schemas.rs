//! The objects of a document that may be schemas, and the targets of references.

use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// The most schemas that one reference may mean, if several have the same name.
pub(super) const TARGETS: usize = 16;

/// The most schemas with an id around a reference to a part of one of them.
const RESOURCES: usize = 8;

/// Keywords whose members are schemas by name.
const BY_NAME: [&str; 6] =
    ["properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies"];

/// Keywords whose values are no schemas.
const OF_VALUES: [&str; 5] = ["examples", "example", "default", "const", "enum"];

pub(super) type Members = Map<String, Value>;

/// The objects of a document, any of which may be a schema.
pub(super) struct Schemas<'d> {
    document: &'d Value,
    objects: Vec<&'d Members>,
    /// By `#` and the name of their anchor.
    named: HashMap<String, Vec<&'d Value>>,
    /// By their `$id`.
    identified: HashMap<Id, Vec<&'d Value>>,
    /// Where the pointers of an object start besides the document. Empty if there are too many starts.
    resources: HashMap<*const Members, Vec<&'d Value>>,
    /// Schemas with `$recursiveAnchor`.
    pub(super) recursive: Vec<&'d Value>,
    /// Examples and similar objects, which are no schemas.
    values: HashSet<*const Members>,
    /// Whether one of `values` has a name, or a reference may lead to it: then they are taken for schemas.
    are_values_named: bool,
}

/// The key by which schemas are found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Id {
    /// The whole URI, if it has one spelling only.
    Whole(String),
    /// The last segment, of the others.
    Segment(String),
    /// The last segment, of all.
    AnySegment(String),
}

/// The role of a part of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Schema,
    /// Schemas by name.
    Names,
    /// An example, and the like.
    Value,
    /// One of these roles.
    Any,
}

impl Part {
    /// The role of one of its members.
    fn member(self, name: &str, value: &Value) -> Self {
        let is_space =
            |value: &Value| value.as_object().is_some_and(|members| members.values().all(Value::is_object));
        match self {
            Self::Value => Self::Value,
            // It may be a group of schemas by name.
            Self::Names if is_space(value) => Self::Any,
            Self::Any => Self::Any,
            Self::Names => Self::Schema,
            Self::Schema if BY_NAME.contains(&name) => Self::Names,
            Self::Schema if is_of_values(name) => Self::Value,
            Self::Schema => Self::Schema,
        }
    }
}

impl<'d> Schemas<'d> {
    pub(super) fn read(document: &'d Value) -> Self {
        let mut schemas = Self {
            document,
            objects: Vec::new(),
            named: HashMap::new(),
            identified: HashMap::new(),
            resources: HashMap::new(),
            recursive: Vec::new(),
            values: HashSet::new(),
            are_values_named: false,
        };
        schemas.add(document, &mut Vec::new(), Part::Schema);
        if schemas.are_values_named {
            schemas.values.clear();
        }
        schemas
    }

    /// Examples and the like count as schemas, too.
    pub(super) fn with_values(mut self) -> Self {
        self.values.clear();
        self
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &'d Members> {
        self.objects.iter().copied().filter(|members| !self.values.contains(&std::ptr::from_ref(*members)))
    }

    /// How many objects the objects of the document have within them, or refer to, each of them counted by itself: no more than this, and
    /// some.
    pub(super) fn reach(&self, most: usize) -> usize {
        let mut count = 0_usize;
        for root in self.objects() {
            let (mut known, mut open) = (HashSet::new(), vec![root]);
            while let Some(members) = open.pop() {
                if count > most {
                    return count;
                }
                if known.insert(std::ptr::from_ref(members)) {
                    let scalars = members.values().map(|value| within(value, &mut open));
                    count =
                        count.saturating_add(1).saturating_add(scalars.fold(0, usize::saturating_add) >> 3);
                    open.extend(self.referred(members));
                }
            }
        }
        count
    }

    /// From how many objects of the document each object is reached, itself included: the counts of [`reach`](Self::reach), by the object.
    pub(super) fn times(&self) -> HashMap<*const Members, usize> {
        let mut times = HashMap::new();
        for root in self.objects() {
            let (mut known, mut open) = (HashSet::new(), vec![root]);
            while let Some(members) = open.pop() {
                if known.insert(std::ptr::from_ref(members)) {
                    let count: &mut usize = times.entry(std::ptr::from_ref(members)).or_default();
                    *count = count.saturating_add(1);
                    members.values().for_each(|value| _ = within(value, &mut open));
                    open.extend(self.referred(members));
                }
            }
        }
        times
    }

    /// The most objects within each other on any way from one of them, which may follow so many references.
    pub(super) fn depth(&self, references: usize) -> usize {
        // Objects within an object come after it.
        let places = self.objects.iter().enumerate().map(|(at, members)| (std::ptr::from_ref(*members), at));
        let places: HashMap<*const Members, usize> = places.collect();
        let indexes = |all: Vec<&'d Members>| -> Vec<usize> {
            all.into_iter().filter_map(|members| places.get(&std::ptr::from_ref(members)).copied()).collect()
        };
        let ways = self.objects.iter().map(|members| {
            let mut inner = Vec::new();
            members.values().for_each(|value| _ = within(value, &mut inner));
            (indexes(inner), indexes(self.referred(members)))
        });
        let ways: Vec<(Vec<usize>, Vec<usize>)> = ways.collect();
        // Objects that are on the way already are not entered again.
        let entered: HashSet<usize> =
            ways.iter().flat_map(|(_, referred)| referred.iter().copied()).collect();
        // Of each object, with one reference less.
        let mut known: Vec<usize> = Vec::new();
        for _ in 0..=references.min(entered.len()) {
            let mut depths = vec![0; ways.len()];
            for (at, (inner, referred)) in ways.iter().enumerate().rev() {
                let inner = inner.iter().filter_map(|at| depths.get(*at)).max();
                let deepest = inner.max(referred.iter().filter_map(|at| known.get(*at)).max());
                let depth = deepest.map_or(1, |depth: &usize| depth.saturating_add(1));
                depths.get_mut(at).into_iter().for_each(|place| *place = depth);
            }
            known = depths;
        }
        known.into_iter().max().unwrap_or_default()
    }

    /// The possible targets of the references of an object: the whole document, if a target is not known.
    fn referred(&self, members: &Members) -> Vec<&'d Members> {
        let mut all = Vec::new();
        for reference in references(members) {
            let targets = self.targets(members, reference);
            let anywhere = targets.is_empty().then_some(self.document);
            all.extend(targets.into_iter().chain(anywhere).filter_map(Value::as_object));
        }
        all
    }

    /// Whether a dynamic reference to itself may lead from a metaschema to a schema of the document.
    pub(super) fn extends_metaschema(&self) -> bool {
        self.named.contains_key("#meta") || !self.recursive.is_empty()
    }

    /// The possible targets of a reference in a schema. Empty if they are not known, or too many.
    pub(super) fn targets(&self, members: &Members, reference: &str) -> Vec<&'d Value> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if !fragment.is_empty() && !fragment.starts_with('/') {
            return self.named(&format!("#{fragment}"));
        }
        let resources = match base {
            "" => match self.resources.get(&std::ptr::from_ref(members)) {
                Some(outer) if outer.is_empty() => return Vec::new(),
                Some(outer) => std::iter::once(self.document).chain(outer.iter().copied()).collect(),
                None => vec![self.document],
            },
            base => self.identified(base),
        };
        let mut targets = Vec::new();
        for resource in resources {
            targets.extend(resource.pointer(fragment));
            if fragment.contains('%') {
                targets.extend(decoded(fragment).and_then(|fragment| resource.pointer(&fragment)));
            }
        }
        targets.dedup_by(|first, second| std::ptr::eq(*first, *second));
        targets
    }

    fn named(&self, name: &str) -> Vec<&'d Value> {
        let known = self.named.get(name).filter(|known| known.len() <= TARGETS);
        known.cloned().unwrap_or_default()
    }

    /// The schemas that a URI may identify.
    fn identified(&self, uri: &str) -> Vec<&'d Value> {
        let segment = last_segment(uri).to_owned();
        let names = match whole(uri) {
            Some(whole) => vec![Id::Whole(whole), Id::Segment(segment)],
            None => vec![Id::AnySegment(segment)],
        };
        let known: Vec<&Vec<&Value>> = names.iter().filter_map(|name| self.identified.get(name)).collect();
        // They are not walked through: each of many references could name each of many schemas.
        match known.iter().map(|known| known.len()).fold(0, usize::saturating_add) {
            0..=TARGETS => known.into_iter().flatten().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// Adds the objects in a value, which is in these resources.
    fn add(&mut self, value: &'d Value, within: &mut Vec<&'d Value>, part: Part) {
        match value {
            Value::Array(items) => {
                let part = if part == Part::Names { Part::Any } else { part };
                items.iter().for_each(|item| self.add(item, within, part));
            }
            Value::Object(members) => {
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                let known = within.len();
                if part == Part::Value {
                    self.values.insert(std::ptr::from_ref(members));
                } else {
                    self.are_values_named |= references(members).any(leads_to_values);
                }
                if matches!(part, Part::Value | Part::Names) {
                    let names = ["$id", "$anchor", "$dynamicAnchor"];
                    self.are_values_named |= names.into_iter().any(|name| text(name).is_some());
                }
                if members.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
                    self.recursive.push(value);
                }
                for id in ["$id", "id"].into_iter().filter_map(text) {
                    match id.strip_prefix('#') {
                        Some(_) => self.named.entry(id.to_owned()).or_default().push(value),
                        None => {
                            let id = id.split('#').next().unwrap_or_default();
                            let segment = last_segment(id).to_owned();
                            let own = whole(id).map_or_else(|| Id::Segment(segment.clone()), Id::Whole);
                            for id in [own, Id::AnySegment(segment)] {
                                self.identified.entry(id).or_default().push(value);
                            }
                            within.push(value);
                        }
                    }
                }
                for anchor in ["$anchor", "$dynamicAnchor"].into_iter().filter_map(text) {
                    self.named.entry(format!("#{anchor}")).or_default().push(value);
                }
                if references(members).next().is_some() {
                    // The document itself is always one.
                    let is_inner = |at: &&Value| !std::ptr::eq(*at, self.document);
                    let mut outer: Vec<&Value> = within.iter().copied().filter(is_inner).collect();
                    if !outer.is_empty() {
                        outer.dedup_by(|first, second| std::ptr::eq(*first, *second));
                        let few = Some(outer).filter(|outer| outer.len() <= RESOURCES).unwrap_or_default();
                        self.resources.insert(std::ptr::from_ref(members), few);
                    }
                }
                self.objects.push(members);
                members.iter().for_each(|(name, value)| self.add(value, within, part.member(name, value)));
                within.truncate(known);
            }
            _ => {}
        }
    }
}

/// The references of a schema. Their targets apply to the same value.
pub(super) fn references(members: &Members) -> impl Iterator<Item = &str> {
    let names = ["$ref", "$dynamicRef", "$recursiveRef"];
    names.into_iter().filter_map(|name| members.get(name)?.as_str())
}

/// Adds the nearest objects in a value, and returns the number of other items.
fn within<'d>(value: &'d Value, objects: &mut Vec<&'d Members>) -> usize {
    match value {
        Value::Object(members) => {
            objects.push(members);
            0
        }
        Value::Array(items) => {
            items.iter().map(|item| within(item, objects)).fold(items.len(), usize::saturating_add)
        }
        _ => 0,
    }
}

pub(super) fn is_of_values(name: &str) -> bool {
    OF_VALUES.contains(&name) || name.starts_with("x-")
}

/// Whether a reference may lead to a value that is no schema otherwise: an example, or schemas by name whose names look like keywords.
fn leads_to_values(reference: &str) -> bool {
    reference.contains('%')
        || reference.split(['#', '/']).any(is_of_values)
        || reference.rsplit('/').next().is_some_and(|last| BY_NAME.contains(&last))
}

fn last_segment(uri: &str) -> &str {
    uri.trim_end_matches('/').rsplit('/').next().unwrap_or(uri)
}

/// Returns the URI if it is certainly different from URIs with other texts. `None` for URIs of which two spellings may mean the same.
fn whole(uri: &str) -> Option<String> {
    let is_plain = uri.is_ascii()
        && !uri.contains(['%', '@'])
        && !uri.contains("/.")
        && uri.split_once("://").is_some_and(|(_, rest)| !rest.contains(':'));
    is_plain.then(|| uri.trim_end_matches('/').to_ascii_lowercase())
}

/// The text of percent-encoded UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}
