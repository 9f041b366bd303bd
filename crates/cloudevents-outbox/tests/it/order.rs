//! Messages in order stay in order, whatever fails.

use crate::tools::{Arrived, MINUTE, SECOND, event, sender, tokio_clock};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{Entry, Outbox, OutboxOptions, RetrySchedule, State, rusqlite041::SqliteStore};
use cloudevents_transport::Receipt;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};
use tokio::time::{Instant, sleep};

/// What a peer does with a message, attempt by attempt; then it takes it.
type Script = Vec<Act>;

#[derive(Clone, Copy, Debug)]
enum Act {
    Temporary,
    Throttled,
    Refused,
    /// As with a wrong token: it may be about all messages.
    Denied,
    Hangs,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Temporary),
        Just(Act::Throttled),
        Just(Act::Refused),
        Just(Act::Denied),
        Just(Act::Hangs)
    ]
}

/// Targets with messages: whether each is in order, and its script.
fn targets() -> impl Strategy<Value = Vec<Vec<(bool, Script)>>> {
    let message = (any::<bool>(), prop::collection::vec(act(), 0..3));
    prop::collection::vec(prop::collection::vec(message, 0..12), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn messages_in_order_arrive_in_order_and_all_messages_end(targets in targets(), workers in 1..3_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(targets, workers));
    }
}

async fn check(targets: Vec<Vec<(bool, Script)>>, workers: usize) {
    let store = SqliteStore::in_memory().unwrap();
    let outbox = Outbox::new(store.clone()).with_clock(tokio_clock());
    let arrived = Arrived::default();
    let scripts: Arc<Mutex<HashMap<String, Script>>> = Arc::default();
    let mut expected = BTreeMap::<String, Option<bool>>::new();
    for (target, messages) in targets.iter().enumerate() {
        for (number, (ordered, script)) in messages.iter().enumerate() {
            let name = format!("{target}/{number:02}");
            let entry = Entry::new(format!("t{target}"), event(&name));
            outbox.enqueue(if *ordered { entry.in_order() } else { entry }).await.unwrap();
            let is_refused = script.iter().any(|act| matches!(act, Act::Refused));
            let is_denied = script.iter().any(|act| matches!(act, Act::Denied));
            scripts.lock().unwrap().insert(name.clone(), script.iter().rev().copied().collect());
            // What is denied may pass, unless another message shows that it is this one's own fault.
            expected.insert(name, if is_denied { None } else { Some(!is_refused) });
        }
    }
    let peer = {
        let (arrived, scripts) = (arrived.clone(), Arc::clone(&scripts));
        sender(move |outgoing| {
            let act = scripts.lock().unwrap().get_mut(&crate::tools::id(&outgoing)).unwrap().pop();
            let arrived = arrived.clone();
            async move {
                sleep(SECOND / 10).await;
                match act {
                    Some(Act::Temporary) => Err(Error::new(ErrorKind::Disconnected)),
                    Some(Act::Throttled) => Err(Error::new(ErrorKind::Refused).with_retry_after(3 * SECOND)),
                    Some(Act::Refused) => Err(Error::new(ErrorKind::InvalidData)),
                    Some(Act::Denied) => Err(Error::new(ErrorKind::Refused)),
                    Some(Act::Hangs) => std::future::pending().await,
                    None => {
                        arrived.note(&outgoing);
                        Ok(Receipt::new())
                    }
                }
            }
        })
    };
    let begin = Instant::now();
    let done = async || {
        while outbox.counts().await.unwrap().pending > 0 {
            assert!(begin.elapsed() < 24 * 60 * MINUTE, "{:?}", outbox.targets("").await);
            sleep(SECOND).await;
        }
    };
    let mut options = OutboxOptions::default();
    options.clock = tokio_clock();
    options.retry = RetrySchedule::exponential(SECOND, MINUTE);
    let run = async |outbox: Outbox<SqliteStore>| {
        let peer = peer.clone();
        let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
        outbox.run(route, options.clone()).until(done()).await.unwrap();
    };
    futures_util::future::join_all((0..workers).map(|_| run(Outbox::new(store.clone())))).await;

    let ids = arrived.ids();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), ids.len());
    for (target, messages) in targets.iter().enumerate() {
        let in_order: Vec<_> = ids
            .iter()
            .filter_map(|id| id.split_once('/'))
            .filter(|(of, number)| *of == target.to_string() && messages[number.parse::<usize>().unwrap()].0)
            .map(|(_, number)| number)
            .collect();
        assert!(in_order.is_sorted(), "{in_order:?}");
    }
    for record in outbox.find(cloudevents_outbox::Query::default().with_limit(1000)).await.unwrap() {
        let name = record.id.unwrap().into_string();
        let is_delivered = expected[&name].unwrap_or(record.state == State::Delivered);
        assert_eq!(record.state, if is_delivered { State::Delivered } else { State::Dead });
        assert_eq!(ids.contains(&name), is_delivered);
    }
}
