//! What a document takes from the heap, counted.

use cloudevents_adapters::{find, recognize};
use cloudevents_core::DecodeOptions;
use cloudevents_testkit::heap;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// A refused message was not kept first.
#[test]
fn a_flood_of_elements_or_members_costs_no_more_than_itself() {
    let many = "1,".repeat(2 << 20);
    let members: String = (0..200_000).map(|at| format!(r#""a{at}":1,"#)).collect();
    for (name, document) in [
        ("event-grid", format!("[{many}1]")),
        ("aws-s3", format!(r#"{{"Records":[{{"eventSource":"aws:s3","s3":1}},{many}1]}}"#)),
        ("cloudevents-0.2", format!(r#"{{"specversion":"0.2",{members}"id":"1","source":"/s","type":"t"}}"#)),
    ] {
        let document = bytes::Bytes::from(document);
        let heap = heap::of(|| {
            let _ = recognize(&document);
            find(name).unwrap().events(&[], &document, &DecodeOptions::strict()).len()
        });
        assert!(heap.peak < 1 << 20, "{name}: {}", heap.peak);
    }
}
