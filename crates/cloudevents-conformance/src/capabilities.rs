//! The capabilities that a testee claims when it starts.

use cloudevents_vectors::{Carrier, Case, Expected, PayloadComparison, Revision};
use serde_json::{Map, Value};

use crate::tree::json::Json;

/// The implementation under test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Implementation {
    /// The name of the implementation.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The programming language it is written in.
    pub language: String,
    /// The version of the adapter, if the testee states one.
    pub adapter: Option<String>,
}

/// The capabilities that the testee claims.
///
/// If it omits the list of formats, bindings or operations, the harness sends every such case, and the testee may answer `unsupported`.
/// Such a run is no success, because it does not show which cases the testee leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Values of `specversion`, such as `1.0`; `None` if the testee omits the list.
    pub specversions: Option<Vec<String>>,
    /// Revisions of the specification to judge by. Default: the last release, 1.0.2.
    pub revisions: Vec<Revision>,
    /// Event formats. A batch format has a separate name, such as `json-batch`.
    pub formats: Option<Vec<String>>,
    /// Protocol bindings.
    pub bindings: Option<Vec<String>>,
    /// Operations of the protocol.
    pub ops: Option<Vec<String>>,
    /// How strictly it decodes: `strict`, `lenient` or both. Default: `strict`.
    pub strictness: Vec<String>,
    /// The reports of the testee beyond the specification: `losses`, `repairs`, `notes`. Only claimed reports are compared. Default: none.
    pub reports: Vec<String>,
    /// Kinds of payloads. Default: `json`, `text` and `binary`; others are `xml`, `cbor` and `proto`.
    pub payloads: Vec<String>,
    /// Encoding options, such as `key`. Default: none.
    pub options: Vec<String>,
    /// Formats, bindings and operations that the implementation has and the adapter does not cover. Default: none.
    pub uncovered: Vec<String>,
}

/// Why a case is not sent to a testee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lack {
    pub(crate) reason: String,
    /// The implementation has the feature that the case needs, and the adapter does not cover it.
    pub(crate) uncovered: bool,
}

/// The versions of the specification that events are of.
const VERSIONS: [&str; 2] = ["0.3", "1.0"];

impl Capabilities {
    /// The lists that the testee omits. Without them its result is no success.
    ///
    /// A list of specversions without 1.0 counts as omitted: hardly a case with an event would be sent, and no case with an event that has
    /// to be accepted.
    pub(crate) fn omitted(&self) -> Vec<&'static str> {
        let lists = [("ops", &self.ops), ("formats", &self.formats), ("bindings", &self.bindings)];
        let omitted = lists.into_iter().filter(|(_, list)| list.is_none()).map(|(name, _)| name);
        let none = |versions: &Vec<String>| !versions.iter().any(|version| version == "1.0");
        omitted.chain(self.specversions.as_ref().is_some_and(none).then_some("specversions")).collect()
    }

    /// Describes the problem of capabilities that omit these lists.
    pub(crate) fn omission(omitted: &[&str]) -> String {
        let (versions, lists): (Vec<&str>, Vec<&str>) =
            omitted.iter().partition(|list| **list == "specversions");
        let lists = (!lists.is_empty())
            .then(|| format!("the testee does not state its {} in `capabilities`", lists.join(", ")));
        let versions =
            (!versions.is_empty()).then(|| "the testee's `specversions` do not have 1.0".to_owned());
        lists.into_iter().chain(versions).collect::<Vec<_>>().join(", and ")
    }

    /// The reason for not sending a case to the testee: it does not claim a feature that the case needs.
    pub(crate) fn lack(&self, case: &Case) -> Option<Lack> {
        let reason = self.lacking(case)?;
        if self.uncovered.is_empty() {
            return Some(Lack { reason, uncovered: false });
        }
        Some(match self.with_uncovered().lacking(case) {
            None => Lack { reason: format!("{reason}, and the adapter does not cover it"), uncovered: true },
            Some(reason) => Lack { reason, uncovered: false },
        })
    }

    /// The capabilities of the implementation, with the features that the adapter does not cover.
    fn with_uncovered(&self) -> Self {
        let mut all = self.clone();
        for list in [&mut all.ops, &mut all.formats, &mut all.bindings].into_iter().flatten() {
            list.extend(self.uncovered.iter().cloned());
        }
        all
    }

    fn lacking(&self, case: &Case) -> Option<String> {
        let request = &case.request;
        let sides = || [Some(request), object(request, "from"), object(request, "to")].into_iter().flatten();
        lacks("operation", self.ops.as_deref(), case.op())
            .or_else(|| sides().find_map(|side| self.lacks_carrier(side)))
            .or_else(|| {
                sides().find_map(|side| lacks("strictness", Some(&self.strictness), text(side, "strictness")))
            })
            .or_else(|| {
                let mut options = sides().filter_map(|side| object(side, "options")).flat_map(Map::keys);
                options.find_map(|name| lacks("option", Some(&self.options), Some(name)))
            })
            .or_else(|| {
                let exact = request.get("exact").and_then(Value::as_bool) == Some(true);
                lacks("report of", Some(&self.reports), exact.then_some("losses"))
            })
            .or_else(|| sides().find_map(|side| self.lacks_batch(side)))
            .or_else(|| self.lacks_payload(case))
            .or_else(|| self.lacks_format_of(wanted(case)?))
            .or_else(|| {
                events(case).find_map(|event| {
                    // Any other version is there to be refused.
                    let version =
                        text(event.as_object()?, "specversion").filter(|version| VERSIONS.contains(version));
                    lacks("specversion", self.specversions.as_deref(), version)
                })
            })
    }

    /// The batch of a format, as the content type of the message names it.
    fn lacks_batch(&self, side: &Map<String, Value>) -> Option<String> {
        let message = serde_json::to_string(side.get("message")?).ok()?.to_lowercase();
        let (_, rest) = message.split_once("application/cloudevents-batch+")?;
        let format = format!("{}-batch", rest.split(|c: char| !c.is_ascii_alphanumeric()).next()?);
        let known = is_format(&format).then_some(format.as_str());
        lacks("format", self.formats.as_deref(), known)
    }

    /// A kind of payload that the request has, or that every result has.
    fn lacks_payload(&self, case: &Case) -> Option<String> {
        let lacks = |event: &Value| {
            let kind = event.get("data")?.as_object()?.keys().next()?.as_str();
            let any = kind == "json" && case.compare.payload == PayloadComparison::Json;
            lacks("payload kind", Some(&self.payloads), Some(kind).filter(|_| !any))
        };
        if let Some(reason) = list(&case.request, "events").find_map(lacks) {
            return Some(reason);
        }
        // That the input may be refused says nothing of who reads it as another kind.
        let mut results = case.expect.iter().filter_map(|outcome| match &outcome.expected {
            Expected::Result(result) => Some(list(result, "events").find_map(lacks)),
            Expected::Error(_) => None,
        });
        let first = results.next()??;
        results.all(|reason| reason.is_some()).then_some(first)
    }

    /// A format that is named by the result alone: by the content type of the message that it is read from.
    fn lacks_format_of(&self, result: &Map<String, Value>) -> Option<String> {
        let format = text(result, "format")?;
        let batch = format!("{format}-batch");
        let formats = self.formats.as_deref();
        lacks("format", formats, Some(format)).filter(|_| lacks("format", formats, Some(&batch)).is_some())
    }

    fn lacks_carrier(&self, carried: &Map<String, Value>) -> Option<String> {
        let via = text(carried, "via");
        let of_via = match via {
            Some(via) if is_format(via) => lacks("format", self.formats.as_deref(), Some(via)),
            via => lacks("binding", self.bindings.as_deref(), via),
        };
        of_via.or_else(|| {
            let format = text(carried, "format")?;
            let batch = format!("{format}-batch");
            let format = match text(carried, "mode") {
                // A batch is requested from a format without batches, to see it refused.
                Some("batched") if is_format(&batch) => batch,
                _ => format.to_owned(),
            };
            lacks("format", self.formats.as_deref(), Some(&format))
        })
    }

    /// Reads the answer to `start`. The error describes the problem of the answer.
    pub(crate) fn read(answer: &Json) -> Result<(Implementation, Capabilities), String> {
        match answer.get("version").map(ToString::to_string).as_deref() {
            Some("1") => (),
            Some(version) => return Err(format!("version {version} of the protocol instead of version 1")),
            None => return Err("no `version` of the protocol".to_owned()),
        }
        let implementation = answer.get("implementation").filter(|value| value.is_object());
        let implementation = implementation.ok_or("no object `implementation`")?;
        let stated = |name: &str| -> Result<String, String> {
            let value = implementation.get(name).and_then(Json::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("no text `{name}` in `implementation`"))
        };
        let implementation = Implementation {
            name: stated("name")?,
            version: stated("version")?,
            language: stated("language")?,
            adapter: match implementation.get("adapter") {
                None => None,
                Some(_) => Some(stated("adapter")?),
            },
        };
        let capabilities = answer.get("capabilities").filter(|value| value.is_object());
        let capabilities = capabilities.ok_or("no object `capabilities`")?;
        let list = |name: &str| texts(capabilities, name);
        let revisions = match list("spec")? {
            // A later harness may know names that this one does not.
            Some(names) => names.iter().filter_map(|name| Revision::from_name(name)).collect(),
            None => vec![Revision::V1_0_2],
        };
        if revisions.is_empty() {
            return Err(
                "`spec` in `capabilities` names no revision of the specification: 1.0.2 and main are \
                        some, and 1.0 is one of `specversions`"
                    .to_owned(),
            );
        }
        let capabilities = Capabilities {
            specversions: list("specversions")?,
            revisions,
            formats: list("formats")?,
            bindings: list("bindings")?,
            ops: list("ops")?,
            strictness: or(list("strictness")?, &["strict"]),
            reports: or(list("reports")?, &[]),
            payloads: or(list("payloads")?, &["json", "text", "binary"]),
            options: or(list("options")?, &[]),
            uncovered: or(list("uncovered")?, &[]),
        };
        Ok((implementation, capabilities))
    }
}

/// Whether `via` is the name of a format. Otherwise it is the name of a binding.
pub(crate) fn is_format(via: &str) -> bool {
    Carrier::of(via).is_some_and(Carrier::is_format)
}

fn lacks(what: &str, claimed: Option<&[String]>, needed: Option<&str>) -> Option<String> {
    let (claimed, needed) = (claimed?, needed?);
    (!claimed.iter().any(|name| name == needed))
        .then(|| format!("the {what} {needed} is not among its capabilities"))
}

fn or(claimed: Option<Vec<String>>, presumed: &[&str]) -> Vec<String> {
    claimed.unwrap_or_else(|| presumed.iter().map(|&name| name.to_owned()).collect())
}

fn list<'a>(members: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    members.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// The first result that a case allows.
fn wanted(case: &Case) -> Option<&Map<String, Value>> {
    match &case.expect.first()?.expected {
        Expected::Result(result) => Some(result),
        Expected::Error(_) => None,
    }
}

/// The events that a case hands over or wants to see.
fn events(case: &Case) -> impl Iterator<Item = &Value> {
    let members = [Some(&case.request), wanted(case)].into_iter().flatten();
    members.flat_map(|members| {
        let list = members.get("events").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().chain(members.get("event"))
    })
}

fn object<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    members.get(name).and_then(Value::as_object)
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn texts(value: &Json, name: &str) -> Result<Option<Vec<String>>, String> {
    let Some(list) = value.get(name) else { return Ok(None) };
    let items = list.items().map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    match items {
        Some(Some(texts)) => {
            // Names are a set: an adapter may say them in another order when it is started again.
            let mut texts: Vec<String> = texts;
            texts.sort();
            texts.dedup();
            Ok(Some(texts))
        }
        _ => Err(format!("`{name}` in `capabilities` is not a list of texts")),
    }
}

#[cfg(test)]
mod tests {
    use cloudevents_vectors::Document;
    use serde_json::json;

    use super::*;

    fn start() -> Value {
        json!({
            "version": 1, "implementation": {"name": "n", "version": "2", "language": "l"},
            "capabilities": {"specversions": ["1.0"], "formats": ["json"], "bindings": ["http"],
                "ops": ["decode", "encode", "transcode", "upgrade"]}
        })
    }

    fn lack(request: Value, outcome: Value) -> Option<String> {
        lack_of(request, json!([outcome]))
    }

    fn lack_of(request: Value, expect: Value) -> Option<String> {
        let document = json!({"area": "a", "topic": "t", "title": "t", "cases": [{
            "id": "a/t/x", "title": "t", "clauses": ["A-1-a"], "level": "MUST", "revisions": ["main"],
            "request": request, "expect": expect}]});
        let case = Document::parse(&document.to_string()).unwrap().cases.remove(0);
        let lack = Capabilities::read(&Json::from(&start())).unwrap().1.lack(&case)?;
        assert!(!lack.uncovered);
        Some(lack.reason)
    }

    #[test]
    fn the_answer_to_start_is_read() {
        let (implementation, capabilities) = Capabilities::read(&Json::from(&start())).unwrap();
        assert_eq!(implementation.version, "2");
        assert_eq!(capabilities.bindings.as_deref(), Some(&["http".to_owned()][..]));
        assert_eq!(capabilities.revisions, [Revision::V1_0_2]);
        assert_eq!((capabilities.strictness, capabilities.reports), (vec!["strict".to_owned()], Vec::new()));
        let mut both = start();
        both["capabilities"]["spec"] = json!(["1.0.2", "main", "9.9"]);
        both["capabilities"].as_object_mut().unwrap().remove("ops");
        let (_, capabilities) = Capabilities::read(&Json::from(&both)).unwrap();
        assert_eq!(capabilities.revisions, [Revision::V1_0_2, Revision::Main]);
        assert_eq!(capabilities.ops, None);
    }

    #[test]
    fn what_is_wrong_with_the_answer_to_start_is_told() {
        for (pointer, value, told) in [
            ("/version", json!(2), "version 2"),
            ("/version", json!("1"), "version \"1\""),
            ("/implementation", json!("n"), "no object `implementation`"),
            ("/implementation/name", json!(null), "no text `name`"),
            ("/capabilities", json!([]), "no object `capabilities`"),
            ("/capabilities/ops", json!("decode"), "`ops` in `capabilities` is not a list"),
            ("/capabilities/formats", json!([1]), "`formats` in `capabilities` is not a list"),
            ("/capabilities/spec", json!(["1.0"]), "`spec` in `capabilities` names no revision"),
            ("/capabilities/spec", json!([]), "`spec` in `capabilities` names no revision"),
        ] {
            let mut answer = start();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            answer.pointer_mut(parent).unwrap()[name] = value;
            let error = Capabilities::read(&Json::from(&answer)).unwrap_err();
            assert!(error.contains(told), "{pointer}: {error}");
        }
    }

    #[test]
    fn what_the_adapter_does_not_cover_is_told_from_what_the_implementation_does_not_have() {
        let mut answer = start();
        answer["capabilities"]["uncovered"] = json!(["kafka", "sql"]);
        let (_, capabilities) = Capabilities::read(&Json::from(&answer)).unwrap();
        let uncovered = |request: Value| {
            let document = json!({"area": "a", "topic": "t", "title": "t", "cases": [{
                "id": "a/t/x", "title": "t", "clauses": ["A-1-a"], "level": "MUST", "revisions": ["main"],
                "request": request, "expect": [{"error": {}}]}]});
            let case = Document::parse(&document.to_string()).unwrap().cases.remove(0);
            capabilities.lack(&case).map(|lack| lack.uncovered)
        };
        assert_eq!(uncovered(json!({"op": "sql"})), Some(true));
        assert_eq!(uncovered(json!({"op": "decode", "via": "kafka"})), Some(true));
        assert_eq!(uncovered(json!({"op": "decode", "via": "nats"})), Some(false));
        assert_eq!(uncovered(json!({"op": "filter", "via": "kafka"})), Some(false));
        assert_eq!(uncovered(json!({"op": "decode", "via": "http"})), None);
    }

    #[test]
    fn options_lenience_and_payloads_are_asked_of_those_who_claim_them() {
        let needs = |request: Value, outcome: Value| lack(request, outcome).unwrap_or_default();
        let lenient = json!({"op": "decode", "via": "http", "strictness": "lenient"});
        assert_eq!(
            needs(lenient, json!({"error": {}})),
            "the strictness lenient is not among its capabilities"
        );
        let option =
            json!({"op": "transcode", "from": {"via": "json"}, "to": {"via": "http", "options": {"x": 1}}});
        assert_eq!(needs(option, json!({"error": {}})), "the option x is not among its capabilities");
        let exact = json!({"op": "transcode", "from": {"via": "json"}, "to": {"via": "http"}, "exact": true});
        assert_eq!(needs(exact, json!({"error": {}})), "the report of losses is not among its capabilities");
        let event = |data: Value| json!({"specversion": "1.0", "attributes": {}, "data": data});
        let xml = json!({"op": "encode", "via": "http", "events": [event(json!({"xml": "<a/>"}))]});
        assert_eq!(needs(xml, json!({"error": {}})), "the payload kind xml is not among its capabilities");
        let read = |data: Value| json!({"result": {"events": [event(data)]}});
        let decode = || json!({"op": "decode", "via": "json"});
        assert_eq!(
            needs(decode(), read(json!({"cbor": ""}))),
            "the payload kind cbor is not among its capabilities"
        );
        assert_eq!(needs(decode(), read(json!({"text": ""}))), "");
        // What may be refused, or read as a kind that is not claimed, may be read as another kind.
        let refused = || json!({"error": {}});
        let needs = |expect: Value| lack_of(decode(), expect).is_some();
        assert!(needs(json!([read(json!({"cbor": ""})), refused()])));
        assert!(needs(json!([refused(), read(json!({"cbor": ""}))])));
        assert!(!needs(json!([read(json!({"cbor": ""})), read(json!({"text": ""})), refused()])));
        assert!(!needs(json!([refused()])));
    }

    #[test]
    fn what_is_not_claimed_is_not_asked() {
        let any = || json!({"error": {}});
        let has = |request: Value| lack(request, any()).is_none();
        assert!(has(json!({"op": "decode", "via": "http"})));
        assert!(has(json!({"op": "decode", "via": "json"})));
        assert!(!has(json!({"op": "sql", "expression": "1"})));
        assert!(!has(json!({"op": "decode", "via": "kafka"})));
        let batch = json!([["Content-Type", "application/CloudEvents-batch+json; charset=utf-8"]]);
        assert!(!has(json!({"op": "decode", "via": "http", "message": {"headers": batch}})));
        assert!(!has(json!({"op": "decode", "via": "json-batch"})));
        assert!(has(json!({"op": "encode", "via": "http", "mode": "structured", "format": "json"})));
        assert!(!has(json!({"op": "encode", "via": "http", "mode": "batched", "format": "json"})));
        assert!(!has(json!({"op": "encode", "via": "http", "mode": "structured", "format": "avro"})));
        assert!(has(json!({"op": "transcode", "from": {"via": "json"}, "to": {"via": "http"}})));
        assert!(!has(json!({"op": "transcode", "from": {"via": "json"}, "to": {"via": "xml"}})));
        assert!(!has(json!({"op": "transcode", "from": {"via": "nats"}, "to": {"via": "json"}})));
        assert!(has(
            json!({"op": "encode", "via": "http", "events": [{"specversion": "1.0"}, {"specversion": "9"}]})
        ));
        assert!(!has(
            json!({"op": "encode", "via": "http", "events": [{"specversion": "1.0"}, {"specversion": "0.3"}]})
        ));
        assert!(!has(json!({"op": "upgrade", "event": {"specversion": "0.3"}})));
        let read = |format: &str| {
            lack(json!({"op": "decode", "via": "http"}), json!({"result": {"format": format}}))
        };
        assert_eq!(read("json"), None);
        assert_eq!(read("xml").as_deref(), Some("the format xml is not among its capabilities"));
        let read = json!({"result": {"events": [{"specversion": "0.3", "attributes": {}}]}});
        assert_eq!(
            lack(json!({"op": "decode", "via": "json"}), read).as_deref(),
            Some("the specversion 0.3 is not among its capabilities")
        );
    }
}
