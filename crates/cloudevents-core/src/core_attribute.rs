//! The core attributes: their slots in an event, and their names.

/// The core attributes of a specversion 1.0 event, except `specversion`, in the order they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    Id,
    Source,
    Type,
    DataContentType,
    /// `schemaurl` in 0.3.
    DataSchema,
    Subject,
    Time,
}

pub(crate) const CORE: [Core; 7] =
    [Core::Id, Core::Source, Core::Type, Core::DataContentType, Core::DataSchema, Core::Subject, Core::Time];

impl Core {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Source => "source",
            Self::Type => "type",
            Self::DataContentType => "datacontenttype",
            Self::DataSchema => "dataschema",
            Self::Subject => "subject",
            Self::Time => "time",
        }
    }

    #[inline]
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        CoreName::of(name)?.core()
    }
}

/// The name of an attribute of the specification (1.0), looked up once.
///
/// ```
/// use cloudevents_core::codec::CoreName;
///
/// assert_eq!(CoreName::of(b"subject"), Some(CoreName::Subject));
/// assert_eq!(CoreName::Subject.as_str(), "subject");
/// assert_eq!(CoreName::of(b"partitionkey"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoreName {
    /// `id`.
    Id,
    /// `source`.
    Source,
    /// `type`.
    Type,
    /// `datacontenttype`.
    DataContentType,
    /// `dataschema`.
    DataSchema,
    /// `subject`.
    Subject,
    /// `time`.
    Time,
    /// `specversion`.
    SpecVersion,
}

impl CoreName {
    /// The name as text.
    pub const fn as_str(self) -> &'static str {
        match self.core() {
            Some(core) => core.name(),
            None => "specversion",
        }
    }

    /// The attribute of the specification with this name, if any.
    #[inline]
    pub fn of(name: &[u8]) -> Option<Self> {
        // Matching the length first leaves one comparison, of words and not of bytes.
        Some(match name.len() {
            2 if name == b"id" => Self::Id,
            4 if name == b"type" => Self::Type,
            4 if name == b"time" => Self::Time,
            6 if name == b"source" => Self::Source,
            7 if name == b"subject" => Self::Subject,
            10 if name == b"dataschema" => Self::DataSchema,
            11 if name == b"specversion" => Self::SpecVersion,
            15 if name == b"datacontenttype" => Self::DataContentType,
            _ => return None,
        })
    }

    /// Whether every event has the attribute.
    #[inline]
    pub(crate) const fn is_required(self) -> bool {
        matches!(self, Self::Id | Self::Source | Self::Type | Self::SpecVersion)
    }

    /// The bit that is set once the attribute was found.
    #[inline]
    pub(crate) const fn bit(self) -> u8 {
        match self.core() {
            Some(core) => 1 << core as u8,
            None => 1 << 7,
        }
    }

    /// The slot of the attribute; `specversion` has none.
    #[inline]
    pub(crate) const fn core(self) -> Option<Core> {
        Some(match self {
            Self::Id => Core::Id,
            Self::Source => Core::Source,
            Self::Type => Core::Type,
            Self::DataContentType => Core::DataContentType,
            Self::DataSchema => Core::DataSchema,
            Self::Subject => Core::Subject,
            Self::Time => Core::Time,
            Self::SpecVersion => return None,
        })
    }
}
