//! Attributes: their names, the seven types of their values, and the leaf types behind them.

pub use cloudevents_core::{
    AttributeType, Attributes, EventKey, FoundAttributes, FromValue, Instant, MediaType, MediaTypeBuf, Name,
    NameBuf, ParameterValue, ResolvedName, SpecVersion, Timestamp, TimestampBuf, ToText, ToTimestamp,
    ToValue, Uri, UriBuf, UriReference, UriReferenceBuf, Value, ValueBuf,
};
