//! Snapshots as they are stored: packed, because those of many groups repeat the same words over and over.

use std::hash::{Hash as _, Hasher as _};
use std::io::{self, BufWriter, Read as _, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// The first bytes of what is packed.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes that are packed at once.
const PIECE: usize = 64 << 10;

/// The longest text that is unpacked, in bytes. A longer one is cut and cannot be read then.
const MAX_TEXT: u64 = 4 << 30;

/// What `write` writes, packed.
pub(crate) fn pack(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut out = BufWriter::with_capacity(PIECE, GzEncoder::new(Vec::new(), Compression::fast()));
    write(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
}

/// What was packed. Earlier versions stored the text as it is.
pub(crate) fn unpack(stored: Vec<u8>) -> io::Result<Vec<u8>> {
    if !stored.starts_with(&MAGIC) {
        return Ok(stored);
    }
    let mut text = Vec::new();
    GzDecoder::new(&*stored).take(MAX_TEXT).read_to_end(&mut text)?;
    Ok(text)
}

/// Tells snapshots of one run apart.
pub(crate) fn digest(packed: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    packed.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_old_snapshots_are_read() {
        let text = br#"{"version":1}"#.repeat(1_000);
        let packed = pack(|out| out.write_all(&text)).unwrap();
        assert!(packed.len() < text.len() / 10);
        assert_eq!(unpack(packed.clone()).unwrap(), text);
        assert_eq!(unpack(text.clone()).unwrap(), text);
        assert!(unpack(packed[..20].to_vec()).is_err());
    }
}
