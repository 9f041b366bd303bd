//! Content types of texts.

use cloudevents_core::MediaType;

/// Whether a text in `data` under this content type is base64.
///
/// By section 3.1 of version 0.2 of the JSON format, it is a text if the content type is known to contain text, and is decoded otherwise.
pub(crate) fn is_base64(media_type: MediaType<'_>, decodes: bool) -> bool {
    match kind(media_type) {
        Kind::Text => false,
        // A boundary of parts and the head of a message are not base64, so a body as it is does not decode.
        Kind::Message => decodes,
        Kind::Other => true,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    /// A message, or parts with boundaries: texts, or bytes with texts around them.
    Message,
    Other,
}

fn kind(media_type: MediaType<'_>) -> Kind {
    // Programs write `charset=binary` for bytes.
    if let Some(charset) = media_type.parameter("charset") {
        return if charset.eq_ignore_ascii_case("binary") { Kind::Other } else { Kind::Text };
    }
    let (ty, subtype) = (media_type.type_().to_ascii_lowercase(), media_type.subtype().to_ascii_lowercase());
    // Older names begin with `x-`, and names of vendors with `vnd.`.
    let name = subtype.strip_prefix("x-").or_else(|| subtype.strip_prefix("vnd.")).unwrap_or(&subtype);
    let has_suffix = subtype.rsplit_once('+').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix));
    match ty.as_str() {
        "text" => Kind::Text,
        "message" | "multipart" => Kind::Message,
        _ if media_type.is_xml() || has_suffix => Kind::Text,
        "application" if SUBTYPES.binary_search(&name).is_ok() => Kind::Text,
        _ => Kind::Other,
    }
}

const SUFFIXES: [&str; 3] = ["yaml", "jwt", "sd-jwt"];

/// Subtypes of `application` that are texts, in order.
const SUBTYPES: [&str; 61] = [
    "bash",
    "cql",
    "csh",
    "css",
    "csv",
    "cypher-query",
    "diff",
    "ecmascript",
    "edn",
    "elm",
    "form-urlencoded",
    "graphql",
    "handlebars-template",
    "hcl",
    "hjson",
    "html",
    "httpd-php",
    "ini",
    "java-properties",
    "javascript",
    "jose",
    "json-lines",
    "json5",
    "jsonl",
    "jsonlines",
    "jsonnet",
    "jwt",
    "latex",
    "lua",
    "markdown",
    "mpegurl",
    "n-quads",
    "n-triples",
    "ndjson",
    "node",
    "openmetrics-text",
    "patch",
    "pem-certificate-chain",
    "pem-file",
    "perl",
    "php",
    "powershell",
    "properties",
    "python",
    "ruby",
    "sdp",
    "sh",
    "shellscript",
    "sparql-query",
    "sparql-update",
    "sql",
    "subrip",
    "tex",
    "toml",
    "trig",
    "turtle",
    "typescript",
    "www-form-urlencoded",
    "xml-dtd",
    "yaml",
    "yml",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtypes_are_found() {
        assert!(SUBTYPES.is_sorted());
        for (text, wanted) in [
            ("text/x-anything", Kind::Text),
            ("application/x-yaml", Kind::Text),
            ("application/vnd.yaml", Kind::Text),
            ("Application/X-JavaScript", Kind::Text),
            ("application/openapi+yaml", Kind::Text),
            ("application/secevent+jwt", Kind::Text),
            ("image/svg+xml", Kind::Text),
            ("application/vnd.x; charset=utf-8", Kind::Text),
            ("text/plain; charset=binary", Kind::Other),
            ("message/http", Kind::Message),
            ("multipart/form-data; boundary=x", Kind::Message),
            ("image/png", Kind::Other),
            ("image/yaml", Kind::Other),
            ("application/octet-stream", Kind::Other),
            ("application/vnd.apache.thrift.binary", Kind::Other),
        ] {
            assert_eq!(kind(MediaType::parse(text).unwrap()), wanted, "{text}");
        }
    }
}
