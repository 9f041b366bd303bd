//! Schedules of faults in virtual time, each from a seed. A failing seed fails again in the same way:
//! `CE_SIM_SEED=1234 cargo test -p cloudevents-transport --test it simulation -- --nocapture`.

use super::world::{Item, Kind, Letters, Log, Queue, State, Target, World};
use cloudevents_core::{DecodeOptions, Error, Event};
use cloudevents_testkit::{rng::Rng, size};
use cloudevents_transport::{
    Bounds, Bridge, DeadLetter, DeadLetterSink, OrderBy, Receiver, ReceiverOptions, Sender,
    binding::log::{Ledger, LogOptions, LogReceiver},
    bridge::{BridgePolicy, BridgeStatus},
};
use std::{collections::BTreeMap, env, time::Duration};
use tokio::time::{Instant, sleep, timeout};

const MINUTE: u64 = 60_000;

/// The seeds of this run.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number("CE_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CE_SIM_SEEDS").unwrap_or(size(100) as u64),
    }
}

#[test]
fn nothing_is_lost_or_inverted() {
    let (mut crashes, mut duplicates) = (0, 0);
    for seed in seeds() {
        let run = std::panic::catch_unwind(|| run(seed));
        let Ok(run) = run else { panic!("seed {seed} fails: run it again with CE_SIM_SEED={seed}") };
        if env::var_os("CE_SIM_SEED").is_some() {
            run.trace.iter().for_each(|line| println!("{line}"));
        }
        crashes += run.crashes;
        duplicates += run.duplicates;
    }
    println!("{} schedules, {crashes} crashes, {duplicates} duplicates", seeds().count());
}

#[test]
fn a_seed_is_one_schedule() {
    for seed in 0..size(40) as u64 {
        let (one, two) = (run(seed).trace, run(seed).trace);
        let differs = one.iter().zip(&two).find(|(one, two)| one != two);
        assert!(differs.is_none() && one.len() == two.len(), "seed {seed}: {differs:?}");
    }
}

struct Ran {
    crashes: u64,
    duplicates: u64,
    trace: Vec<String>,
}

fn run(seed: u64) -> Ran {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        timeout(Duration::from_secs(48 * 3600), schedule(seed)).await.expect("the bridge does not end")
    })
}

/// The settings of one schedule.
struct Plan {
    kind: Kind,
    limit: usize,
    parked: usize,
    in_flight: usize,
    order: OrderBy,
    /// Whether the bridge stores dead letters itself.
    own_letters: bool,
}

async fn schedule(seed: u64) -> Ran {
    let mut rng = Rng(seed);
    let plan = Plan {
        kind: if rng.percent(50) { Kind::Queue } else { Kind::Log },
        limit: 1 + rng.below(16) as usize,
        parked: 1 + rng.below(8) as usize,
        in_flight: 4 + rng.below(60) as usize,
        order: if rng.percent(70) { OrderBy::Key } else { OrderBy::Partition },
        own_letters: rng.percent(50),
    };
    let items = items(&mut rng);
    let mut crashes = rng.below(5);
    let (mut outages, now) = (Vec::new(), Instant::now());
    for _ in 0..rng.below(4) {
        let from = now + Duration::from_millis(rng.below(2 * MINUTE));
        outages.push((from, from + Duration::from_millis(rng.below(20 * MINUTE))));
    }
    let from = now + Duration::from_millis(rng.below(MINUTE));
    let sink_outage = rng.percent(30).then(|| (from, from + Duration::from_millis(rng.below(5 * MINUTE))));
    let mut stops = rng.below(3);
    let world = World::new(rng.clone(), plan.kind, items);
    (world.state().outages, world.state().sink_outage) = (outages, sink_outage);

    let (mut ran, mut allowed) = (0, 0);
    while world.state().left() > 0 {
        let fuse = (crashes > 0).then(|| rng.below(250));
        let stop = (stops > 0 && rng.percent(50)).then(|| rng.below(30_000));
        let incarnation = world.restart(fuse);
        let (bridge, status) = bridge(&world, incarnation, &plan);
        world.state().status = Some(status.clone());
        let until = async {
            match stop {
                Some(millis) => sleep(Duration::from_millis(millis)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = world.crash() => {
                crashes = crashes.saturating_sub(1);
                ran += 1;
                allowed += in_flight(&world, &plan);
            }
            ended = bridge.run().until(until) => {
                // The simulated log has an end, which it reports as an error.
                let is_end = world.state().left() == 0;
                assert!(ended.is_ok() || is_end, "{ended:?}");
                assert!(stop.is_some() || is_end, "the bridge ended with {} messages left", world.state().left());
                assert!(world.state().held.is_empty(), "the bridge was drained and holds messages");
                conserves(&world.state(), &status, &plan);
                stops = stops.saturating_sub(1);
                // Nothing is sent again after it.
            }
        }
    }
    // What was on the wire when a bridge crashed arrives.
    sleep(Duration::from_secs(10)).await;
    let duplicates = check(&world, &plan, allowed);
    let trace = std::mem::take(&mut world.state().trace);
    Ran { crashes: ran, duplicates, trace }
}

/// The numbers of a bridge that has ended are those that its ends have seen.
fn conserves(state: &State, status: &BridgeStatus, plan: &Plan) {
    let (tally, sent, moved) = (&state.tally, status.sent(), status.metrics());
    assert_eq!(
        (sent.enqueued, sent.sent, sent.failed, moved.confirmed),
        (tally.sent, tally.confirmed, tally.failed, tally.confirmed),
        "{tally:?}: {sent}, {moved:?}"
    );
    let received = status.received();
    assert_eq!(received.unsettled(), 0, "{received}");
    if plan.kind == Kind::Queue {
        let settled = |name: &str| tally.settled.get(name).copied().unwrap_or_default();
        let numbers = [received.accepted, received.retried, received.rejected, received.released];
        assert_eq!(numbers, ["accepted", "retried", "rejected", "released"].map(settled), "{received}");
        assert_eq!(
            (received.received, received.received_bytes),
            (tally.received, tally.received_bytes),
            "{received}"
        );
    }
}

fn items(rng: &mut Rng) -> Vec<Item> {
    let (partitions, keys) = (1 + rng.below(3), 1 + rng.below(8));
    let poison = rng.below(8);
    (0..20 + rng.below(100))
        .map(|index| {
            let key = rng.percent(85).then(|| rng.below(keys));
            let partition = key.unwrap_or_else(|| rng.below(partitions)) % partitions;
            let event = Event::builder().id(index.to_string()).source("/simulation").ty("t");
            Item {
                event: event.build().unwrap(),
                key: key.map(|key| key.to_string()),
                partition: u32::try_from(partition).unwrap(),
                is_poison: rng.percent(poison),
            }
        })
        .collect()
}

fn bridge(world: &World, incarnation: u32, plan: &Plan) -> (Bridge, BridgeStatus) {
    let mut options = ReceiverOptions::from(DecodeOptions::strict());
    options.in_flight = Bounds { messages: plan.in_flight, ..Bounds::default() };
    let receiver = match plan.kind {
        Kind::Queue => Receiver::new(Queue(world.clone(), incarnation), options),
        Kind::Log => {
            let ledger =
                Ledger::new(LogOptions::default().with_sink(Sink(Letters(world.clone(), incarnation))))
                    .unwrap();
            let log = Log::new(world.clone(), incarnation, ledger.clone());
            Receiver::new(LogReceiver::new(ledger, log), options)
        }
    };
    world.state().in_flight = Some(receiver.in_flight().clone());
    let mut policy = BridgePolicy::default();
    (policy.limit, policy.parked, policy.order) = (plan.limit, plan.parked, plan.order.clone());
    policy.drain = Duration::from_secs(3600);
    policy.dead_letters = plan.own_letters.then(|| Sender::new(Letters(world.clone(), incarnation)));
    let bridge = Bridge::new(receiver, Sender::new(Target(world.clone(), incarnation)), policy).unwrap();
    let status = bridge.status();
    (bridge, status)
}

struct Sink(Letters);

impl DeadLetterSink for Sink {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let event = letter.received.message()?.event(&DecodeOptions::strict())?.value;
        self.0.put(&event).await
    }
}

/// The messages that were in flight when the bridge crashed: those that the target may have and the source
/// sends again.
fn in_flight(world: &World, plan: &Plan) -> u64 {
    let state = world.state();
    let count = match plan.kind {
        Kind::Queue => {
            let count = state.held.intersection(&state.sent).count();
            // Those that are confirmed stay in flight until the source has read that they are accepted.
            assert!(count <= plan.in_flight, "{count} messages were in flight");
            count
        }
        Kind::Log => {
            let is_open = |index: &&usize| {
                let item = &state.items[**index];
                let offset = state.partitions[&item.partition].iter().position(|at| at == *index).unwrap();
                offset as u64 >= state.committed[&item.partition]
            };
            state.sent.iter().filter(is_open).count()
        }
    };
    count as u64
}

/// Checks what has arrived. Returns the number of duplicates.
fn check(world: &World, plan: &Plan, allowed: u64) -> u64 {
    let state = world.state();
    assert_eq!(state.violations, Vec::<String>::new());
    let mut firsts = Vec::new();
    for (index, _) in &state.applied {
        if !firsts.contains(index) {
            firsts.push(*index);
        }
    }
    for (index, item) in state.items.iter().enumerate() {
        assert_eq!(firsts.contains(&index), !item.is_poison, "message {index} in the target");
        assert_eq!(state.letters.contains(&index), item.is_poison, "message {index} among the dead letters");
    }
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for index in firsts.iter().copied() {
        let item = &state.items[index];
        let lane = match (&plan.order, &item.key) {
            (OrderBy::Key, Some(key)) => format!("of key {key}"),
            _ if plan.kind == Kind::Queue => String::new(),
            _ => item.partition.to_string(),
        };
        let before = last.insert(lane.clone(), index);
        assert!(before < Some(index), "lane {lane}: {index} after {before:?}");
    }
    let duplicates = (state.applied.len() - firsts.len()) as u64;
    let lost = state.lost;
    assert!(duplicates <= allowed + lost, "{duplicates} duplicates, {allowed} + {lost} were possible");
    assert!(state.most_running <= plan.limit, "{} sends at once", state.most_running);
    assert!(state.most_in_flight <= plan.in_flight, "{} messages held", state.most_in_flight);
    duplicates
}
