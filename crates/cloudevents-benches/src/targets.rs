//! The bounds of the rows: gates, and stricter goals.

/// The bounds of one row.
pub(crate) struct Target {
    pub(crate) row: &'static str,
    /// The factor by which it must be faster than the peer: the gate, and the goal.
    pub(crate) peer: (f64, f64),
    /// Instructions of one operation, at most.
    pub(crate) instructions: Option<u64>,
    /// Allocations of one operation, at most.
    pub(crate) allocations: u64,
    /// The goal for allocations of one operation.
    pub(crate) allocations_wanted: u64,
    /// Whether the row's promise is a gate.
    pub(crate) promise: bool,
}

const fn target(row: &'static str, peer: (f64, f64), instructions: u64, allocations: u64) -> Target {
    Target {
        row,
        peer,
        instructions: if instructions == 0 { None } else { Some(instructions) },
        allocations,
        allocations_wanted: allocations,
        promise: false,
    }
}

const fn promised(target: Target) -> Target {
    Target { promise: true, ..target }
}

/// All bounds. Those of `json-mixed-512` are per event.
pub(crate) const TARGETS: &[Target] = &[
    target("json-small decode", (5.0, 8.0), 6_800, 2),
    target("json-medium decode", (10.0, 14.0), 70_000, 2),
    promised(target("json-large decode", (10.0, 20.0), 4_000_000, 2)),
    promised(target("json-bin32k decode", (4.0, 4.8), 80_000, 2)),
    // One per event; the goal is four in total.
    Target { allocations_wanted: 4, ..target("json-batch-1000 decode", (5.0, 9.0), 6_500_000, 1000) },
    target("json-mixed-512 decode", (4.0, 6.0), 8_700, 2),
    target("json-small encode", (5.0, 7.0), 2_700, 1),
    target("json-medium encode", (25.0, 40.0), 4_000, 1),
    promised(target("json-large encode", (100.0, 140.0), 0, 1)),
    target("json-bin32k encode", (7.0, 9.0), 48_000, 1),
    target("json-batch-1000 encode", (5.0, 7.5), 2_500_000, 1),
    promised(target("http-binary decode", (2.0, 2.8), 6_200, 2)),
    // Three, and one for each of the two extensions.
    target("http-binary encode", (2.0, 2.8), 10_000, 5),
    // Against apache-avro, minicbor, prost and quick-xml.
    target("avro-small decode", (6.0, 6.0), 3_600, 1),
    target("avro-small encode", (6.0, 6.0), 1_450, 1),
    promised(target("avro-256k decode", (6.0, 6.0), 3_900, 1)),
    promised(target("avro-256k encode", (1.0, 1.0), 0, 1)),
    target("avro-compact-small decode", (3.5, 6.0), 3_800, 1),
    target("avro-compact-small encode", (6.0, 6.0), 2_400, 1),
    target("cbor-small decode", (1.3, 1.3), 3_900, 1),
    target("cbor-small encode", (1.5, 1.5), 1_470, 1),
    promised(target("cbor-256k decode", (1.0, 1.3), 3_800, 1)),
    promised(target("cbor-256k encode", (1.0, 1.0), 0, 1)),
    target("protobuf-small decode", (3.0, 3.0), 4_250, 1),
    target("protobuf-small encode", (1.0, 1.0), 2_350, 1),
    target("protobuf-batch-1000 decode", (3.0, 3.0), 4_950_000, 1001),
    target("protobuf-batch-1000 encode", (1.0, 1.0), 3_600_000, 4),
    promised(target("protobuf-256k decode", (3.0, 3.0), 4_600, 1)),
    promised(target("protobuf-256k encode", (1.0, 1.0), 0, 1)),
    target("xml-small decode", (1.0, 1.0), 25_000, 4),
    target("xml-small encode", (1.0, 1.0), 5_000, 1),
    target("xml-batch-1000 decode", (1.0, 1.0), 25_000_000, 4_000),
    target("xml-batch-1000 encode", (1.0, 1.0), 5_000_000, 1),
    promised(target("xml-256k decode", (1.0, 1.0), 0, 4)),
    target("xml-256k encode", (1.0, 1.0), 0, 1),
    // Here the peer is the toolkit's own HTTP binding.
    promised(target("amqp-binary decode", (0.67, 1.0), 6_000, 2)),
    promised(target("amqp-binary encode", (0.67, 1.5), 5_300, 4)),
    promised(target("kafka-binary decode", (0.67, 1.0), 6_500, 1)),
    promised(target("kafka-binary encode", (0.67, 1.5), 4_200, 3)),
    promised(target("mqtt-binary decode", (0.67, 1.0), 5_600, 2)),
    promised(target("mqtt-binary encode", (0.67, 1.5), 4_500, 4)),
    promised(target("nats-binary decode", (0.67, 1.0), 7_200, 2)),
    promised(target("nats-binary encode", (0.67, 1.0), 4_300, 5)),
    promised(target("rabbitmq-binary decode", (0.67, 1.0), 5_400, 2)),
    promised(target("rabbitmq-binary encode", (0.67, 1.5), 3_800, 4)),
    // Here, the peer is structured mode of HTTP.
    promised(target("websockets-json decode", (0.67, 1.0), 15_500, 2)),
    promised(target("websockets-json encode", (0.67, 1.0), 4_800, 2)),
    // Against a function written by hand, decoding, and a loop over all.
    promised(target("cesql-typical evaluate", (0.05, 0.2), 650, 0)),
    target("cesql-typical parse", (0.2, 1.0), 24_000, 52),
    promised(target("cesql-medium look-up", (3.0, 10.0), 0, 0)),
    promised(target("filters-100000 match", (100.0, 1000.0), 0, 0)),
    // Against `jsonschema` alone, which takes 98,000 instructions: at most 1.3 of it. And against a map by type.
    promised(target("catalog-1k judge", (0.77, 0.9), 127_000, 137)),
    promised(target("catalog-1540 match", (0.3, 0.5), 600, 0)),
];

/// The bounds of this row, if it has any.
pub(crate) fn of(row: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.row == row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::NAMES;

    #[test]
    fn every_target_has_a_row() {
        assert!(TARGETS.iter().all(|target| NAMES.contains(&target.row)));
        assert!(of("attributes read").is_none());
    }
}
