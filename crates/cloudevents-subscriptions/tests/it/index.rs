//! The index finds what evaluating every subscription finds.

use cloudevents_core::Event;
use cloudevents_subscriptions::{Filter, FilterIndex, Filters, SharedFilterIndex};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

const NAMES: [&str; 6] = ["type", "source", "subject", "priority", "urgent", "specversion"];
const TEXTS: [&str; 14] =
    ["a", "b", "ab", "aba", "ba", "1", "12", "true", "1.0", "0", "abab", "x", "012", "+1"];

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let conditions = vec((select(&NAMES[..]), select(&TEXTS[..])), 1..3)
        .prop_map(|list| list.into_iter().collect::<BTreeMap<_, _>>());
    let name = select(&NAMES[..]);
    let text = select(&TEXTS[..]);
    let condition = prop_oneof![
        (name.clone(), text.clone()).prop_map(|(name, text)| format!("{name} = '{text}'")),
        (name.clone(), text.clone()).prop_map(|(name, text)| format!("{name} LIKE '{text}%'")),
        (name.clone(), text.clone()).prop_map(|(name, text)| format!("{name} LIKE '%{text}'")),
        (name.clone(), text.clone()).prop_map(|(name, text)| format!("{name} LIKE '{text}'")),
        (name.clone(), text.clone(), text.clone())
            .prop_map(|(name, one, two)| format!("{name} IN ('{one}', '{two}')")),
        (name.clone(), text.clone()).prop_map(|(name, text)| format!("{name} NOT LIKE '{text}'")),
        (name.clone(), text.clone()).prop_map(|(name, text)| format!("'{text}' = {name}")),
        (name.clone()).prop_map(|name| format!("{name} = 12")),
        name.prop_map(|name| format!("NOT EXISTS {name}")),
    ];
    let expression = vec((condition, select(vec!["AND", "OR", "XOR"])), 1..4).prop_map(|terms| {
        let mut text = String::new();
        for (index, (condition, operator)) in terms.iter().enumerate() {
            if index > 0 {
                text = format!("({text}) {operator} ");
            }
            text.push_str(condition);
        }
        text
    });
    let leaf = prop_oneof![
        3 => conditions.clone().prop_map(|conditions| Filter::exact(conditions).unwrap()),
        2 => conditions.clone().prop_map(|conditions| Filter::prefix(conditions).unwrap()),
        2 => conditions.prop_map(|conditions| Filter::suffix(conditions).unwrap()),
        3 => expression.prop_map(|text| Filter::Sql(text.parse().unwrap())),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|filters| Filter::all(filters).unwrap()),
            vec(inner.clone(), 1..4).prop_map(|filters| Filter::any(filters).unwrap()),
            inner.prop_map(Filter::not),
        ]
    })
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let text = || select(&TEXTS[..]);
    (
        text(),
        text(),
        prop::option::of(text()),
        prop::option::of(select(vec![0, 1, 12])),
        prop::option::of(any::<bool>()),
    )
        .prop_map(|(ty, source, subject, priority, urgent)| {
            let mut event = Event::builder().id("1").source(source).ty(ty);
            if let Some(subject) = subject {
                event = event.subject(subject);
            }
            if let Some(priority) = priority {
                event = event.extension("priority", priority);
            }
            if let Some(urgent) = urgent {
                event = event.extension("urgent", urgent);
            }
            event.build().unwrap()
        })
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, Vec<Filter>),
    Remove(u8),
    Match(Box<Event>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40_u8, vec(filter(), 0..3)).prop_map(|(key, filters)| Step::Insert(key, filters)),
        2 => (0..40_u8).prop_map(Step::Remove),
        2 => event().prop_map(|event| Step::Match(Box::new(event))),
    ]
}

proptest! {
    #[test]
    fn as_the_naive_loop(steps in vec(step(), 1..80)) {
        let (mut index, mut naive) = (FilterIndex::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(key, filters) => {
                    let filters = Filters::new(filters);
                    prop_assert_eq!(index.insert(key, filters.clone()), naive.insert(key, filters));
                }
                Step::Remove(key) => prop_assert_eq!(index.remove(&key), naive.remove(&key)),
                Step::Match(event) => {
                    let mut found: Vec<u8> = index.matches(&event).into_iter().copied().collect();
                    found.sort_unstable();
                    let expected: Vec<u8> = naive.iter().filter(|(_, filters)| filters.matches(&event)).map(|(key, _)| *key).collect();
                    prop_assert_eq!(found, expected);
                }
            }
            prop_assert_eq!(index.len(), naive.len());
        }
    }
}

#[test]
fn what_can_be_looked_up_is() {
    for filter in [
        r#"{"exact": {"type": "a"}}"#,
        r#"{"all": [{"not": {"exact": {"id": "a"}}}, {"prefix": {"type": "a"}}]}"#,
        r#"{"any": [{"exact": {"type": "a"}}, {"suffix": {"type": "b"}}]}"#,
        r#"{"sql": "priority > 3 AND type LIKE 'a%'"}"#,
        r#"{"sql": "type IN ('a', 'b') OR subject = 'c'"}"#,
    ] {
        let mut index = FilterIndex::new();
        index.insert(1, Filter::parse(filter).unwrap());
        assert_eq!(index.unindexed(), 0, "{filter}");
    }
    for filter in [
        r#"{"not": {"exact": {"type": "a"}}}"#,
        r#"{"sql": "priority > 3"}"#,
        r#"{"sql": "type = 'a' OR priority > 3"}"#,
    ] {
        let mut index = FilterIndex::new();
        index.insert(1, Filter::parse(filter).unwrap());
        assert_eq!(index.unindexed(), 1, "{filter}");
    }
}

#[test]
fn adding_and_removing_while_others_match() {
    let index = SharedFilterIndex::new();
    let event = Event::builder().id("1").source("/s").ty("kept").build().unwrap();
    index.insert(0, Filter::exact([("type", "kept")]).unwrap());
    std::thread::scope(|scope| {
        for thread in 1..4 {
            let index = &index;
            scope.spawn(move || {
                for round in 0..500 {
                    let key = thread * 1000 + round;
                    index.insert(key, Filter::exact([("type", "gone")]).unwrap());
                    index.insert(key, Filter::prefix([("type", "go")]).unwrap());
                    assert!(index.remove(&key).is_some());
                }
            });
            let (index, event) = (index, &event);
            scope.spawn(move || (0..2000).for_each(|_| assert_eq!(index.matches(event), [0])));
        }
    });
    assert_eq!(index.len(), 1);
}
