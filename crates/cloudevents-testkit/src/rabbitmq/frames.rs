//! Frames for a client.

use super::message::{Message, Properties};
use amq_protocol::{
    frame::{AMQPContentHeader, AMQPFrame, WriteContext, gen_frame},
    protocol::{AMQPClass, BasicProperties},
    types::{AMQPValue, ChannelId},
};

/// Appends a frame.
pub(super) fn write(frame: &AMQPFrame, out: &mut Vec<u8>) {
    let begun = std::mem::take(out);
    if let Ok(written) = gen_frame(frame)(WriteContext::from(begun)) {
        *out = written.into_inner().0;
    }
}

pub(super) fn send(channel: ChannelId, method: AMQPClass, out: &mut Vec<u8>) {
    write(&AMQPFrame::Method(channel, method), out);
}

/// Writes the header and the body of a message, in frames with at most so many bytes of the body, and how often it came back.
pub(super) fn content(
    channel: ChannelId,
    frame: usize,
    message: &Message,
    count: Option<u32>,
    out: &mut Vec<u8>,
) {
    let size = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
    match &message.properties {
        Properties::Read(properties) => {
            let properties = match count {
                None => (**properties).clone(),
                Some(count) => with_count(properties, count),
            };
            let header = AMQPContentHeader { class_id: 60, body_size: size, properties };
            write(&AMQPFrame::Header(channel, header), out);
        }
        Properties::Raw(raw) => {
            out.push(2);
            out.extend(channel.to_be_bytes());
            out.extend(u32::try_from(raw.len().saturating_add(12)).unwrap_or(u32::MAX).to_be_bytes());
            out.extend([0, 60, 0, 0]);
            out.extend(size.to_be_bytes());
            out.extend_from_slice(raw);
            out.push(0xce);
        }
    }
    for chunk in message.body.chunks(frame.max(1)) {
        write(&AMQPFrame::Body(channel, chunk.into()), out);
    }
}

fn with_count(properties: &BasicProperties, count: u32) -> BasicProperties {
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(i64::from(count)));
    properties.clone().with_headers(headers)
}
