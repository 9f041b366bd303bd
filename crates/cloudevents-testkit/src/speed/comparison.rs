//! Rounds in which ways to do the same work take turns.

use super::{Cost, Table};
use cloudevents_core::{Event, Payload};

/// The size of the payload of [`event`], in bytes.
pub const PAYLOAD: usize = 1024;

/// An event with the attributes that most events have and 1 KiB of payload, so that measurements of siblings compare. Its `id` has this
/// number.
///
/// ```
/// let event = cloudevents_testkit::speed::event(7);
/// assert_eq!((event.id(), event.data_bytes().unwrap().len()), ("A234-1234-00000007", 1024));
/// ```
///
/// # Panics
///
/// Never: its attributes are valid.
#[allow(clippy::unwrap_used)] // constants, tested by the example
pub fn event(number: usize) -> Event {
    Event::builder()
        .id(format!("A234-1234-{number:08}"))
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .subject("orders/42")
        .time("2018-04-05T17:31:00.123Z")
        .extension("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .payload("application/octet-stream", Payload::binary(vec![b'x'; PAYLOAD]))
        .build()
        .unwrap()
}

/// How much a comparison measures: the arguments `[EVENTS] [ROUNDS] [PART OF A NAME]` of its program.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Comparison {
    /// Events of each measurement, 20,000 by default.
    pub count: usize,
    /// Rounds after a warm-up, 7 by default.
    pub rounds: usize,
    /// Rows whose names contain this are measured.
    pub part: String,
}

impl Comparison {
    /// Reads the arguments of the program. Arguments that are no numbers count as absent.
    pub fn from_arguments() -> Self {
        Self::read(std::env::args().skip(1))
    }

    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let mut arguments = arguments.filter(|argument| argument != "--bench"); // `cargo bench` adds this one.
        let mut number = |unless| arguments.next().and_then(|number| number.parse().ok()).unwrap_or(unless);
        let (count, rounds) = (number(20_000), number(7));
        Self { count, rounds, part: arguments.next().unwrap_or_default() }
    }

    /// Measures each row once per round and prints the cost. `measure` gets its name, and a name for a queue or topic that has not been
    /// used. The order rotates, so that no row is always first. The first round is a warm-up.
    ///
    /// Prints the table, relative to the row `relative_to`, unless that row is left out.
    pub async fn of<'r>(
        &self,
        rows: &[&'r str],
        relative_to: &str,
        mut measure: impl AsyncFnMut(&'r str, String) -> Cost,
    ) {
        let rows: Vec<&str> = rows.iter().copied().filter(|row| row.contains(&self.part)).collect();
        let mut table = Table::default();
        for round in 0..=self.rounds {
            let begin = round.checked_rem(rows.len()).unwrap_or_default();
            let (later, first) = rows.split_at_checked(begin).unwrap_or_default();
            for (turn, name) in first.iter().chain(later).enumerate() {
                let place = format!("speed-{}-{round}-{turn}-{}", std::process::id(), name.len());
                let cost = measure(name, place).await;
                println!("round {round}: {name:<36} {:>8.0}/s {:>6.2} us", cost.rate, cost.cpu);
                if round > 0 {
                    table.note(name, cost);
                }
            }
        }
        if rows.contains(&relative_to) {
            println!("\n{} events of {PAYLOAD} bytes, medians of {} rounds\n", self.count, self.rounds);
            println!("{}", table.write(relative_to));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_optional() {
        let read = |words: &str| Comparison::read(words.split_whitespace().map(str::to_owned));
        let all = read("100 3 Receiver");
        assert_eq!((all.count, all.rounds, &*all.part), (100, 3, "Receiver"));
        let none = read("");
        assert_eq!((none.count, none.rounds, &*none.part), (20_000, 7, ""));
        let of_cargo = read("100 3 --bench");
        assert_eq!((of_cargo.count, of_cargo.rounds, &*of_cargo.part), (100, 3, ""));
    }

    #[tokio::test]
    async fn rows_take_turns() {
        let comparison = Comparison { count: 1, rounds: 2, part: "a".into() };
        let mut seen = Vec::new();
        comparison
            .of(&["a", "b", "ca"], "a", async |name, _| {
                seen.push(name);
                Cost::default()
            })
            .await;
        assert_eq!(seen, ["a", "ca", "ca", "a", "a", "ca"]);
    }
}
