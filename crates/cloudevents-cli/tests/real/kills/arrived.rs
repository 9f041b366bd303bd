//! The events that arrive at the target of a bridge whose processes are killed.

use cloudevents_kit::Receiver;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The ids that have arrived.
#[derive(Default)]
pub(super) struct Arrived(Mutex<Ids>);

#[derive(Default)]
struct Ids {
    /// How many times each has arrived.
    times: BTreeMap<String, usize>,
    /// Each in its turn, when it arrived for the first time.
    first: Vec<String>,
}

impl Arrived {
    pub(super) fn add(&self, id: &str) {
        let mut ids = self.0.lock().unwrap();
        let times = ids.times.entry(id.to_owned()).or_default();
        *times += 1;
        if *times == 1 {
            ids.first.push(id.to_owned());
        }
    }

    pub(super) fn events(&self) -> usize {
        self.0.lock().unwrap().times.len()
    }

    pub(super) fn deliveries(&self) -> usize {
        self.0.lock().unwrap().times.values().sum()
    }

    pub(super) fn has_all(&self, mut ids: impl Iterator<Item = String>) -> bool {
        let arrived = self.0.lock().unwrap();
        ids.all(|id| arrived.times.contains_key(&id))
    }

    /// The events that arrived for the first time after a later event of their key. An event that comes again may come at any time.
    pub(super) fn inverted(&self) -> Vec<String> {
        let ids = self.0.lock().unwrap();
        let (mut latest, mut inverted) = (BTreeMap::new(), Vec::new());
        for id in &ids.first {
            let Some((Ok(key), Ok(number))) =
                id.split_once('-').map(|(key, number)| (key.parse::<usize>(), number.parse::<usize>()))
            else {
                continue; // those before all others have no key
            };
            let before = latest.entry(key).or_insert(number);
            if number < *before {
                inverted.push(format!("{id} after {key}-{before}"));
            }
            *before = number.max(*before);
        }
        inverted
    }
}

/// Accepts the events that arrive in a broker. Outages end it only if the receiver cannot go on.
pub(super) async fn read(mut receiver: Receiver, arrived: Arc<Arrived>) {
    loop {
        match receiver.next().await {
            Ok(Some(delivery)) => {
                arrived.add(delivery.event().unwrap().id());
                // An event that was not accepted in time comes again.
                let _ = delivery.accept().await;
            }
            Ok(None) => panic!("the receiver has ended"),
            Err(error) => println!("reading: {error}"),
        }
    }
}

/// Reads the lines that a listener writes. A line that a kill cut off is followed by another one in the same line.
pub(super) async fn follow(path: PathBuf, arrived: Arc<Arrived>) {
    let mut lines = BufReader::new(fs::File::open(path).unwrap());
    let mut line = Vec::new();
    loop {
        lines.read_until(b'\n', &mut line).unwrap();
        if !line.ends_with(b"\n") {
            tokio::time::sleep(Duration::from_millis(5)).await; // between two tries
            continue;
        }
        let begin = line.windows(2).rposition(|pair| pair == b"{\"").unwrap_or(0);
        let event: Value = serde_json::from_slice(&line[begin..]).unwrap();
        arrived.add(event["id"].as_str().unwrap());
        line.clear();
    }
}

#[test]
fn an_inversion_is_seen_and_an_event_that_comes_again_is_none() {
    let arrived = Arrived::default();
    for id in ["first-1", "first-0", "0-0", "1-0", "0-1", "0-0", "1-2", "1-1", "0-2", "1-3"] {
        arrived.add(id);
    }
    assert_eq!(arrived.inverted(), ["1-1 after 1-2"]);
    assert_eq!((arrived.events(), arrived.deliveries()), (9, 10));
}
