//! Rows as values.

use crate::{
    Health,
    millis::{millis, time},
};
use tokio_postgres::{Error, Row};

/// The columns that [`health`] reads, of the tables `ce_outbox_targets` as `h` and `ce_outbox_pauses` as `p`.
pub(super) const HEALTH: &str = "coalesce(h.failed, '') AS failed, coalesce(h.pauses, 0) AS pauses, h.paused_until,
    coalesce(nullif(h.reason, ''), p.reason, '') AS reason, coalesce(h.disabled, false) AS disabled, p.until AS requested_until";

/// Reads these columns.
pub(super) fn health(row: &Row) -> Result<Health, Error> {
    let failed: &str = row.try_get("failed")?;
    let reason: String = row.try_get("reason")?;
    Ok(Health {
        failed: failed.split(' ').filter_map(|number| number.parse().ok()).collect(),
        pauses: u32::try_from(row.try_get::<_, i64>("pauses")?).unwrap_or(u32::MAX),
        paused_until: row.try_get::<_, Option<i64>>("paused_until")?.map(time),
        reason: reason.into(),
        is_disabled: row.try_get("disabled")?,
        requested_until: row.try_get::<_, Option<i64>>("requested_until")?.map(time),
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

/// Numbers in the tables are not negative.
pub(super) fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(super) fn row(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
