//! Building blocks of event formats and protocol bindings. Programs that only send and receive events do not need them.
//!
//! **Weaker promises.** Everything at the root of this crate follows semantic versioning strictly. This module may change in a minor
//! release of the toolkit: a type may gain a parameter, a function may move. The wire behaviour of the codecs built on it does not
//! change that way. Pin the minor version (`cloudevents-core = "~1.2"`) if you write a codec outside this project.
//!
//! | task | use |
//! |---|---|
//! | recognise a message by its content type | [`detect`], [`check_binary_mode`] |
//! | turn decoded attributes into an event | [`Assembler`], [`Given`], [`Piece`], [`CoreName`], [`AttributeName`] |
//! | read and write the text of headers: percent-coding, quoted strings | [`header`] |
//! | name the headers of extensions | [`extension_headers`] |
//! | read some attributes of a document only | [`Picker`] |
//! | scan JSON text | [`scan`], [`scan_json`] |
//! | share a document's buffer | [`TextBuffer`](crate::TextBuffer), [`share`], [`cut`] |
//! | write a document of known length | [`Room`], [`extents`], [`core_length`], [`attributes_size`], [`append_payload`] |
//! | check a batch | [`check_count`], [`mixed_specversions`] |
//! | write the body of binary mode, and report losses | [`binary_mode_body`], [`binary_mode_losses`], [`BinaryMode`] |
//! | set a payload that a codec wrote | [`payload_as`] |
//! | show text of a peer to people | [`one_line`], [`is_active`] |
//! | read and check CBOR items | [`cbor`], [`is_cbor_item`] |
//! | read the canonical strings of attribute values | [`parse_integer`], [`decode_base64`] |

mod assemble;
mod binary_mode;
pub mod cbor;
mod charset;
mod detect;
mod document;
pub mod header;
mod header_names;
mod losses;
mod of_event;
mod one_line;
mod picker;
mod piece;
mod room;
pub mod scan;

pub use crate::batch::{check_count, mixed_specversions};
pub use crate::core_attribute::CoreName;
pub use crate::value::{decode_base64, parse_integer};
pub use assemble::{Assembler, AttributeName, Completed, Given, TextWriter};
pub use binary_mode::check_binary_mode;
pub use cbor::is_cbor_item;
pub use charset::{is_encoded, is_utf8, takes_utf8};
pub use detect::{Detected, detect};
pub use document::{append_payload, cut, scan_json};
pub use header_names::{extension_headers, is_content_type, repeated_content_type};
pub use losses::{
    BinaryMode, binary_mode_body, binary_mode_losses, binary_mode_meaning_losses, charset_lost,
    content_type_stated, form_lost, is_utc_form, other_charset, timestamp_losses, timestamp_respelled,
    type_lost, type_url_lost,
};
pub use of_event::{
    Extent, attributes_size, characters, core_bytes, core_length, extents, is_payload_not_json, payload_as,
    share,
};
pub use one_line::{is_active, one_line};
pub use picker::Picker;
pub use piece::Piece;
pub use room::Room;
