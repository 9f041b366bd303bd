//! Time grows with what is read, and no faster.

use cloudevents_sql::{Expression, Options};

/// Of a hundred times as many attributes, a few hundred times the time; were it quadratic, 10,000 times.
#[test]
fn the_time_for_attributes_grows_with_their_number() {
    let time = |count: usize| {
        let text = (0..count).map(|at| format!("a{at}")).collect::<Vec<_>>().join(",");
        let text = format!("id IN ({text})");
        let mut options = Options::default();
        options.limits.length = 1 << 20;
        let parse = || {
            let start = std::time::Instant::now();
            Expression::parse_with(&text, &options).unwrap();
            start.elapsed()
        };
        (0..5).map(|_| parse()).min().unwrap()
    };
    let (few, many) = (time(400), time(40_000));
    assert!(many < few * 1500, "{few:?} {many:?}");
}
