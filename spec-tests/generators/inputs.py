"""What distinguishes the cases that have one title: `fair.write` adds it behind the title, by the area and the topic, and the rest of the id.

A case whose title is that of no other stays as it is.
"""

BOOLEANS = {"extension-boolean-true": "true", "extension-boolean-false": "false"}
LEAST, GREATEST = "-2147483648", "2147483647"
STRINGS = {"extension-string": "beyond ASCII", "extension-string-empty": "an empty one", "extension-string-long": "a long one"}

INPUTS = {
    "avro-compact/decode": {"time-too-early": "a microsecond too early", "time-too-late": "a microsecond too late", "time-far-too-late": "the greatest long"},
    "avro-compact/refused": {"specversion-as-extension-1-0": "1.0", "specversion-as-extension-0-3": "0.3"},
    "avro/data-decode": {"boolean-true": "true", "boolean-false": "false", "double-nan": "NaN", "double-infinity": "infinity",
                         "json-value-under-text": "in strict reading", "json-value-under-text-lenient": "in lenient reading"},
    "cbor/attributes-decode": {
        **BOOLEANS, "extension-integer-zero": "0", "extension-integer-one-byte": "23, in one byte", "extension-integer-two-bytes": "255, in two bytes",
        "extension-integer-three-bytes": "-65536, in three bytes", "extension-integer-negative": "-1", "extension-integer-least": LEAST, "extension-integer-greatest": GREATEST,
        "extension-uri": "an https URI", "extension-urn": "a URN", "integer-above": "2147483648", "integer-below": "-2147483649", "integer-64-bits": "the greatest of 64 bits",
        "integer-least-of-64-bits": "the least of 64 bits", "duplicate-id": "id", "duplicate-extension": "an extension", "duplicate-null": "an extension, null the second time"},
    "cbor/attributes-encode": {**BOOLEANS, "extension-integer": "42", "extension-integer-negative": "-500", "extension-integer-least": LEAST, "extension-integer-greatest": GREATEST, **STRINGS},
    "cbor/data-decode": {
        "map": "application/cbor", "map-suffix": "a suffix +cbor", "map-parameters": "upper case and a parameter", "map-implied": "without one", "integer": "an integer", "false": "false", "undefined": "undefined",
        "array-empty": "an empty array", "date": "a date behind a tag", "bignum": "a bignum", "float-half": "a float of 16 bits", "wide-integer": "an integer in more bytes than it needs",
        "null": "under a CBOR content type", "null-implied": "without a content type", "text-string": "application/cbor", "text-string-implied": "without one",
        "byte-string": "under a CBOR content type", "byte-string-implied": "without a content type", "json-object": "an object", "json-string": "a string", "json-null": "null",
        "json-number": "a number of 23 digits", "map-as-json": "a map as JSON", "null-as-json": "null as JSON", "number-as-json": "a number as JSON", "boolean-as-text": "a boolean as text",
        "array-as-xml": "an array as XML", "encoded-item-as-text": "an encoded item as text"},
    "cbor/data-encode": {"item-not-utf8": "under a CBOR content type", "item-not-utf8-implied": "without a content type"},
    "cbor/lenient": {"extension-float": "a float", "extension-undefined": "undefined", "extension-array": "an array", "extension-map": "a map", "extension-bignum": "a bignum",
                     "extension-epoch": "a time in seconds", "extension-out-of-range": "an integer out of range", "extension-timestamp-invalid": "a timestamp that is none",
                     "json-map": "a map", "json-null": "null"},
    "cbor/transcode": {**{f"http-cbor-{name}-to-{to}": f"in a document of {to.upper()}" for name in ("truncated", "two-items", "item-and-break", "cut-text") for to in ("cbor", "json")},
                       "cbor-to-cbor-item": "an item", "cbor-to-cbor-bytes": "bytes", "cbor-to-cbor-attributes": "attributes"},
    "cbor/version-0-3": {"decode-unknown": "1.1", "decode-patch-level": "1.0.2", "decode-empty": "the empty string"},
    "extensions/dataref": {f"{carrier}-{op}-{kind}": f"{word} reference" for carrier in ("json", "http") for op in ("encode", "decode")
                           for kind, word in (("absolute", "an absolute"), ("relative", "a relative"))},
    "json/parsing": {"number-refused-31": "among numbers", "literal-refused-18": "among literals"},
    "protobuf/attributes-decode": {
        **BOOLEANS, "extension-integer": "42", "extension-integer-zero": "0", "extension-integer-negative": "-1", "extension-integer-least": LEAST, "extension-integer-greatest": GREATEST,
        "extension-string": "beyond ASCII", "extension-string-empty": "an empty one", "extension-binary": "three bytes", "extension-binary-empty": "no bytes",
        "integer-above": "2147483648", "integer-below": "-2147483649", "integer-32-bits": "4294967295", "integer-wraps-to-zero": "4294967296"},
    "protobuf/attributes-encode": {**BOOLEANS, "extension-integer": "42", "extension-integer-zero": "0", "extension-integer-negative": "-1", "extension-integer-least": LEAST, **STRINGS},
    "protobuf/data-decode": {"json": "application/json", "json-suffix": "a suffix +json"},
    "protobuf/document-syntax": {"unknown-varint": "a varint", "unknown-bytes": "bytes", "unknown-fixed64": "a number of 64 bits", "unknown-fixed32": "a number of 32 bits",
                                 "unknown-group": "a group", "unknown-nested-groups": "nested groups", "unknown-greatest-number": "the greatest number of a field"},
    "protobuf/timestamps": {
        "decode-seconds-above": "too many seconds", "decode-seconds-below": "too few seconds", "decode-nanos-negative": "negative nanoseconds", "decode-nanos-above": "a second of nanoseconds",
        "encode-offset": "an offset to the east", "encode-offset-west": "an offset to the west", "encode-ten-digits": "a tenth digit", "encode-leap-second": "a leap second",
        "encode-zero-offset": "an offset of zero", "encode-trailing-zeros": "zeros at the end", "encode-year-zero": "the year 0", "encode-offset-to-year-zero": "an offset that leads to the year 0"},
    "webhook/send": {"retry-after-seconds": "a number of seconds", "retry-after-date": "a date"},
    "xml/attributes-decode": {
        "extension-type-unknown": "ce:text", "extension-type-xml-schema": "xs:string", "extension-type-unprefixed-spelling": "uriReference", "extension-type-case": "ce:String",
        "extension-type-empty": "an empty name", "extension-type-empty-prefix": ":string", "integer-plus": "+1", "integer-leading-zero": "01", "binary-unpadded": "base64 without padding",
        "uri-relative": "a relative URI", "uri-reference-space": "a URI-reference with a space", "timestamp-without-zone": "a timestamp without an offset",
        "line-break-line-feed": "a line feed", "line-break-carriage-return": "a carriage return", "line-break-reference": "a character reference", "line-break-in-cdata": "in a CDATA section"},
    "xml/data-encode": {
        "text-with-nul": "NUL", "text-with-escape": "an escape", "text-with-noncharacter": "a noncharacter", "xml-that-is-none-ill-formed": "no end tag", "xml-that-is-none-two": "two elements",
        "xml-that-is-none-unbound": "a prefix that is not declared", "xml-that-is-none-closing-the-document": "an end tag that closes data",
        "xml-that-is-none-with-doctype": "a document type declaration"},
}
