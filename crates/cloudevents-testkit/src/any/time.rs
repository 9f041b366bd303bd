//! Timestamps, from the grammar of RFC 3339.

use proptest::{prelude::*, sample::select};

/// A timestamp of any spelling: letter case, fractions of any length, offsets, leap seconds.
pub fn timestamp() -> impl Strategy<Value = String> {
    let date = (0..10_000_u16, 1..13_u8).prop_flat_map(|(year, month)| {
        (1..=days(year, month)).prop_map(move |day| format!("{year:04}-{month:02}-{day:02}"))
    });
    // The spelling, and minutes east of UTC.
    let offset = prop_oneof![
        3 => Just(("Z".to_owned(), 0)),
        1 => Just(("z".to_owned(), 0)),
        1 => Just(("-00:00".to_owned(), 0)),
        2 => (0..24_u16, 0..60_u16, any::<bool>()).prop_map(|(hours, minutes, east)| {
            let offset = (hours * 60 + minutes).cast_signed();
            let (sign, offset) = if east { ('+', offset) } else { ('-', -offset) };
            (format!("{sign}{hours:02}:{minutes:02}"), offset)
        }),
    ];
    let time = (0..24_u8, 0..60_u8, 0..60_u8, proptest::bool::weighted(0.1));
    let fraction = prop_oneof![3 => Just(String::new()), 3 => "\\.[0-9]{1,12}", 1 => "\\.[0-9]{1,3}0{1,12}"];
    (date, select(vec!['T', 't']), time, fraction, offset).prop_map(
        |(date, t, (hour, minute, second, leap), fraction, (zone, offset))| {
            // A leap second is the last one of a day in UTC (section 5.7).
            let local = (23 * 60 + 59 + offset).rem_euclid(24 * 60);
            let (hour, minute, second) =
                if leap { (local / 60, local % 60, 60) } else { (hour.into(), minute.into(), second) };
            format!("{date}{t}{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
        },
    )
}

fn days(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}
