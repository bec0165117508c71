//! Bodies: their size, and what they are packed in.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use crate::error::Error;

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

/// The plain bytes of a body, if they are not too many.
pub(crate) fn plain(
    body: &[u8],
    encoding: Encoding,
    max_body: usize,
    max_decompressed: usize,
) -> Result<Cow<'_, [u8]>, Error> {
    if body.len() > max_body {
        return Err(Error::BodyTooLarge { limit: max_body });
    }
    match encoding {
        Encoding::Identity => Ok(Cow::Borrowed(body)),
        Encoding::Gzip => {
            let mut out = Vec::with_capacity(body.len().saturating_mul(4).min(max_decompressed));
            // One byte more than is taken shows that there is more.
            let limit = (max_decompressed as u64).saturating_add(1);
            MultiGzDecoder::new(body)
                .take(limit)
                .read_to_end(&mut out)
                .map_err(Error::Gzip)?;
            if out.len() > max_decompressed {
                return Err(Error::DecompressedTooLarge {
                    limit: max_decompressed,
                });
            }
            Ok(Cow::Owned(out))
        }
    }
}
