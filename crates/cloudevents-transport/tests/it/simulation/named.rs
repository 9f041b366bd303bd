//! Incidents that stopped programs, reordered keys or lost records.

use super::{
    holds, outcome,
    script::{Does, HOUR, Kind, MINUTE, SECOND, Script, Source, What, good},
    seeds,
};
use cloudevents_testkit::size;

/// Every lane has a message at its head that always fails.
#[test]
fn poison_at_the_head_of_every_lane() {
    let mut messages = good(300, 3);
    messages[..3].iter_mut().for_each(|message| message.does = Does::IsPoison);
    holds(&Script::new(Source::Log, messages).in_order());
}

#[test]
fn more_poison_than_not_without_an_order() {
    let mut messages = good(size(2_000) as u32, 1);
    for (index, message) in messages.iter_mut().enumerate() {
        if index % 5 < 3 {
            message.does = Does::IsPoison;
        }
    }
    holds(&Script::new(Source::Log, messages));
}

#[test]
fn a_handler_hangs_in_an_outage() {
    let mut messages = good(1_000, 1);
    messages[10].does = Does::Hangs(u32::MAX);
    messages.iter_mut().enumerate().for_each(|(index, message)| message.at = index as u64 * 100);
    holds(&Script::new(Source::Log, messages).with(20 * SECOND, MINUTE, What::Outage));
}

#[test]
fn a_partition_is_revoked_while_messages_wait() {
    let mut messages = good(1_024, 1);
    messages.iter_mut().for_each(|message| message.takes = 100);
    let script = Script::new(Source::Log, messages).in_order();
    holds(&script.with(5 * SECOND, MINUTE, What::Revoke(0)));
}

/// What is settled behind a message of another key would come again.
#[test]
fn a_partition_is_revoked_while_messages_wait_for_those_of_their_keys() {
    for at in [100, 333, 501] {
        let mut messages = good(2_000, 20);
        messages.iter_mut().for_each(|message| message.takes = u64::from(message.key * 7 % 10) + 1);
        holds(&Script::new(Source::Log, messages).in_order().with(at, MINUTE, What::Revoke(0)));
    }
}

/// What is settled behind a message that waits for its next attempt would come again: the partition goes after that attempt, if it is due
/// in time.
#[test]
fn a_partition_is_revoked_while_a_few_of_its_messages_wait_for_their_next_attempt() {
    for seed in seeds().step_by(5) {
        let script = Script::with_retries_while_partitions_go(seed);
        assert!(script.repeats_nothing(), "{seed}");
        let (violations, trace) = outcome(&script);
        trace
            .iter()
            .rev()
            .take(if violations.is_empty() { 0 } else { 40 })
            .rev()
            .for_each(|line| println!("{line}"));
        assert!(
            violations.is_empty(),
            "seed {seed}: {} violations, the first: {:#?}",
            violations.len(),
            violations.first()
        );
    }
}

/// None that has failed is overtaken within its key, here or by the next owner.
#[test]
fn a_partition_is_revoked_while_some_of_its_messages_fail() {
    for at in [100, 333, 501] {
        let mut messages = good(2_000, 20);
        messages.iter_mut().skip(7).step_by(13).for_each(|message| message.does = Does::Fails(1));
        for script in
            [Script::new(Source::Log, messages.clone()), Script::new(Source::Log, messages).in_order()]
        {
            holds(&script.with(at, MINUTE, What::Revoke(0)).with(at + 5 * MINUTE, MINUTE, What::Revoke(0)));
        }
    }
}

#[test]
fn a_partition_is_revoked_while_a_message_is_retried() {
    let mut messages = good(20, 1);
    messages[0].does = Does::Fails(4);
    let script = Script::new(Source::Log, messages).in_order();
    holds(&script.with(2 * SECOND, 10 * MINUTE, What::Revoke(0)));
}

#[test]
fn a_log_is_truncated() {
    let mut messages = good(100, 2);
    messages[97..].iter_mut().for_each(|message| message.takes = 10 * SECOND);
    let late = good(10, 2).into_iter().map(|message| super::script::Message { at: 10 * MINUTE, ..message });
    messages.extend(late);
    let script = Script::new(Source::Log, messages).in_order();
    holds(&script.with(5 * SECOND, 0, What::Truncate(0)));
}

#[test]
fn the_sink_is_away_for_an_hour() {
    let mut messages = good(4, 1);
    messages[0].does = Does::Rejects;
    for source in [Source::Log, Source::Queue { lock: None, kind: Kind::Returns }] {
        let script = Script::new(source, messages.clone()).in_order();
        holds(&script.with(0, HOUR, What::SinkIsAway));
    }
}

#[test]
fn what_is_lent_is_renewed_while_it_waits() {
    let mut messages = good(4, 1);
    messages[0].does = Does::Fails(9);
    messages[2].does = Does::Rejects;
    let script = Script::new(Source::Queue { lock: Some(30 * SECOND), kind: Kind::Returns }, messages);
    for script in [script.clone(), script.in_order()] {
        holds(&script.with(0, MINUTE, What::SinkIsSlow));
    }
}

#[test]
fn the_source_fails_while_a_message_is_retried() {
    let mut messages = good(10, 1);
    messages[0].does = Does::Fails(3);
    for source in [Source::Log, Source::Queue { lock: None, kind: Kind::Returns }] {
        let script = Script::new(source, messages.clone()).in_order();
        holds(&script.with(3 * SECOND, 0, What::SourceFails));
    }
}

#[test]
fn a_handler_panics_before_it_is_polled() {
    let mut messages = good(10, 2);
    messages[3].does = Does::PanicsAtOnce;
    messages[4].does = Does::PanicsLater;
    holds(&Script::new(Source::Log, messages).in_order());
}

#[test]
fn a_limit_that_the_program_sets_is_literal() {
    for does in [Does::IsPoison, Does::PanicsLater] {
        let mut messages = good(1, 1);
        messages[0].does = does;
        let mut script = Script::new(Source::Log, messages);
        script.attempts = Some(3);
        let (violations, trace) = super::outcome(&script);
        assert!(violations.is_empty(), "{violations:?}");
        let calls = trace.iter().filter(|line| line.contains(": call ")).count();
        assert_eq!(calls, 3, "{trace:#?}");
    }
}
