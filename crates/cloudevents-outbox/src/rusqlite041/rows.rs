//! Rows as values.

use crate::{
    Health,
    millis::{millis, time},
};
use rusqlite::{Result, Row};

/// The columns that [`health`] reads.
pub(super) const HEALTH: &str = "failed, pauses, paused_until, reason, disabled, requested_until";

/// Reads these columns, from this one on.
pub(super) fn health(row: &Row<'_>, first: usize) -> Result<Health> {
    let at = |offset: usize| first.saturating_add(offset);
    let failed: String = row.get(at(0))?;
    Ok(Health {
        failed: failed.split(' ').filter_map(|number| number.parse().ok()).collect(),
        pauses: row.get(at(1))?,
        paused_until: row.get::<_, Option<i64>>(at(2))?.map(time),
        reason: row.get(at(3))?,
        is_disabled: row.get(at(4))?,
        requested_until: row.get::<_, Option<i64>>(at(5))?.map(time),
    })
}

/// What [`health`] reads as the first column.
pub(super) fn failed_numbers(health: &Health) -> String {
    let numbers: Vec<String> = health.failed.iter().map(u64::to_string).collect();
    numbers.join(" ")
}

pub(super) fn paused_until(health: &Health) -> Option<i64> {
    health.paused_until.map(millis)
}

pub(super) fn requested_until(health: &Health) -> Option<i64> {
    health.requested_until.map(millis)
}
