//! Rows as values.

use crate::{
    Health,
    millis::{millis, time},
};
use cloudevents_core::{Error, ErrorKind};
use rusqlite::{Result, Row};

/// The columns that [`health`] reads after the target, of the tables `ce_outbox_targets` as `h` and `ce_outbox_pauses` as `p`.
pub(super) const HEALTH: &str = "ifnull(h.failed, ''), ifnull(h.pauses, 0), h.paused_until,
    coalesce(nullif(h.reason, ''), p.reason, ''), ifnull(h.disabled, 0), p.until";

/// Reads these columns.
pub(super) fn health(row: &Row<'_>) -> Result<Health> {
    let failed: String = row.get(1)?;
    Ok(Health {
        failed: failed.split(' ').filter_map(|number| number.parse().ok()).collect(),
        pauses: row.get(2)?,
        paused_until: row.get::<_, Option<i64>>(3)?.map(time),
        reason: row.get(4)?,
        is_disabled: row.get(5)?,
        requested_until: row.get::<_, Option<i64>>(6)?.map(time),
    })
}

/// The text that [`health`] reads as the first column.
pub(super) fn failed_numbers(health: &Health) -> String {
    let numbers: Vec<String> = health.failed.iter().map(u64::to_string).collect();
    numbers.join(" ")
}

pub(super) fn paused_until(health: &Health) -> Option<i64> {
    health.paused_until.map(millis)
}

/// Numbers of messages are positive.
pub(super) fn number(row: i64) -> Result<u64, Error> {
    u64::try_from(row).map_err(|_| {
        Error::new(ErrorKind::InvalidData).with_detail("the store has a message with a negative number")
    })
}

pub(super) fn row(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
