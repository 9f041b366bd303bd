//! The report: every row, in one run.

use crate::{
    allocations::{self, Heap},
    inputs::Source,
    instructions::{self, Side},
    row::{Row, Run},
    rows,
    table::{Style, Table, short, whole},
    targets,
    timing::{Effort, Times, side_by_side},
};
use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures everything and prints it.
pub(crate) fn print(source: &Source, style: Style, effort: Effort) -> Outcome<()> {
    println!("inputs: {source}; peer: cloudevents-sdk 0.9.0\n");
    let left_out = source.mixed()?.left_out;
    if left_out > 0 {
        println!("json-mixed-512: {left_out} documents are left out, which strict decoding refuses\n");
    }
    println!("{}", time(rows::NAMES, source, style, effort)?.write(style));
    println!("{}", cost(source)?.write(style));
    if !instructions::are_countable() {
        println!("SKIPPED: instructions, because valgrind is not installed\n");
    }
    println!("{}", held(source)?.write(style));
    println!("{}", sizes(effort)?.write(style));
    Ok(())
}

/// Measures the time of these rows only.
pub(crate) fn print_time(names: &[&str], source: &Source, style: Style, effort: Effort) -> Outcome<()> {
    println!("{}", time(names, source, style, effort)?.write(style));
    Ok(())
}

/// The times of a row: ours, the peer's, and the times of its floors.
fn times(row: &Row, effort: Effort) -> (Times, Times, Vec<Times>) {
    let mut runs: Vec<&Run> = vec![&row.ours, &row.peer];
    runs.extend(row.floors.iter().map(|(_, run)| run));
    runs.extend(&row.peer_extra);
    let mut times = side_by_side(&runs, effort).into_iter();
    let (Some(ours), Some(peer)) = (times.next(), times.next()) else { unreachable!("two runs at least") };
    let floors = times.by_ref().take(row.floors.len()).collect();
    let peer = match times.next() {
        Some(extra) => peer.minus(&extra),
        None => peer,
    };
    (ours, peer, floors)
}

fn time(names: &[&str], source: &Source, style: Style, effort: Effort) -> Outcome<Table> {
    let mut columns = vec!["row", "times faster than the peer", "gate", "wish", "of plain work"];
    // Nanoseconds depend on the machine, so they are not published.
    if style == Style::Text {
        columns.push("ns");
    }
    let mut table = Table::new("Time, as ratios", &columns);
    for name in names {
        let row = rows::row(name, source)?;
        let (ours, peer, floors) = times(&row, effort);
        let bounds = targets::of(name).map(|target| target.peer);
        let floors = row.floors.iter().zip(&floors);
        let floors: Vec<_> =
            floors.map(|((floor, _), times)| format!("{} x {floor}", short(ours.ratio(times)))).collect();
        let mut cells = vec![
            (*name).to_owned(),
            short(peer.ratio(&ours)),
            bounds.map_or("-".to_owned(), |(gate, _)| gate.to_string()),
            bounds.map_or("-".to_owned(), |(_, wish)| wish.to_string()),
            floors.join(", "),
        ];
        if style == Style::Text {
            cells.push(short(ours.median() / row.per as f64));
        }
        table.push(cells);
    }
    Ok(table)
}

fn cost(source: &Source) -> Outcome<Table> {
    let countable = instructions::are_countable();
    let mut table = Table::new(
        "Instructions and allocations of one operation",
        &["row", "instructions", "peer", "allocations", "peer", "bytes", "peer"],
    );
    for name in rows::NAMES {
        let row = rows::row(name, source)?;
        let (ours, peer) = if countable {
            let extra = instructions::of(name, Side::PeerExtra, &row)?;
            let peer = instructions::of(name, Side::Peer, &row)? - extra;
            (whole(instructions::of(name, Side::Ours, &row)?), whole(peer))
        } else {
            ("-".to_owned(), "-".to_owned())
        };
        let heap = |run: &Run| allocations::of(|| run(1));
        let extra = row.peer_extra.as_ref().map_or(Heap::default(), heap);
        let (our_heap, peer_heap) = (heap(&row.ours), heap(&row.peer));
        let each = |count: u64| match row.per {
            1 => whole(count as f64),
            per => short(count as f64 / per as f64),
        };
        table.push([
            (*name).to_owned(),
            ours,
            peer,
            each(our_heap.calls),
            each(peer_heap.calls - extra.calls),
            each(our_heap.bytes),
            each(peer_heap.bytes - extra.bytes),
        ]);
    }
    Ok(table)
}

fn held(source: &Source) -> Outcome<Table> {
    let mut table = Table::new(
        "Memory that one decoded event holds, in bytes",
        &["row", "input", "heap beyond the input", "peer", "the value itself", "peer"],
    );
    for held in rows::held(source)? {
        table.push([
            held.name.to_owned(),
            whole(held.input as f64),
            whole(held.ours.held as f64),
            whole(held.peer.held as f64),
            whole(rows::EVENT_SIZES.0 as f64),
            whole(rows::EVENT_SIZES.1 as f64),
        ]);
    }
    Ok(table)
}

/// Sizes from 1 KiB to 16 MiB.
const SIZES: [usize; 8] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];

/// The size whose cost per byte the others are compared with.
const MIDDLE: usize = 64 << 10;

fn sizes(effort: Effort) -> Outcome<Table> {
    let mut table = Table::new(
        "Cost against size: a JSON payload of many items",
        &[
            "document",
            "decode, per byte",
            "times faster than the peer",
            "of a bare scan",
            "allocations",
            "encode, per byte",
            "times faster than the peer",
            "of a copy",
            "allocations",
        ],
    );
    let per_byte = |row: &Row, bytes: usize| {
        let (ours, peer, floors) = times(row, effort);
        (ours.median() / bytes as f64, ours, peer, floors)
    };
    let (decode, encode) = rows::of_size(MIDDLE)?;
    let middle = [per_byte(&decode, MIDDLE).0, per_byte(&encode, MIDDLE).0];
    for bytes in SIZES {
        let (decode, encode) = rows::of_size(bytes)?;
        let mut cells = vec![match bytes >> 20 {
            0 => format!("{} KiB", bytes >> 10),
            mebibytes => format!("{mebibytes} MiB"),
        }];
        for ((row, floor), middle) in [(decode, "bare scan"), (encode, "copy")].into_iter().zip(middle) {
            let (each, ours, peer, floors) = per_byte(&row, bytes);
            let floor = row.floors.iter().zip(&floors).find(|((name, _), _)| *name == floor);
            cells.push(short(each / middle));
            cells.push(short(peer.ratio(&ours)));
            cells.push(floor.map_or("-".to_owned(), |(_, times)| short(ours.ratio(times))));
            cells.push(allocations::of(|| (row.ours)(1)).calls.to_string());
        }
        table.push(cells);
    }
    Ok(table)
}
