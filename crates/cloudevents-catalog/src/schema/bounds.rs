//! Upper bounds of the work of a validator with a document.
//!
//! Validators descend along references and try alternatives one after the other. So a small document, or a small payload of an ordinary
//! document, can take all of the stack, or all time.

use super::schemas::{Members, Schemas, TARGETS, references};
use crate::size::own_memory;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The most schemas in a row that apply to the same value, each by a reference, an alternative or a condition of the one before.
const HOPS: usize = 64;

/// The most schemas that apply to the same value.
const VISITS: usize = 10_000;

/// The levels of any payload, as readers of JSON take no more.
pub(super) const LEVELS: usize = 128;

/// As good as endless.
const ENDLESS: usize = 1_000_000_000;

/// The schemas that jsonschema knows by itself.
const KNOWN: [&str; 5] = [
    "http://json-schema.org/draft-04/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
];

/// Whether this refers to a metaschema with texts that have to be patterns: `format` asserts in these drafts.
pub(super) fn asserts_patterns(reference: &str) -> bool {
    reference.starts_with("http://json-schema.org/draft-0")
}

/// The schemas that a metaschema applies to each value of a payload, about, and the most of them in a row.
const METASCHEMA: usize = 64;
const METASCHEMA_HOPS: usize = 8;

/// The keywords that apply to members and items that no other keyword applies to.
const UNEVALUATED: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];

/// How many bytes of texts take as long as a value.
const BYTES_PER_VALUE: usize = 64;

/// The bytes of an error besides.
const ERROR: usize = 512;

/// The size of a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) values: usize,
    /// 1 for a scalar.
    pub(super) levels: usize,
    /// The bytes of one error about each of its values, about: the path, and a copy of the value, as errors of alternatives have it.
    pub(super) errors: usize,
    /// The bytes of all names and texts.
    pub(super) bytes: usize,
    /// The squares of the lengths of all names and texts, together.
    pub(super) squares: usize,
}

impl Extent {
    /// Readers of JSON limit the levels of a value.
    pub(super) fn of(value: &Value) -> Self {
        let mut extent = Self::default();
        extent.add(value, 0, 1);
        extent
    }

    fn add(&mut self, value: &Value, path: usize, level: usize) {
        self.values = self.values.saturating_add(1);
        self.levels = self.levels.max(level);
        // Values within others are in the copies of these, too.
        let copies = own_memory(value).saturating_mul(level);
        self.errors = self.errors.saturating_add(ERROR).saturating_add(path).saturating_add(copies);
        let below = level.saturating_add(1);
        match value {
            // An index of a small array has 4 digits at most.
            Value::Array(items) => {
                items.iter().for_each(|item| self.add(item, path.saturating_add(5), below))
            }
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                self.add_text(name);
                // Escaping can double a name.
                let name = name.len().saturating_mul(2).saturating_add(1);
                self.add(value, path.saturating_add(name), below);
            }),
            Value::String(text) => self.add_text(text),
            _ => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len());
        self.squares = self.squares.saturating_add(text.len().saturating_mul(text.len()));
    }
}

/// The most work of the schemas of a document.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    /// How often schemas are applied to one value at most, in payloads of 1 level, 2 levels, and so on.
    times: Vec<usize>,
    /// The same in payloads of more levels.
    times_below: usize,
    /// The schemas in a row that apply to one value, without the first.
    pub(super) hops: usize,
    /// A reference whose target is not known here.
    pub(super) unknown: Option<String>,
}

impl Bounds {
    /// Each schema counts this often, and its cost besides.
    ///
    /// Errors: the document is beyond a limit.
    pub(super) fn of(
        schemas: &Schemas<'_>,
        each: usize,
        cost: &dyn Fn(&Members) -> usize,
    ) -> Result<Self, String> {
        let (nodes, known) = (Vec::new(), HashMap::new());
        let mut graph = Graph { schemas, nodes, known, metaschema: None, unknown: None, each, cost };
        for members in schemas.objects() {
            graph.add(members, 0)?;
        }
        let (times, times_below) = graph.times();
        let hops = graph.nodes.iter().map(|node| node.hops).max().unwrap_or_default();
        Ok(Self { times, times_below, hops, unknown: graph.unknown })
    }

    /// How often schemas are applied to one value of a payload at most: alternatives multiply with each level.
    pub(super) fn times(&self, payload: &Extent) -> usize {
        let of_levels = payload.levels.checked_sub(1).and_then(|below| self.times.get(below));
        of_levels.copied().unwrap_or(self.times_below)
    }

    /// The same for any payload.
    pub(super) fn times_of_any(&self) -> usize {
        self.times_below
    }

    /// How often schemas are applied to the values of a payload at most, together. Each reads all of a text, perhaps.
    pub(super) fn work(&self, payload: &Extent) -> usize {
        let texts = payload.bytes.checked_div(BYTES_PER_VALUE).unwrap_or_default();
        self.times(payload).saturating_mul(payload.values.saturating_add(texts))
    }
}

/// The schemas of a document, and how they lead to each other.
struct Graph<'s, 'd> {
    schemas: &'s Schemas<'d>,
    /// Each schema comes after the schemas that it applies to the same value.
    nodes: Vec<Node<'d>>,
    known: HashMap<*const Members, usize>,
    /// The node that stands for the schemas that jsonschema knows by itself.
    metaschema: Option<usize>,
    unknown: Option<String>,
    each: usize,
    cost: &'s dyn Fn(&Members) -> usize,
}

/// A schema.
struct Node<'d> {
    /// `None` for a schema that jsonschema knows by itself: it applies to everything below its value, too.
    members: Option<&'d Members>,
    /// The schemas that it applies to its value, with itself.
    visits: usize,
    hops: usize,
    /// How often it applies them.
    rounds: usize,
    /// The schemas that it applies to the same value.
    all: Vec<usize>,
}

impl<'d> Graph<'_, 'd> {
    /// Adds a schema and the schemas that it applies to the same value, and returns its index.
    fn add(&mut self, members: &'d Members, depth: usize) -> Result<usize, String> {
        let key = std::ptr::from_ref(members);
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        if depth > HOPS {
            return Err(format!(
                "more than {HOPS} schemas refer to each other in a row, or come back to the first"
            ));
        }
        let below = depth.saturating_add(1);
        let mut all = Vec::new();
        let targets = self.targets(members, &mut all);
        for target in targets.into_iter().filter_map(Value::as_object) {
            all.push(self.add(target, below)?);
        }
        // A boolean schema is applied, too.
        let mut booleans = 0_usize;
        for schema in applied(members) {
            match schema {
                Value::Object(schema) => all.push(self.add(schema, below)?),
                Value::Bool(_) => booleans = booleans.saturating_add(1),
                _ => {}
            }
        }
        let each = all.iter().filter_map(|at| self.nodes.get(*at));
        let hops = each.map(|node| node.hops.saturating_add(1)).max().unwrap_or_default();
        // Unevaluated members and items are found by applying all of them once more, and again the schemas that they apply.
        let is_left = UNEVALUATED.iter().any(|name| members.contains_key(*name));
        let rounds = if is_left { hops.saturating_add(2) } else { 1 };
        let mut node = Node { members: Some(members), visits: 0, hops, rounds, all };
        let own = booleans.saturating_add(1).saturating_mul(self.each).saturating_add((self.cost)(members));
        node.visits = own.saturating_add(node.sum(|at| self.nodes.get(at).map_or(0, |node| node.visits)));
        if node.visits > VISITS {
            return Err(format!("more than {VISITS} schemas apply to one value"));
        }
        if node.hops > HOPS {
            return Err(format!("more than {HOPS} schemas refer to each other in a row"));
        }
        let index = self.nodes.len();
        self.nodes.push(node);
        self.known.insert(key, index);
        Ok(index)
    }

    /// The targets of the references of a schema. References to schemas that jsonschema knows are added here.
    fn targets(&mut self, members: &'d Members, all: &mut Vec<usize>) -> Vec<&'d Value> {
        let mut targets = Vec::new();
        for reference in references(members) {
            let found = self.schemas.targets(members, reference);
            let is_known = match KNOWN.contains(&reference.split('#').next().unwrap_or_default()) {
                true => {
                    all.push(self.metaschema());
                    // It refers to itself dynamically, which is another schema then.
                    !self.schemas.extends_metaschema()
                }
                false => !found.is_empty(),
            };
            if !is_known {
                self.unknown.get_or_insert_with(|| reference.to_owned());
            }
            targets.extend(found);
        }
        // Any of the resources around may be the target. Only the resources around when a payload is judged count.
        if let Some(Value::String(reference)) = members.get("$recursiveRef") {
            if self.schemas.recursive.len() > TARGETS {
                self.unknown.get_or_insert_with(|| reference.clone());
            }
            for schema in self.schemas.recursive.iter().take(TARGETS).copied() {
                if !targets.iter().any(|target| std::ptr::eq(*target, schema)) {
                    targets.push(schema);
                }
            }
        }
        targets
    }

    fn metaschema(&mut self) -> usize {
        if let Some(known) = self.metaschema {
            return known;
        }
        let (index, visits) = (self.nodes.len(), self.each.saturating_mul(METASCHEMA));
        self.nodes.push(Node { members: None, visits, hops: METASCHEMA_HOPS, rounds: 1, all: Vec::new() });
        self.metaschema = Some(index);
        index
    }

    /// How often schemas are applied to one value at most, in payloads of 1 level, 2 levels, and so on, and in payloads of more levels.
    fn times(&self) -> (Vec<usize>, usize) {
        let children = |(index, node): (usize, &Node<'_>)| match node.members {
            Some(members) => self.children(members),
            None => vec![vec![index]],
        };
        let groups: Vec<Vec<Vec<usize>>> = self.nodes.iter().enumerate().map(children).collect();
        let most = |of: &[usize]| of.iter().copied().max().unwrap_or_default();
        // Of each schema, in payloads of one level less.
        let mut known: Vec<usize> = self.nodes.iter().map(|node| node.visits).collect();
        let mut times = vec![most(&known)];
        while times.len() < LEVELS && most(&known) < ENDLESS {
            // To the values below its own.
            let mut below: Vec<usize> = Vec::with_capacity(self.nodes.len());
            for (node, groups) in self.nodes.iter().zip(&groups) {
                let of_group = |group: &Vec<usize>| {
                    group.iter().filter_map(|at| known.get(*at)).copied().max().unwrap_or(self.each)
                };
                let own = groups.iter().map(of_group).fold(0, usize::saturating_add);
                below.push(own.saturating_add(node.sum(|at| below.get(at).copied().unwrap_or_default())));
            }
            let next: Vec<usize> =
                self.nodes.iter().zip(&below).map(|(node, below)| node.visits.max(*below)).collect();
            if next == known {
                return (times, most(&known));
            }
            times.push(most(&next));
            known = next;
        }
        (times, usize::MAX)
    }

    /// The schemas within a schema that apply to its members and items. Of each group, one applies to each of them.
    fn children(&self, members: &Members) -> Vec<Vec<usize>> {
        let of = |name: &str| members.get(name);
        let index = |schema: &Value| self.known.get(&std::ptr::from_ref(schema.as_object()?)).copied();
        let each = |name: &str| of(name).and_then(Value::as_object).into_iter().flat_map(Map::values);
        let list = |name: &str| of(name).and_then(Value::as_array).into_iter().flatten();
        let values = of("additionalProperties").into_iter().chain(each("properties"));
        let items = ["items", "additionalItems"].into_iter().filter_map(of).chain(list("prefixItems"));
        let mut groups: Vec<Vec<&Value>> = vec![values.collect(), items.chain(list("items")).collect()];
        // Twice: to find unevaluated members and items, too.
        let single =
            ["propertyNames", "contains", "contains"].into_iter().chain(UNEVALUATED).chain(UNEVALUATED);
        groups.extend(single.filter_map(of).map(|schema| vec![schema]));
        groups.extend(each("patternProperties").map(|schema| vec![schema]));
        groups.retain(|group| !group.is_empty());
        groups.iter().map(|group| group.iter().filter_map(|schema| index(schema)).collect()).collect()
    }
}

impl Node<'_> {
    /// The sum over the schemas that it applies to the same value.
    fn sum(&self, of: impl Fn(usize) -> usize) -> usize {
        let all = self.all.iter().map(|at| of(*at)).fold(0, usize::saturating_add);
        all.saturating_mul(self.rounds)
    }
}

/// The schemas within a schema that apply to the same value.
fn applied(members: &Members) -> impl Iterator<Item = &Value> {
    let arrays = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|name| members.get(name)?.as_array());
    let single = ["not", "if", "then", "else"].into_iter().filter_map(|name| members.get(name));
    let maps = ["dependentSchemas", "dependencies"]
        .into_iter()
        .filter_map(|name| Some(members.get(name)?.as_object()?.values()));
    arrays.flatten().chain(single).chain(maps.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bounds(document: &Value) -> Result<Bounds, String> {
        Bounds::of(&Schemas::read(document), 1, &|_| 0)
    }

    #[test]
    fn references_are_followed() {
        for (document, hops) in [
            (
                json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}),
                1,
            ),
            // A tree: it comes back at another level.
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"next": {"$ref": "#/$defs/a"}}}}}),
                1,
            ),
            (json!({"allOf": [{"$ref": "#a"}], "$defs": {"b": {"$anchor": "a", "not": {}}}}), 3),
            (
                json!({"$ref": "other.json#/$defs/c%20d", "$defs": {"b": {"$id": "https://example.com/x/other.json", "$defs": {"c d": {"if": {}}}}}}),
                2,
            ),
            (
                json!({"$id": "https://example.com/a", "items": {"$id": "b", "items": {"$ref": "#/$defs/c"}, "$defs": {"c": {"not": {"not": {}}}}}}),
                3,
            ),
        ] {
            let bounds = bounds(&document).unwrap();
            assert_eq!((bounds.hops, bounds.unknown.as_deref()), (hops, None), "{document}");
        }
        assert_eq!(
            bounds(&json!({"$ref": "http://json-schema.org/draft-07/schema#"})).unwrap().unknown,
            None
        );
        // Those of examples are none, unless a reference leads there.
        for name in ["examples", "default", "const", "x-form"] {
            let mut document =
                json!({"type": "object", name: {"$ref": "b.json"}, "properties": {name: {"type": "string"}}});
            assert_eq!(bounds(&document).unwrap().unknown, None, "{document}");
            document["items"] = json!({"$ref": format!("#/{name}")});
            assert_eq!(bounds(&document).unwrap().unknown.as_deref(), Some("b.json"));
            let property = json!({"properties": {name: {"type": "object", "not": {"$ref": "b.json"}}}});
            assert_eq!(bounds(&property).unwrap().unknown.as_deref(), Some("b.json"));
        }
        for unknown in ["#/$defs/b", "#b", "b.json"] {
            let document = json!({"$ref": unknown});
            assert_eq!(bounds(&document).unwrap().unknown.as_deref(), Some(unknown));
        }
    }

    #[test]
    fn what_has_no_end_is_beyond_a_limit() {
        let chain = |length: usize, next: fn(String) -> Value| -> Value {
            let name = |at: usize| format!("a{at}");
            let all: Map<String, Value> =
                (0..length).map(|at| (name(at), next(format!("#/definitions/{}", name(at + 1))))).collect();
            let mut document = json!({"$ref": "#/definitions/a0", "definitions": all});
            document["definitions"][name(length)] = json!({"type": "string"});
            document
        };
        let one = |next: String| json!({"$ref": next});
        let two = |next: String| json!({"anyOf": [{"$ref": next}, {"$ref": next}]});
        assert_eq!(bounds(&chain(63, one)).unwrap().hops, 64);
        for document in [
            chain(64, one),
            chain(100_000, one),
            chain(20, two),
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"items": {"anyOf": [{"$ref": "#/items"}]}}),
        ] {
            assert!(bounds(&document).is_err());
        }
    }

    #[test]
    fn booleans_are_applied() {
        let schema = |count: usize| json!({"items": {"anyOf": vec![json!(false); count]}});
        assert_eq!(bounds(&schema(5)).unwrap().times_of_any(), 6);
        assert!(bounds(&schema(VISITS)).is_err());
        let single = json!({"not": false, "if": true, "then": false, "dependentSchemas": {"a": true}});
        assert_eq!(bounds(&single).unwrap().times_of_any(), 5);
    }

    #[test]
    fn alternatives_multiply() {
        let document = json!({"anyOf": [{"$ref": "#/definitions/A"}], "definitions": {
            "A": {"type": "object", "properties": {"next": {"oneOf": [{"$ref": "#/definitions/A"}, {"$ref": "#/definitions/B"}]}}},
            "B": {"type": "object", "properties": {"next": {"type": "integer"}}}}});
        let bounds = bounds(&document).unwrap();
        let deep = (0..9).fold(json!(1), |inner, _| json!({"next": inner}));
        let extent = Extent::of(&deep);
        assert_eq!((extent.values, extent.levels), (10, 10));
        // To `next`: itself, A, B, and the schemas that these apply to it. A leads to it again, B only to an integer.
        assert_eq!(bounds.times.first(), Some(&5));
        assert_eq!((bounds.times(&extent), bounds.work(&extent)), (14, 140));
    }

    /// A metaschema refers to the schemas around it that have such anchors, at each level.
    #[test]
    fn what_comes_back_through_a_metaschema_is_not_known() {
        let (new, older) =
            ("https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2019-09/schema");
        for (reference, name, anchor) in
            [(new, "$dynamicAnchor", json!("meta")), (older, "$recursiveAnchor", json!(true))]
        {
            let twice = json!([{"$ref": reference}, {"$ref": reference}]);
            let plain = bounds(&json!({"allOf": twice})).unwrap();
            assert_eq!((plain.unknown.as_deref(), plain.times_of_any()), (None, 2 * METASCHEMA + 3));
            assert_eq!(
                bounds(&json!({"allOf": twice, name: anchor})).unwrap().unknown.as_deref(),
                Some(reference)
            );
        }
        // From a resource to another one that has led to it, twice.
        let tree =
            json!({"$id": "tree", "$recursiveAnchor": true, "properties": {"a": {"$recursiveRef": "#"}}});
        let strict =
            json!({"$id": "strict", "$recursiveAnchor": true, "allOf": [{"$ref": "tree"}, {"$ref": "tree"}]});
        let both = json!({"$defs": {"tree": tree, "strict": strict}});
        assert!(bounds(&both).unwrap().times_of_any() > ENDLESS);
        // A tree that comes back once.
        let tree = json!({"$recursiveAnchor": true, "properties": {"a": {"$recursiveRef": "#"}}});
        assert_eq!(bounds(&tree).unwrap().times_of_any(), 2);
    }

    /// The property `default` of a value that is a schema because of the reference only.
    #[test]
    fn properties_that_are_taken_for_a_schema() {
        let twice = json!({"anyOf": vec![json!({"$ref": "#/x/properties"}); 2]});
        let document = json!({"$ref": "#/x/properties", "x": {"properties": {"properties": {"default": twice, "b": true}}}});
        assert!(bounds(&document).unwrap().times_of_any() > ENDLESS);
    }

    /// How often a validator without a memory applies schemas to the last value, counted by walking.
    #[test]
    fn times_are_those_of_a_walk() {
        let leaf = json!({"$ref": "#/d/c"});
        let document = json!({
            "anyOf": [{"properties": {"n": {"$ref": "#/d/a"}}}, {"additionalProperties": {"$ref": "#/d/a"}}],
            "d": {
                "a": {"items": {"oneOf": [leaf, leaf, {}]}, "contains": leaf},
                "c": {"patternProperties": {"a": {}, "b": {}}, "properties": {"ab": {"not": {}}}}
            }
        });
        let bounds = bounds(&document).unwrap();
        // n: twice a reference and its target. Items of it: twice the oneOf, 3 alternatives, 2 targets, and `contains` with its target,
        // which is counted twice. ab of them: 4 ways to c, twice, and each has two patterns and a `not` with its schema.
        assert_eq!(bounds.times, [6, 10, 20, 32]);
        assert_eq!(bounds.times_of_any(), 32);
    }
}
