//! Bodies: their size, and what they are packed in.

use std::fmt;
use std::io::Write as _;

use flate2::write::MultiGzDecoder;

use crate::error::Error;

/// Packed bytes that are unpacked at once. They become a thousand times as many at most.
const PIECE: usize = 16 << 10;

/// How a body is packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Identity,
    Gzip,
}

impl Encoding {
    /// Reads a `Content-Encoding` header.
    pub fn parse(header: &str) -> Result<Self, Error> {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            _ => Err(Error::Encoding(header.to_owned())),
        }
    }
}

/// The plain bytes of a body that arrives in pieces, as long as they are not too many.
pub(crate) struct Unpacked {
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    taken: usize,
    plain: usize,
    max_body: usize,
    max_decompressed: usize,
}

impl fmt::Debug for Unpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacked")
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

impl Unpacked {
    pub(crate) fn new(encoding: Encoding, max_body: usize, max_decompressed: usize) -> Self {
        Self {
            gzip: (encoding == Encoding::Gzip).then(|| MultiGzDecoder::new(Vec::new())),
            taken: 0,
            plain: 0,
            max_body,
            max_decompressed,
        }
    }

    /// Bytes of the body as they came.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Gives the plain bytes of the next piece to `each`, possibly in several calls.
    pub(crate) fn each(&mut self, piece: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        self.taken = self.taken.saturating_add(piece.len());
        if self.taken > self.max_body {
            return Err(Error::BodyTooLarge { limit: self.max_body });
        }
        let Some(gzip) = &mut self.gzip else {
            each(piece);
            return Ok(());
        };
        for part in piece.chunks(PIECE) {
            gzip.write_all(part)
                .and_then(|()| gzip.flush())
                .map_err(Error::Gzip)?;
            let plain = gzip.get_mut();
            check(&mut self.plain, plain.len(), self.max_decompressed)?;
            each(plain);
            plain.clear();
        }
        Ok(())
    }

    /// What is left when the body has ended.
    pub(crate) fn end(&mut self) -> Result<Vec<u8>, Error> {
        let Some(gzip) = self.gzip.take() else {
            return Ok(Vec::new());
        };
        let rest = gzip.finish().map_err(Error::Gzip)?;
        check(&mut self.plain, rest.len(), self.max_decompressed)?;
        Ok(rest)
    }
}

/// Counts plain bytes.
fn check(plain: &mut usize, more: usize, limit: usize) -> Result<(), Error> {
    *plain = plain.saturating_add(more);
    if *plain > limit {
        return Err(Error::DecompressedTooLarge { limit });
    }
    Ok(())
}
