//! The pages of peers and repairs have the rows of the code.

use cloudevents_core::{Leniency, Peer, RepairKind};
use std::fs;

fn page(name: &str) -> String {
    fs::read_to_string(format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The cells of each row whose first cell begins with a name, and the name.
fn rows<'p>(page: &'p str, begin: &str) -> Vec<(&'p str, Vec<&'p str>)> {
    let lines = page.lines().filter_map(|line| line.strip_prefix(begin)?.strip_suffix(" |"));
    lines
        .filter_map(|line| {
            let cells: Vec<_> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
            let name = cells.first()?.strip_prefix('`')?.split('`').next()?;
            Some((name, cells))
        })
        .collect()
}

/// The codes of repairs in a cell, in their order.
fn codes(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_repair_is_on_its_page() {
    let text = page("docs/peers-repairs.md");
    let text = text.split("## Dialects").next().unwrap();
    let rows = rows(text, "| ");
    let names: Vec<_> = rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, RepairKind::ALL.iter().map(|kind| kind.code()).collect::<Vec<_>>());
    for ((name, cells), kind) in rows.iter().zip(RepairKind::ALL) {
        assert_eq!(cells[2], kind.clause(), "{name}");
        let is_in_all = cells.get(3).is_some_and(|cell| *cell == "yes");
        assert_eq!(is_in_all, Leniency::all().allows(*kind), "{name}");
    }
}

/// Also those of the rustdoc of `Peer`.
#[test]
fn every_peer_is_on_its_page() {
    let (text, source) = (page("docs/peers.md"), page("crates/cloudevents-core/src/peer.rs"));
    let text = text.split("## Peers").nth(1).unwrap().split("These peers are run").next().unwrap();
    for (rows, column) in [(rows(text, "| "), 1), (rows(&source, "/// | "), 2)] {
        let names: Vec<_> = rows.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, Peer::ALL.iter().map(|peer| peer.name()).collect::<Vec<_>>());
        for ((name, cells), peer) in rows.iter().zip(Peer::ALL) {
            let mut written = codes(cells[column].split('.').next().unwrap());
            written.sort_unstable();
            let repairs: Vec<_> = peer.leniency().repairs().map(RepairKind::code).collect();
            assert_eq!(written, repairs, "{name}");
        }
    }
}
