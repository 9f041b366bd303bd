//! What the protocol of testees says, where no vector does.

use cloudevents_testkit::testee::answer;
use serde_json::{Value, json};

fn run(mut request: Value) -> Value {
    let members = request.as_object_mut().unwrap();
    members.extend([("cmd".to_owned(), "run".into()), ("seq".to_owned(), 1.into())]);
    serde_json::from_str(&answer(&request.to_string()).unwrap()).unwrap()
}

#[test]
fn messages_have_the_topic_or_subject_of_the_request() {
    let event = json!({"specversion": "1.0", "attributes": {
        "id": {"type": "String", "value": "1"},
        "source": {"type": "URI-reference", "value": "/s"},
        "type": {"type": "String", "value": "t"},
    }});
    for (via, option) in [("mqtt5", "topic"), ("mqtt3", "topic"), ("nats", "subject")] {
        let request = json!({"op": "encode", "via": via, "events": [event], "mode": "structured"});
        assert_eq!(run(request.clone())["result"]["message"].get(option), None, "{via}");
        let mut with_option = request;
        with_option["options"] = json!({option: "orders.new"});
        let answer = run(with_option.clone());
        assert_eq!(answer["result"]["message"][option], "orders.new", "{via}: {answer}");
        with_option["options"] = json!({"other": "orders.new"});
        assert!(run(with_option).get("unsupported").is_some(), "{via}");
    }
}
