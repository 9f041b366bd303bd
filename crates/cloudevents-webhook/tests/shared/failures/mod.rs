//! The machines that decide whose fault a failure is, before the same peer, in virtual time. `docs/architecture-failures.md` has their
//! rules.
//!
//! A seed makes the peer: `CE_SIM_SEED=1234 cargo test -p cloudevents-webhook --test it failures -- --nocapture` shows one, and
//! `CE_SIM_SEEDS` is their number. `--test real` has the machine that needs a socket.

mod script;
mod world;

pub(crate) use script::MINUTE;
pub(crate) use world::{Answer, LIMIT, LONGEST, PAUSE, World};

use cloudevents_core::Event;
use cloudevents_testkit::size;
use std::{env, future::Future, pin::Pin, time::Duration};
use tokio::time::{Instant, sleep, sleep_until, timeout};

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What sends messages to the peer, and tries again.
pub(crate) trait Machine {
    /// Hands an event over. Returns when the machine has it.
    fn send(&self, event: Event) -> Boxed<'static, ()>;

    /// Whether it says that the peer takes messages.
    fn is_well(&self) -> Boxed<'_, bool>;

    /// The numbers of the messages that it gave up, and why.
    fn letters(&self) -> Boxed<'_, Vec<(usize, String)>>;

    /// Ends, with everything settled.
    fn end(self) -> Boxed<'static, Result<(), String>>;
}

/// Puts the peer of each seed before a machine.
pub(crate) fn play<M: Machine, Fut: Future<Output = M>>(machine: impl Fn(World) -> Fut) {
    let one = env::var("CE_SIM_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let number = env::var("CE_SIM_SEEDS").map_or(size(20) as u64, |number| number.parse().unwrap());
    let mut failed = Vec::new();
    for seed in one.map_or(0..number, |seed| seed..seed + 1) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (world, ended) = runtime.block_on(async {
            let world = World::new(seed);
            let ended = run(&world, machine(world.clone()).await).await;
            (world, ended)
        });
        let mut violations = world.violations();
        violations.extend(ended.err());
        if one.is_some() {
            world.script().stretches.iter().for_each(|stretch| println!("{stretch:?}"));
            world.trace().iter().for_each(|line| println!("{line}"));
        }
        if !violations.is_empty() {
            println!("CE_SIM_SEED={seed}: {violations:#?}");
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "CE_SIM_SEED: {failed:?}");
}

/// Sends all messages, looks every half minute, and ends.
async fn run(world: &World, machine: impl Machine) -> Result<(), String> {
    let begin = Instant::now();
    let send = async {
        for (number, message) in world.script().messages.iter().enumerate() {
            sleep_until(begin + message.at).await;
            // Some machines wait for room.
            tokio::spawn(machine.send(world.event(number)));
        }
        sleep_until(begin + world.script().end()).await;
    };
    let look = async {
        loop {
            sleep(Duration::from_secs(30)).await;
            for (number, why) in machine.letters().await {
                world.died(number, &why);
            }
            world.looked(machine.is_well().await);
        }
    };
    tokio::select! {
        () = send => {}
        () = look => {}
    }
    for (number, why) in machine.letters().await {
        world.died(number, &why);
    }
    timeout(10 * MINUTE, machine.end()).await.unwrap_or_else(|_| Err("it does not end".to_owned()))
}
