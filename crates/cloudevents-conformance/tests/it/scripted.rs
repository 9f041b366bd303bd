//! A suite and a testee that say what the other wants to hear.

use cloudevents_conformance::vectors::{Document, load_requirements};
use cloudevents_conformance::{InProcess, Suite};
use serde_json::{Value, json};

/// A case whose request carries the answer to it.
pub(crate) fn case(name: &str, level: &str, answer: Value, expect: Value) -> Value {
    json!({
        "id": format!("test/scripted/{name}"), "title": format!("The rule of <{name}>"), "clauses": ["HTTP-3.1.3.2-f"],
        "level": level, "revisions": ["1.0.2", "main"], "request": {"op": "script", "answer": answer}, "expect": expect
    })
}

pub(crate) fn suite(cases: Vec<Value>) -> Suite {
    let document = json!({"area": "test", "topic": "scripted", "title": "Scripted", "cases": cases});
    Suite::new([Document::parse(&document.to_string()).unwrap()], load_requirements().unwrap())
}

/// A testee that answers with the answer in the request, and panics when there is none.
pub(crate) fn testee() -> InProcess<impl FnMut(&str) -> String> {
    InProcess::new(|request: &str| {
        let request: Value = serde_json::from_str(request).unwrap();
        if request["cmd"] == "start" {
            return json!({
                "version": 1, "implementation": {"name": "Scripted", "version": "1", "language": "Rust", "adapter": "7"},
                "capabilities": {"spec": ["1.0.2", "main"], "ops": ["script"], "formats": [], "bindings": []}
            })
            .to_string();
        }
        let mut answer = request["answer"].clone();
        answer
            .as_object_mut()
            .expect("no answer in the script")
            .insert("seq".to_owned(), request["seq"].clone());
        answer.to_string()
    })
}
