//! gzip, and as much of zip as recordings of batches need: stored and deflated entries of a plain archive.

use std::io::Read as _;

use flate2::read::{DeflateDecoder, MultiGzDecoder};

/// The most bytes that data may decompress to.
const MAX_BYTES: u64 = 2 << 30;
/// The most files in an archive.
const MAX_FILES: usize = 1_000;

/// The content if the bytes are compressed with gzip, else the bytes.
pub(super) fn gunzip(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    bounded(MultiGzDecoder::new(&bytes[..])).map_err(|error| format!("cannot be decompressed: {error}"))
}

fn bounded(from: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other(format!(
            "more than {} MiB",
            MAX_BYTES >> 20
        )));
    }
    Ok(content)
}

pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// The files of an archive in its order, which tells query nodes apart.
pub(super) fn unzip(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let broken = || "the zip archive is broken".to_owned();
    let number = |at: usize, len: usize| -> Option<usize> {
        let field = bytes.get(at..at.checked_add(len)?)?;
        Some(
            field
                .iter()
                .rev()
                .fold(0, |value, byte| value << 8 | usize::from(*byte)),
        )
    };
    // The end record is the last thing in the file but for a comment of up to 64 KiB.
    let earliest = bytes.len().saturating_sub(22 + 65_535);
    let end = (earliest..bytes.len().saturating_sub(21))
        .rev()
        .find(|&at| bytes[at..].starts_with(b"PK\x05\x06"))
        .ok_or_else(broken)?;
    let count = number(end + 10, 2).ok_or_else(broken)?;
    let mut at = number(end + 16, 4).ok_or_else(broken)?;
    if count > MAX_FILES {
        return Err(format!("the zip archive holds more than {MAX_FILES} files"));
    }
    let mut files = Vec::new();
    for _ in 0..count {
        let mut read = || {
            let method = number(at + 10, 2)?;
            let compressed = number(at + 20, 4)?;
            let name_len = number(at + 28, 2)?;
            let name = bytes.get(at + 46..at + 46 + name_len)?;
            let local = number(at + 42, 4)?;
            let skip = name_len + number(at + 30, 2)? + number(at + 32, 2)?;
            let data = local + 30 + number(local + 26, 2)? + number(local + 28, 2)?;
            let content = bytes.get(data..data.checked_add(compressed)?)?;
            at += 46 + skip;
            Some((String::from_utf8_lossy(name).into_owned(), method, content))
        };
        let (name, method, content) = read().ok_or_else(broken)?;
        let content = match method {
            0 => content.to_vec(),
            8 => bounded(DeflateDecoder::new(content)).map_err(|error| format!("in {name}: {error}"))?,
            other => {
                return Err(format!(
                    "in {name}: compressed with method {other}, which is not read"
                ));
            }
        };
        files.push((name, content));
    }
    Ok(files)
}
