//! Messages on a stream of bytes: each behind its length as an unsigned varint (Kapacitor's `udf/agent/io.go`).

use bytes::{Buf, BytesMut};
use prost::Message;

/// A longer message is refused: a function that writes something else, such as a line of text, is told apart by this.
pub const MAX_BYTES: usize = 64 << 20;

/// Bytes of a varint of a length that is allowed.
const MAX_VARINT: usize = 5;

/// What is on the wire is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length makes no sense.
    #[error(
        "a message of {0} bytes, the most is {MAX_BYTES}; does the function write something else to its output?"
    )]
    Length(u64),
    /// The bytes are no message.
    #[error("{0}; does the function write something else to its output?")]
    Decode(#[from] prost::DecodeError),
    /// The bytes ended inside of a message.
    #[error("unexpected EOF")]
    Truncated,
}

/// Appends a message to `to`.
pub fn put(message: &impl Message, to: &mut Vec<u8>) {
    // A Vec has room for any message.
    let _ = message.encode_length_delimited(to);
}

/// Takes the next message off the front of `from`; `None` as long as it is not complete.
pub fn take<M: Message + Default>(from: &mut BytesMut) -> Result<Option<M>, FrameError> {
    let mut length: u64 = 0;
    let mut header = 0;
    loop {
        let Some(&byte) = from.get(header) else {
            return Ok(None);
        };
        length |= u64::from(byte & 0x7f) << (7 * header);
        header += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if header == MAX_VARINT {
            return Err(FrameError::Length(length));
        }
    }
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_BYTES)
        .ok_or(FrameError::Length(length))?;
    if from.len() < header + length {
        // Read on into one piece of memory.
        from.reserve(header + length - from.len());
        return Ok(None);
    }
    from.advance(header);
    Ok(Some(M::decode(from.split_to(length))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Keepalive, Request, request};

    fn request(time: i64) -> Request {
        let message = Some(request::Message::Keepalive(Keepalive { time }));
        Request { message }
    }

    #[test]
    fn messages_come_back_however_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        for time in [0, 1, i64::MAX] {
            put(&request(time), &mut bytes);
        }
        let (mut buffer, mut seen) = (BytesMut::new(), Vec::new());
        for byte in bytes {
            buffer.extend_from_slice(&[byte]);
            while let Some(message) = take::<Request>(&mut buffer).expect("what was put") {
                seen.push(message);
            }
        }
        assert_eq!(seen, [0, 1, i64::MAX].map(request));
        assert!(buffer.is_empty());
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let take = |bytes: &[u8]| take::<Request>(&mut BytesMut::from(bytes));
        assert_eq!(
            take(&[0x81, 0x80, 0x80, 0x20]),
            Err(FrameError::Length((64 << 20) + 1))
        );
        assert!(matches!(take(&[0xff; 12]), Err(FrameError::Length(_))));
        assert!(matches!(take(b"\x05Hello"), Err(FrameError::Decode(_))));
        assert_eq!(take(&[0x80]), Ok(None));
        assert_eq!(take(&[]), Ok(None));
    }
}
