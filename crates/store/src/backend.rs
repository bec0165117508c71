//! Tables of bytes with atomic transactions: in a file, or in memory.

mod file;
mod memory;

use std::fmt::Debug;

use crate::error::Error;

pub use file::FileBackend;
pub use memory::MemoryBackend;

/// Named tables of bytes. Keys are ordered bytewise.
pub trait Backend: Debug + Send + Sync {
    /// The value of a key.
    fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Visits the entries whose keys begin with `prefix`, in ascending or descending order, until `visit` says false.
    fn scan(&self, table: &str, prefix: &[u8], descending: bool, visit: &mut Visit<'_>) -> Result<(), Error>;

    /// Runs `work` alone. Everything it wrote is on disk when this returns; nothing is when `work` fails. After a
    /// passing fault of the file `work` may be run a second time.
    fn transact(&self, work: &mut Work<'_>) -> Result<(), Error>;
}

/// Gets a key and its value; says whether to go on.
pub type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> Result<bool, Error> + 'v;
/// What is done within a transaction.
pub type Work<'w> = dyn FnMut(&mut dyn Tables) -> Result<(), Error> + 'w;

/// The first and the last key of a table.
pub type Extent = (Vec<u8>, Vec<u8>);

/// The tables within a transaction; reads see what was written before.
pub trait Tables {
    /// The value of a key.
    fn get(&mut self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    /// Sets a key.
    fn put(&mut self, table: &str, key: &[u8], value: &[u8]) -> Result<(), Error>;
    /// Removes a key; says whether it was there.
    fn delete(&mut self, table: &str, key: &[u8]) -> Result<bool, Error>;
    /// The first and the last key.
    fn extent(&mut self, table: &str) -> Result<Option<Extent>, Error>;
}
