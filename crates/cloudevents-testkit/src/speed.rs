//! Compares ways to do the same work: rates, processor time and allocations.

#![allow(unsafe_code)] // A global allocator cannot be written without it. Every call is handed on as it came.

mod clients;
mod comparison;
mod elsewhere;

pub use clients::{receive, send_all};
pub use comparison::{Comparison, PAYLOAD, event};
pub use elsewhere::{Elsewhere, is_elsewhere};

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fmt::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

/// An allocator that counts the allocations of all threads. Make it the global allocator of a program that uses [`Run`].
#[derive(Clone, Copy, Debug)]
pub struct CountingAll;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on as it came; counting does not allocate.
unsafe impl GlobalAlloc for CountingAll {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(old, layout) }
    }
}

/// A running measurement.
#[derive(Debug)]
pub struct Run {
    begin: Instant,
    cpu: f64,
    calls: usize,
}

/// The cost per event.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Cost {
    /// Events per second.
    pub rate: f64,
    /// Microseconds of processor time of all threads of this process, for each event. 0 if there is no `/proc`.
    pub cpu: f64,
    /// Allocations of all threads for each event, including reallocations. 0 without [`CountingAll`].
    pub allocations: f64,
}

impl Run {
    /// Starts a measurement.
    pub fn start() -> Self {
        Self { begin: Instant::now(), cpu: processor_seconds(), calls: CALLS.load(Ordering::Relaxed) }
    }

    /// Ends the measurement and returns the cost per event, for this many events.
    pub fn end(&self, events: usize) -> Cost {
        let events = events as f64;
        Cost {
            rate: events / self.begin.elapsed().as_secs_f64(),
            cpu: (processor_seconds() - self.cpu) * 1e6 / events,
            allocations: CALLS.load(Ordering::Relaxed).saturating_sub(self.calls) as f64 / events,
        }
    }
}

/// From Linux's counter, in hundredths of a second.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Costs of several rounds, by name.
///
/// ```
/// use cloudevents_testkit::speed::{Run, Table};
///
/// let mut table = Table::default();
/// for round in 0..3 {
///     for name in ["ours", "bare"] {
///         table.note(name, Run::start().end(1000));
///     }
/// }
/// assert!(table.write("bare").contains("| bare |"));
/// ```
#[derive(Debug, Default)]
pub struct Table(Vec<(String, Vec<Cost>)>);

impl Table {
    /// Records one round under a name.
    pub fn note(&mut self, name: &str, cost: Cost) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, all)) => all.push(cost),
            None => self.0.push((name.to_owned(), vec![cost])),
        }
    }

    /// Returns the medians as a table in Markdown. Rates are also relative to `relative_to`, as the median of the ratios of the rounds.
    pub fn write(&self, relative_to: &str) -> String {
        let none = Vec::new();
        let base = self.0.iter().find(|(name, _)| name == relative_to).map_or(&none, |(_, all)| all);
        let mut text = format!(
            "| what | events/s | of {relative_to} | CPU us/event | allocations/event |\n|---|---:|---:|---:|---:|\n"
        );
        for (name, all) in &self.0 {
            let of = |what: fn(&Cost) -> f64| median(all.iter().map(what).collect());
            let ratio = median(all.iter().zip(base).map(|(one, base)| one.rate / base.rate).collect());
            let (rate, cpu, allocations) = (of(|one| one.rate), of(|one| one.cpu), of(|one| one.allocations));
            let _ = writeln!(text, "| {name} | {rate:.0} | {ratio:.2} | {cpu:.2} | {allocations:.1} |");
        }
        text
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_the_rounds() {
        let mut table = Table::default();
        for (ours, bare) in [(9.0, 10.0), (50.0, 100.0), (80.0, 100.0)] {
            table.note("ours", Cost { rate: ours, ..Cost::default() });
            table.note("bare", Cost { rate: bare, ..Cost::default() });
        }
        let text = table.write("bare");
        assert!(text.contains("| ours | 50 | 0.80 | 0.00 | 0.0 |"), "{text}");
        assert!(text.contains("| bare | 100 | 1.00 |"), "{text}");
    }
}
