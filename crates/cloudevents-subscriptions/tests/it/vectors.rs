//! The published vectors of filters.

#[test]
fn vectors() {
    cloudevents_testkit::vectors::check("subscriptions/**");
}
