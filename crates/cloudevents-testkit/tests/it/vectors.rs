//! All published vectors that the toolkit has an implementation for.

use cloudevents_testkit::vectors::check;

#[test]
fn core() {
    check("core/**");
}

#[test]
fn json() {
    check("json/**");
}

#[test]
fn http() {
    check("http/**");
}
