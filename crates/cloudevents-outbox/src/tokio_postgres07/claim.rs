//! Claims.

use super::{
    failure::failed,
    marks::{Mark, Marks},
    rows::{self, limit, number},
    schema::LOCK,
};
use crate::{
    Claim, Claimed, ClaimedMessage, Health, Ticket,
    millis::{later, millis, time},
    store::{Bytes, IN_ORDER},
};
use cloudevents_core::Error;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};
use tokio_postgres::{Client, Row, types::Type};

/// The most targets that a claim looks at.
const TARGETS: usize = 1024;

/// Above each target in UTF-8.
static LAST: LazyLock<String> = LazyLock::new(|| char::MAX.to_string().repeat(257));

/// Skips through the index from target to target, and finds the messages of each that are due: as many messages in order as may be taken,
/// and others up to the target's limit. A target without such messages has a row, too. So does a target with a [mark](super::marks),
/// without a look for its first message. The search for others ends there.
///
/// Targets are compared as a range where messages in order are sorted by target and number. Otherwise the primary key would have the wanted
/// order, and it leads through all messages that were delivered.
static CANDIDATES: LazyLock<String> = LazyLock::new(|| {
    format!("
WITH RECURSIVE t (target, place, next, mark) AS (
    SELECT $1::text COLLATE \"C\", 0::bigint, 1, NULL::integer
    UNION ALL
    SELECT coalesce(live.target, marked.target), t.place + 1,
           t.next + CASE WHEN live.target IS NULL THEN 1 ELSE 0 END, CASE WHEN live.target IS NULL THEN t.next END
    FROM t CROSS JOIN LATERAL (SELECT ($7::text[])[t.next] COLLATE \"C\" AS target) marked
    LEFT JOIN LATERAL (
        SELECT o.target FROM ce_outbox o
        WHERE o.state = 0 AND o.target > t.target AND o.target < coalesce(marked.target, $8) ORDER BY o.target LIMIT 1
    ) live ON true
    WHERE t.target IS NOT NULL AND t.place < $2
)
SELECT t.target, {health},
       d.number, d.claims, d.due, d.ordered, d.size
FROM t
LEFT JOIN ce_outbox_targets h ON h.target = t.target
LEFT JOIN ce_outbox_pauses p ON p.target = t.target
LEFT JOIN unnest($3::text[], $4::bigint[]) AS r (target, room) ON r.target = t.target
LEFT JOIN LATERAL (
    (SELECT o.number, o.claims, o.due, o.ordered, octet_length(o.body) AS size FROM ce_outbox o
     WHERE o.state = 0 AND o.ordered AND o.target >= t.target AND o.target <= t.target
         AND o.number >= coalesce(($11::bigint[])[t.mark], -1)
     ORDER BY o.target, o.number LIMIT least($12, CASE WHEN coalesce(r.room, $5) = 0 THEN 0 WHEN h.pauses > 0 THEN 1 << least(h.pauses - 1, 5)::int
                                  ELSE greatest((coalesce(r.room, $5) + 1) / 2, {IN_ORDER}) END))
    UNION ALL
    (SELECT o.number, o.claims, o.due, o.ordered, octet_length(o.body) FROM ce_outbox o
     WHERE o.state = 0 AND NOT o.ordered AND o.target = t.target AND o.due <= $6
         AND (o.due, o.number) >= (coalesce(($9::bigint[])[t.mark], -1), coalesce(($10::bigint[])[t.mark], -1))
     ORDER BY o.due, o.number LIMIT coalesce(r.room, $5))
) d ON NOT coalesce(h.disabled, false) AND coalesce(greatest(h.paused_until, p.until), 0) <= $6
WHERE t.target IS NOT NULL AND t.place > 0
ORDER BY t.place, d.ordered DESC, CASE WHEN d.ordered THEN 0 ELSE d.due END, d.number
", health = rows::HEALTH)
});

/// A message that may be claimed.
struct Candidate {
    ticket: Ticket,
    due: i64,
    ordered: bool,
    size: usize,
}

/// The messages of a target that are due, or the selected ones.
struct Group {
    target: Arc<str>,
    health: Health,
    candidates: Vec<Candidate>,
}

impl Group {
    fn found(&self, taken: usize) -> Found {
        let first = |ordered: bool| self.candidates.iter().find(|candidate| candidate.ordered == ordered);
        let apart = first(false).map(|first| (first.due, rows::row(first.ticket.number)));
        let line = first(true).map(|first| rows::row(first.ticket.number));
        Found { target: Arc::clone(&self.target), apart, line, taken }
    }
}

/// The first messages that a claim found of a target, for its [mark](super::marks), and the number of messages that it took.
pub(super) struct Found {
    pub(super) target: Arc<str>,
    pub(super) apart: Option<(i64, i64)>,
    pub(super) line: Option<i64>,
    pub(super) taken: usize,
}

/// Claims in a transaction.
///
/// Claims come one after the other, so that none sees the messages in order that another takes as free.
pub(super) async fn claim(
    client: &Client,
    claim: &Claim,
    marks: &Mutex<Marks>,
) -> Result<(Claimed, Vec<Found>), Error> {
    client.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await.map_err(failed)?;
    alone(client, claim, marks).await
}

/// Claims in a transaction that has recorded results, unless another claim is under way. Results do not wait for that.
pub(super) async fn claim_if_alone(
    client: &Client,
    claim: &Claim,
    marks: &Mutex<Marks>,
) -> Result<Option<(Claimed, Vec<Found>)>, Error> {
    let lock = format!("SELECT pg_try_advisory_xact_lock({LOCK})");
    let rows = client.query_typed(&lock, &[]).await.map_err(failed)?;
    let is_alone: bool = rows.first().map_or(Ok(false), |row| row.try_get(0)).map_err(failed)?;
    Ok(if is_alone { Some(alone(client, claim, marks).await?) } else { None })
}

async fn alone(client: &Client, claim: &Claim, marks: &Mutex<Marks>) -> Result<(Claimed, Vec<Found>), Error> {
    let mut claimed = Claimed { next: claim.after.clone(), ..Claimed::default() };
    let mut found = Vec::new();
    let chosen = choose(client, claim, marks, &mut claimed, &mut found).await?;
    take(client, claim, chosen, &mut claimed).await?;
    Ok((claimed, found))
}

/// Looks for the first messages of a target from its first entries on. Returns the number of entries that this has passed, too.
pub(super) async fn look(
    client: &Client,
    target: &str,
) -> Result<(u64, Option<(i64, i64)>, Option<i64>), Error> {
    let apart = "SELECT due, number FROM ce_outbox WHERE state = 0 AND NOT ordered AND target = $1 ORDER BY due, number LIMIT 1";
    let line = "SELECT number FROM ce_outbox WHERE state = 0 AND ordered AND target >= $1 AND target <= $1
                ORDER BY target, number LIMIT 1";
    let passed = "SELECT pg_stat_get_xact_tuples_returned('ce_outbox_pending'::regclass)
                       + pg_stat_get_xact_tuples_returned('ce_outbox_in_order'::regclass)";
    let values: &[_] = &[(&target as _, Type::TEXT)];
    let apart = client.query_typed(apart, values).await.map_err(failed)?;
    let line = client.query_typed(line, values).await.map_err(failed)?;
    let passed = client.query_typed(passed, &[]).await.map_err(failed)?;
    let apart =
        apart.first().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose().map_err(failed)?;
    let line = line.first().map(|row| row.try_get(0)).transpose().map_err(failed)?;
    let passed = passed.first().map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
    Ok((number(passed), apart, line))
}

async fn choose(
    client: &Client,
    claim: &Claim,
    marks: &Mutex<Marks>,
    claimed: &mut Claimed,
    found: &mut Vec<Found>,
) -> Result<Vec<Group>, Error> {
    let (mut all, mut number, mut bytes, mut looked) = (Vec::new(), 0_usize, Bytes::of(claim), 0_usize);
    let only = claim.only.as_deref();
    if let Some(only) = only {
        claimed.next = Some(before(only).into());
    }
    while looked < TARGETS {
        let most = match only {
            Some(_) => 1,
            None => claim.limit.clamp(32, TARGETS).min(TARGETS.saturating_sub(looked)),
        };
        let after = claimed.next.as_deref().unwrap_or("");
        let marks = marks.lock().unwrap_or_else(PoisonError::into_inner).after(after);
        let groups = candidates(client, claim, after, most, &marks).await?;
        let is_last = only.is_some() || groups.len() < most;
        looked = looked.saturating_add(groups.len());
        for group in groups.into_iter().filter(|group| only.is_none_or(|only| *group.target == *only)) {
            if number >= claim.limit {
                claimed.has_more = true;
                return Ok(all);
            }
            let chosen = of_target(claim, &group, number, claimed);
            let (mut kept, mut is_behind) = (Vec::new(), false);
            for candidate in chosen.into_iter().filter_map(|place| group.candidates.get(place)) {
                // Behind one in order that does not fit, no other one in order is taken.
                if (is_behind && candidate.ordered) || !bytes.take(candidate.size) {
                    claimed.has_more = true;
                    is_behind |= candidate.ordered;
                    continue;
                }
                number = number.saturating_add(1);
                kept.push(Candidate { ..*candidate });
            }
            claimed.next = Some(Arc::clone(&group.target));
            found.push(group.found(kept.len()));
            all.push(Group { target: group.target, health: group.health, candidates: kept });
        }
        if is_last {
            claimed.next = None;
            break;
        }
    }
    Ok(all)
}

/// Below this target in UTF-8, and above each other one that is below it.
fn before(target: &str) -> String {
    let mut characters = target.chars();
    let last = characters.next_back().map_or(0, u32::from);
    // Surrogates are no characters, and U+0000 is in no target.
    let lower = (1..last).rev().find_map(char::from_u32);
    let begin = characters.as_str();
    lower.map_or_else(|| begin.to_owned(), |lower| format!("{begin}{lower}{}", *LAST))
}

/// Selects from the due messages of a target, after so many messages of the claim. Returns indexes of candidates in the group.
fn of_target(claim: &Claim, group: &Group, number: usize, claimed: &mut Claimed) -> Vec<usize> {
    let is_skipped = group.health.is_disabled || group.health.pause_end(claim.now).is_some();
    if is_skipped {
        return Vec::new();
    }
    let share = claim.share(&group.target, &group.health, number);
    let now = millis(claim.now);
    let places = |ordered: bool| {
        group.candidates.iter().enumerate().filter(move |(_, candidate)| candidate.ordered == ordered)
    };
    let due = || places(true).take_while(|(_, candidate)| candidate.due <= now);
    let line = share.of_line(&mut due().map(|(_, candidate)| candidate.ticket));
    let mut chosen: Vec<usize> = due().take(line).map(|(place, _)| place).collect();
    let others: Vec<usize> = places(false).map(|(place, _)| place).collect();
    let (in_order, rest) = share.take(chosen.len(), others.len());
    chosen.truncate(in_order);
    claimed.has_more |= share.is_full(in_order, rest);
    chosen.extend(others.into_iter().take(rest));
    chosen
}

async fn candidates(
    client: &Client,
    claim: &Claim,
    after: &str,
    most: usize,
    marks: &[(Arc<str>, Mark)],
) -> Result<Vec<Group>, Error> {
    let marked: Vec<&str> = marks.iter().map(|(target, _)| &**target).collect();
    let of = |of: fn(&Mark) -> i64| -> Vec<i64> { marks.iter().map(|(_, mark)| of(mark)).collect() };
    let most_in_order = if claim.only.is_some() { 1 } else { i64::MAX };
    let (targets, rooms): (Vec<&str>, Vec<i64>) =
        claim.rooms.iter().map(|(target, room)| (&**target, limit(*room))).unzip();
    let found = client
        .query_typed(
            &CANDIDATES,
            &[
                (&after, Type::TEXT),
                (&limit(most), Type::INT8),
                (&targets, Type::TEXT_ARRAY),
                (&rooms, Type::INT8_ARRAY),
                (&limit(claim.per_target), Type::INT8),
                (&millis(claim.now), Type::INT8),
                (&marked, Type::TEXT_ARRAY),
                (&&**LAST, Type::TEXT),
                (&of(|mark| mark.due), Type::INT8_ARRAY),
                (&of(|mark| mark.number), Type::INT8_ARRAY),
                (&of(|mark| mark.in_order), Type::INT8_ARRAY),
                (&most_in_order, Type::INT8),
            ],
        )
        .await
        .map_err(failed)?;
    let mut groups: Vec<Group> = Vec::new();
    for row in &found {
        let target: &str = row.try_get("target").map_err(failed)?;
        if groups.last().is_none_or(|group| *group.target != *target) {
            let health = rows::health(row).map_err(failed)?;
            groups.push(Group { target: target.into(), health, candidates: Vec::new() });
        }
        if let (Some(group), Some(candidate)) = (groups.last_mut(), candidate(row).map_err(failed)?) {
            group.candidates.push(candidate);
        }
    }
    Ok(groups)
}

fn candidate(row: &Row) -> Result<Option<Candidate>, tokio_postgres::Error> {
    let Some(found) = row.try_get::<_, Option<i64>>("number")? else { return Ok(None) };
    let size: i32 = row.try_get("size")?;
    Ok(Some(Candidate {
        ticket: Ticket { number: number(found), claim: number(row.try_get("claims")?) },
        due: row.try_get("due")?,
        ordered: row.try_get("ordered")?,
        size: usize::try_from(size).unwrap_or(0),
    }))
}

/// Leases the selected messages, except for messages that another worker is settling at the moment. Statements by number use `state + 0`,
/// so that they use no index of pending messages. The planner takes that index for a short one.
async fn take(
    client: &Client,
    claim: &Claim,
    chosen: Vec<Group>,
    claimed: &mut Claimed,
) -> Result<(), Error> {
    let tickets = || chosen.iter().flat_map(|chosen| &chosen.candidates).map(|candidate| candidate.ticket);
    let (numbers, _) = super::columns(tickets());
    if numbers.is_empty() {
        return Ok(());
    }
    let lock = "SELECT number, claims FROM ce_outbox WHERE number = ANY ($1) AND state + 0 = 0 FOR UPDATE SKIP LOCKED";
    let locked = client.query_typed(lock, &[(&numbers, Type::INT8_ARRAY)]).await.map_err(failed)?;
    let ticket = |row: &Row| Ok(Ticket { number: number(row.try_get(0)?), claim: number(row.try_get(1)?) });
    let free: HashSet<Ticket> = locked.iter().map(ticket).collect::<Result<_, _>>().map_err(failed)?;
    // Messages behind one that is being settled wait for it.
    let chosen: Vec<Group> = chosen.into_iter().map(|chosen| without_locked(chosen, &free)).collect();
    let taken: Vec<i64> = chosen
        .iter()
        .flat_map(|chosen| &chosen.candidates)
        .map(|candidate| rows::row(candidate.ticket.number))
        .collect();
    let until = millis(later(claim.now, claim.lease));
    let update = "UPDATE ce_outbox SET due = $2, claims = claims + $3 WHERE number = ANY ($1)
                  RETURNING number, claims, attempts, started, expires, ordered, body";
    let step = rows::row(Ticket::random_step());
    let rows = client
        .query_typed(update, &[(&taken, Type::INT8_ARRAY), (&until, Type::INT8), (&step, Type::INT8)])
        .await
        .map_err(failed)?;
    let mut rows: HashMap<u64, Row> =
        rows.into_iter().filter_map(|row| Some((number(row.try_get("number").ok()?), row))).collect();
    let mut probed = Vec::new();
    for chosen in &chosen {
        for candidate in &chosen.candidates {
            let Some(row) = rows.remove(&candidate.ticket.number) else { continue };
            claimed.messages.push(message(&row, chosen).map_err(failed)?);
            if chosen.health.is_outage() {
                probed.push(&*chosen.target);
            }
        }
    }
    if !probed.is_empty() {
        client
            .execute_typed(
                "UPDATE ce_outbox_targets SET paused_until = $2 WHERE target = ANY ($1)",
                &[(&probed, Type::TEXT_ARRAY), (&until, Type::INT8)],
            )
            .await
            .map_err(failed)?;
    }
    Ok(())
}

fn without_locked(chosen: Group, free: &HashSet<Ticket>) -> Group {
    let mut is_in_order = true;
    let candidates = chosen
        .candidates
        .into_iter()
        .filter(|candidate| {
            let is_free = free.contains(&candidate.ticket);
            if candidate.ordered {
                is_in_order &= is_free;
                is_in_order
            } else {
                is_free
            }
        })
        .collect();
    Group { candidates, ..chosen }
}

fn message(row: &Row, chosen: &Group) -> Result<ClaimedMessage, tokio_postgres::Error> {
    let attempts: i32 = row.try_get("attempts")?;
    Ok(ClaimedMessage {
        ticket: Ticket { number: number(row.try_get("number")?), claim: number(row.try_get("claims")?) },
        target: Arc::clone(&chosen.target),
        ordered: row.try_get("ordered")?,
        attempt: u32::try_from(attempts).unwrap_or(0).saturating_add(1),
        started: time(row.try_get("started")?),
        expires: row.try_get::<_, Option<i64>>("expires")?.map(time),
        health: chosen.health.clone(),
        body: row.try_get("body")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_target_is_between() {
        let longest = format!("a{}", "\u{10ffff}".repeat(255));
        for (target, below) in [
            ("billing", "billinf"),
            ("b", "a"),
            ("\u{e000}", "\u{d7ff}"),
            ("a\u{1}", "a"),
            ("b", longest.as_str()),
        ] {
            assert!(before(target).as_str() < target, "{target:?}");
            assert!(before(target).as_str() >= below, "{target:?} {below:?}");
        }
        assert_eq!(before("a\u{1}"), "a");
    }
}
