//! Values of core attributes that are not valid, and that a repair reads.

use crate::{Leniency, RepairKind, core_attribute::Core, parts::check_core};
use alloc::{
    format,
    string::{String, ToString},
};

/// The repair that reads the value, and the value that it reads. `None` if no repair that is allowed does.
pub(super) fn read(core: Core, text: &str, leniency: Leniency) -> Option<(RepairKind, String)> {
    let quoted = unquoted(core, text).map(|text| (RepairKind::QuotedText, text.to_string()));
    let date = || Some((RepairKind::HttpDate, from_http_date(text).filter(|_| core == Core::Time)?));
    let read = quoted.or_else(date)?;
    (leniency.allows(read.0) && check_core(core, &read.1).is_ok()).then_some(read)
}

/// The text between quotation marks, of an attribute whose values have none. Such text has no escapes of JSON, either.
fn unquoted(core: Core, text: &str) -> Option<&str> {
    matches!(core, Core::Source | Core::DataSchema | Core::Time).then_some(())?;
    text.strip_prefix('"')?.strip_suffix('"')
}

/// The date as a timestamp: `Sun, 06 Nov 1994 08:49:37 GMT`, the form of RFC 9110, section 5.6.7, that is not obsolete.
fn from_http_date(text: &str) -> Option<String> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (day_of_week, date) = text.split_once(", ")?;
    let mut parts = date.split(' ');
    let (day, month, year, time, zone) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_date = DAYS.contains(&day_of_week) && time.len() == 8 && zone == "GMT" && parts.next().is_none();
    let month = MONTHS.iter().position(|name| *name == month).filter(|_| is_date)?.saturating_add(1);
    Some(format!("{year}-{month:02}-{day}T{time}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(core: Core, text: &str) -> Option<(RepairKind, String)> {
        read(core, text, Leniency::all())
    }

    #[test]
    fn dates_of_http() {
        let read = |text| read_all(Core::Time, text).map(|(kind, text)| (kind.code(), text));
        // The example of RFC 9110, section 5.6.7.
        let expected = Some(("http-date", "1994-11-06T08:49:37Z".to_string()));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
        for other in [
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37Z GMT",
            "Sun, 06 Nov 1994 08:49:37.5 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(read_all(Core::Subject, "Sun, 06 Nov 1994 08:49:37 GMT"), None);
        let none = Leniency::all().without(RepairKind::HttpDate);
        assert_eq!(super::read(Core::Time, "Sun, 06 Nov 1994 08:49:37 GMT", none), None);
    }

    #[test]
    fn quotation_marks() {
        let read = |core, text| read_all(core, text).map(|(_, text)| text);
        assert_eq!(read(Core::Source, "\"/shop\"").as_deref(), Some("/shop"));
        assert_eq!(read(Core::DataSchema, "\"urn:x\"").as_deref(), Some("urn:x"));
        assert_eq!(read(Core::Time, "\"2024-11-28T09:00:00Z\"").as_deref(), Some("2024-11-28T09:00:00Z"));
        for other in ["\"\"", "\"", "", "\"/shop", "\"\"/shop\"\"", "\"/a\\/b\"", "\"/a b\"", "'/shop'"] {
            assert_eq!(read(Core::Source, other), None, "{other}");
        }
        // In other text, quotation marks stand for themselves.
        assert_eq!(read(Core::Id, "\"1\""), None);
    }
}
