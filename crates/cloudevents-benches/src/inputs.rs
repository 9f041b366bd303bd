//! The inputs of the rows: made here, the same on every machine, or read from a folder.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::{
    env,
    error::Error,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Names the folder with files that are used in place of generated inputs.
pub(crate) const FOLDER: &str = "CE_PERF_WORKLOADS";

/// Where the inputs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// They are made here.
    Generated,
    /// They are files of this folder.
    Files(PathBuf),
}

/// Many documents, no two alike.
pub(crate) struct Mixed {
    pub(crate) documents: Vec<Bytes>,
    /// How many of the file's documents are not used, because strict decoding refuses them.
    pub(crate) left_out: usize,
}

/// The parts of a binary-mode request.
pub(crate) struct HttpMessage {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl HttpMessage {
    pub(crate) fn header_map(&self) -> Result<HeaderMap, Box<dyn Error>> {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            map.insert(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
        }
        Ok(map)
    }
}

impl Source {
    /// The folder that the environment names, or generated inputs.
    pub(crate) fn from_environment() -> Self {
        env::var_os(FOLDER).map_or(Self::Generated, |folder| Self::Files(folder.into()))
    }

    /// The document of this name: `json-small`, `json-medium`, `json-large`, `json-bin32k`, `json-batch-1000`.
    pub(crate) fn document(&self, name: &str) -> Result<Bytes, Box<dyn Error>> {
        if let Self::Files(folder) = self {
            return read(folder, &format!("{name}.json")).map(shared);
        }
        Ok(shared(match name {
            "json-small" => small(0),
            "json-medium" => event(1, JSON, "data", &order(&mut Dice::new(2), 4096, 0)),
            "json-large" => event(2, JSON, "data", &order(&mut Dice::new(3), 262_144, 0)),
            "json-bin32k" => {
                let base64 = base64_simd::STANDARD.encode_to_string(Dice::new(4).bytes(32_768));
                event(3, "application/octet-stream", "data_base64", &text(&base64))
            }
            "json-batch-1000" => format!("[{}]", (0..1000).map(small).collect::<Vec<_>>().join(",")),
            _ => return Err(format!("there is no input `{name}`").into()),
        }))
    }

    /// The documents of `json-mixed-512`.
    pub(crate) fn mixed(&self) -> Result<Mixed, Box<dyn Error>> {
        let Self::Files(folder) = self else {
            let mut dice = Dice::new(77);
            return Ok(Mixed {
                documents: (0..512).map(|i| shared(mixed(&mut dice, i))).collect(),
                left_out: 0,
            });
        };
        let file = read(folder, "json-mixed-512.ndjson")?;
        let all = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let (valid, refused): (Vec<Bytes>, Vec<Bytes>) = all
            .map(|line| shared(line.to_vec()))
            .partition(|document| cloudevents_json::decode(document.clone()).is_ok());
        Ok(Mixed { documents: valid, left_out: refused.len() })
    }

    /// The message of the HTTP rows.
    pub(crate) fn http(&self) -> Result<HttpMessage, Box<dyn Error>> {
        let Self::Files(folder) = self else {
            return Ok(HttpMessage {
                headers: headers(5),
                body: shared(order(&mut Dice::new(5), 950, 1012)),
            });
        };
        let lines = String::from_utf8(read(folder, "http-headers.txt")?)?;
        Ok(HttpMessage {
            headers: lines
                .lines()
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: shared(read(folder, "http-body-1k.json")?),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generated => f.write_str("generated"),
            Self::Files(_) => write!(f, "files of the folder that {FOLDER} names"),
        }
    }
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    fs::read(folder.join(name))
        .map_err(|error| io::Error::new(error.kind(), format!("{name} in {FOLDER}: {error}")).into())
}

/// An event document of exactly this many bytes, a few hundred at least: for the cost against the size.
pub(crate) fn document_of(bytes: usize) -> Bytes {
    let envelope = event(4, JSON, "data", "").len();
    let data = order(&mut Dice::new(7), (bytes - envelope).saturating_sub(700), bytes - envelope);
    shared(event(4, JSON, "data", &data))
}

/// A buffer that was cloned before, like a receive buffer in use: the first clone allocates a counter.
fn shared(bytes: impl Into<Bytes>) -> Bytes {
    let bytes = bytes.into();
    drop(bytes.clone());
    bytes
}

const JSON: &str = "application/json";

/// The attributes of event number `i`, `specversion` first.
fn attributes(i: u32, content_type: &str) -> Vec<(String, String)> {
    [
        ("specversion", "1.0".to_owned()),
        ("id", format!("{:08x}-1c2d-4e3f-8a9b-0123456789ab", 0xa1b2_c300 + i)),
        ("source", "/shop/eu-west-1/orders".to_owned()),
        ("type", "com.example.shop.order.created.v1".to_owned()),
        ("datacontenttype", content_type.to_owned()),
        ("subject", format!("order/{}", 100_000 + i)),
        ("time", format!("2024-06-07T12:34:56.{:06}Z", 123_456 + i)),
        ("partitionkey", format!("customer-{}", 4000 + i)),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A document: the attributes of event number `i`, then a member with the payload.
fn event(i: u32, content_type: &str, member: &str, payload: &str) -> String {
    let mut members: Vec<(String, String)> =
        attributes(i, content_type).into_iter().map(|(name, value)| (name, text(&value))).collect();
    members.push((member.to_owned(), payload.to_owned()));
    object(&members)
}

/// The document of event number `i` with a payload of a few fields.
fn small(i: u32) -> String {
    event(i, JSON, "data", &small_data(i))
}

fn small_data(i: u32) -> String {
    format!(
        r#"{{"orderId":{},"customer":"Ada Lovelace","total":129.95,"currency":"EUR","items":3,"express":true,"note":null}}"#,
        100_000 + i
    )
}

/// The headers of a binary-mode request.
fn headers(i: u32) -> Vec<(String, String)> {
    attributes(i, JSON)
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "datacontenttype" => ("content-type".to_owned(), value),
            _ => (format!("ce-{name}"), value),
        })
        .collect()
}

/// A payload with items until it comes near `least` bytes, padded to `exactly` so many.
fn order(dice: &mut Dice, least: usize, exactly: usize) -> String {
    let head = r#"{"orderId":"o-1","customer":{"name":"Ada Lovelace","address":{"street":"12 St James's Sq","city":"London","lines":["a","b"]},"email":"ada@example.com"},"items":["#;
    let mut order = head.to_owned();
    while order.len() + 150 < least {
        for _ in 0..if exactly > 0 || least < 20_000 { 1 } else { 20 } {
            if !order.ends_with('[') {
                order.push(',');
            }
            order.push_str(&item(dice));
        }
    }
    order.push(']');
    let pad = r#","pad":"""#;
    if let Some(room) = exactly.checked_sub(order.len() + pad.len() + 1) {
        order.push_str(pad.trim_end_matches('"'));
        order.push('"');
        order.extend(std::iter::repeat_n('x', room));
        order.push('"');
    }
    order.push('}');
    order
}

/// One line of an order: short texts, numbers of all kinds, nesting.
fn item(dice: &mut Dice) -> String {
    let tags: Vec<String> = (0..dice.between(0, 4)).map(|_| text(&dice.word())).collect();
    let weight = ["0.0015", "2.25", "0", "-3", "12"];
    let (sku, title, qty) = (dice.below(1_000_000), dice.words(), dice.between(1, 20));
    let (price, weight, in_stock) = (dice.below(50_000), dice.pick(&weight), dice.below(2) == 0);
    let (w, h, desc) = (dice.between(1, 100), dice.between(1, 100), dice.words());
    object(&[
        ("sku".into(), format!("\"SKU-{sku:06}\"")),
        ("title".into(), text(&title)),
        ("qty".into(), qty.to_string()),
        ("price".into(), format!("{}.{:02}", price / 100, price % 100)),
        ("weight".into(), weight.into()),
        ("inStock".into(), in_stock.to_string()),
        ("tags".into(), format!("[{}]", tags.join(","))),
        ("dim".into(), format!(r#"{{"w":{w},"h":{h},"meta":{{"a":null,"b":[1,2,3]}}}}"#)),
        ("desc".into(), text(&desc)),
    ])
}

/// A document with members in any order and payloads and extensions of several shapes. All documents differ, so that the branch
/// predictor cannot learn them.
fn mixed(dice: &mut Dice, i: u32) -> String {
    let mut members: Vec<(String, String)> = attributes(i, JSON)
        .into_iter()
        .map(|(name, value)| {
            let value = match name.as_str() {
                "id" => dice.characters(b"0123456789abcdef-", 4, 40),
                "source" => (0..dice.between(1, 5)).map(|_| format!("/{}", dice.word())).collect(),
                "type" => (0..dice.between(1, 5)).fold("com".into(), |ty, _| format!("{ty}.{}", dice.word())),
                // No control characters, which strings of attributes do not have.
                "subject" => dice.words().replace(['\n', '\t'], " ").chars().take(60).collect(),
                _ => value,
            };
            (name, text(&value))
        })
        .collect();
    for _ in 0..dice.between(0, 4) {
        let name = format!("{}{}", dice.word(), dice.below(100));
        let value = match dice.below(3) {
            0 => dice.word(),
            1 => format!("{} {}", dice.word(), dice.word()),
            _ => dice.below(1_000_001).to_string(),
        };
        if members.iter().all(|(other, _)| *other != name) {
            members.push((name, text(&value)));
        }
    }
    for last in (1..members.len()).rev() {
        members.swap(last, dice.below(last as u64 + 1) as usize);
    }
    let data = match dice.below(4) {
        0 => small_data(i),
        1 => item(dice),
        2 => {
            let numbers = (0..dice.between(1, 20)).map(|_| {
                let digits = dice.between(1, 9);
                (dice.below(10_u64.pow(digits as u32) + 6) as i64 - 5).to_string()
            });
            format!("[{}]", numbers.collect::<Vec<_>>().join(","))
        }
        _ => {
            let members: Vec<_> =
                (0..dice.between(1, 10)).map(|_| (dice.word(), text(&dice.words()))).collect();
            object(&members)
        }
    };
    let place = dice.below(members.len() as u64 + 1) as usize;
    members.insert(place, ("data".into(), data));
    object(&members)
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// A JSON string.
fn text(contents: &str) -> String {
    serde_json::Value::from(contents).to_string()
}

/// A small generator of numbers (splitmix64): the same sequence everywhere.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        from.get(self.below(from.len() as u64) as usize).copied().unwrap_or_default()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[7]).collect()
    }

    fn characters(&mut self, from: &[u8], least: u64, most: u64) -> String {
        (0..self.between(least, most)).map(|_| char::from(self.pick(from))).collect()
    }

    fn word(&mut self) -> String {
        self.characters(b"abcdefghijklmnopqrstuvwxyz", 3, 9)
    }

    /// One to eight words. One text in 25 has something to escape, and one in 50 has something beyond ASCII.
    fn words(&mut self) -> String {
        let words: Vec<String> = (0..self.between(1, 8)).map(|_| self.word()).collect();
        let end = match self.below(100) {
            0..4 => "\n\"quoted\" \\ tab\t end",
            4..6 => " caf\u{e9} na\u{ef}ve \u{2713}",
            _ => "",
        };
        words.join(" ") + end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATED: Source = Source::Generated;

    fn document(name: &str) -> Bytes {
        GENERATED.document(name).unwrap()
    }

    #[test]
    fn sizes() {
        assert_eq!(document("json-small").len(), 465);
        assert_eq!(document("json-bin32k").len(), 44_061);
        assert_eq!(document("json-batch-1000").len(), 466_001);
        let http = GENERATED.http().unwrap();
        assert_eq!((http.headers.len(), http.body.len()), (9, 1012));
        let medium = document("json-medium").len();
        assert!((4_200..4_700).contains(&medium), "{medium}");
        let large = document("json-large").len();
        assert!((262_144..270_000).contains(&large), "{large}");
        let mixed = GENERATED.mixed().unwrap();
        assert_eq!((mixed.documents.len(), mixed.left_out), (512, 0));
        let average = mixed.documents.iter().map(Bytes::len).sum::<usize>() / 512;
        assert!((520..580).contains(&average), "{average}");
    }

    #[test]
    fn documents_of_any_size() {
        for bytes in [1 << 10, 3000, 4 << 10, 100_000, 1 << 20] {
            let document = document_of(bytes);
            assert_eq!(document.len(), bytes);
            cloudevents_json::decode(document).unwrap();
        }
    }

    #[test]
    fn every_input_is_valid() {
        for name in ["json-small", "json-medium", "json-large", "json-bin32k"] {
            let event = cloudevents_json::decode(document(name)).unwrap();
            assert_eq!(event.attributes().count(), 8, "{name}");
        }
        assert_eq!(cloudevents_json::decode_batch(document("json-batch-1000")).unwrap().len(), 1000);
        for document in GENERATED.mixed().unwrap().documents {
            cloudevents_json::decode(document).unwrap();
        }
        let body = GENERATED.http().unwrap().body;
        serde_json::from_slice::<serde::de::IgnoredAny>(&body).unwrap();
    }

    #[test]
    fn some_texts_need_escapes_and_some_are_not_ascii() {
        let large = document("json-large");
        let count = |wanted: &dyn Fn(u8) -> bool| large.iter().filter(|byte| wanted(**byte)).count();
        assert!((400..1_000).contains(&count(&|byte| byte == b'\\')));
        assert!((100..1_000).contains(&count(&|byte| byte > 127)));
    }

    #[test]
    fn the_same_every_time() {
        assert_eq!(document("json-large"), document("json-large"));
        assert_eq!(GENERATED.mixed().unwrap().documents, GENERATED.mixed().unwrap().documents);
        assert_eq!(Dice::new(0).next(), 0xe220_a839_7b1d_cdaf);
    }
}
