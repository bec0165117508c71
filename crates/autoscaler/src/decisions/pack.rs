//! Records as few bytes. They resemble each other so much that a typical one is the best dictionary: what is left of 3 kB
//! is what differs, a few hundred bytes.

use std::fmt;
use std::io;

use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};

/// A typical record. Another one here changes nothing but sizes: what is packed does not outlive the process.
const TYPICAL: &[u8] = include_bytes!("typical.json");

/// Packing takes 10 µs at this level; higher ones gain little.
const LEVEL: i32 = 1;

/// No record is larger; those of HPAs with thousands of pods come to a few hundred kilobytes.
const MAX_TEXT: usize = 64 << 20;

/// Packs and unpacks.
pub(super) struct Packer {
    compressor: Mutex<Compressor<'static>>,
    decompressor: Mutex<Decompressor<'static>>,
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

impl Packer {
    /// # Errors
    /// When memory runs out.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            compressor: Mutex::new(Compressor::with_dictionary(LEVEL, TYPICAL)?),
            decompressor: Mutex::new(Decompressor::with_dictionary(TYPICAL)?),
        })
    }

    /// # Errors
    /// When memory runs out.
    pub(super) fn pack(&self, text: &[u8]) -> io::Result<Vec<u8>> {
        self.compressor.lock().compress(text)
    }

    /// # Errors
    /// When it is not what [`Packer::pack`] gave.
    pub(super) fn unpack(&self, packed: &[u8]) -> io::Result<Vec<u8>> {
        let length = Decompressor::upper_bound(packed).unwrap_or(MAX_TEXT);
        self.decompressor.lock().decompress(packed, length.min(MAX_TEXT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_takes_little() {
        let packer = Packer::new().unwrap();
        let text = String::from_utf8(TYPICAL.to_vec())
            .unwrap()
            .replace("web", "shop");
        let packed = packer.pack(text.as_bytes()).unwrap();
        assert!(
            packed.len() * 5 < text.len(),
            "{} of {}",
            packed.len(),
            text.len()
        );
        assert_eq!(packer.unpack(&packed).unwrap(), text.as_bytes());
        assert!(packer.unpack(b"nothing").is_err());
        let empty = packer.pack(b"").unwrap();
        assert!(packer.unpack(&empty).unwrap().is_empty());
    }
}
