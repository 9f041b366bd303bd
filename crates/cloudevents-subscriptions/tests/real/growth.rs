//! Time grows with what is read, and no faster.

use cloudevents_core::{DecodeOptions, Event, Formats, Message};
use cloudevents_json::Json;
use cloudevents_subscriptions::Filters;
use std::time::{Duration, Instant};

/// Of a hundred times as many attributes, a few hundred times the time; were it quadratic, 10,000 times.
#[test]
fn the_time_for_attributes_grows_with_their_number() {
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let message = Message::structured(&event, &Json::new()).unwrap().0;
    let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
    let least = |times: [Duration; 5]| times.into_iter().min().unwrap();
    let times = |count: usize| {
        let each: Vec<_> = (0..count).map(|at| format!(r#"{{"exact": {{"a{at}": "x"}}}}"#)).collect();
        let text = format!(r#"[{{"any": [{}]}}]"#, each.join(","));
        let filters = Filters::parse(&text).unwrap();
        let read = least(std::array::from_fn(|_| elapsed(|| Filters::parse(&text).unwrap())));
        let matched = || elapsed(|| filters.matches_message(&message, &with).unwrap());
        (read, least(std::array::from_fn(|_| matched())))
    };
    let ((read, matched), (long_read, long_matched)) = (times(200), times(20_000));
    assert!(long_read < read * 1500, "{read:?} {long_read:?}");
    assert!(long_matched < matched * 1500, "{matched:?} {long_matched:?}");
}

fn elapsed<R>(run: impl FnOnce() -> R) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}
