//! Points as columns: what flows through the engine, and the line protocol it arrives in.
//!
//! A request body becomes one [`batch::Batch`]: one [`Block`] per measurement plus the order in which rows arrived.
//! A block holds a time and a row key per row and one typed [`Column`] per field; a row key stands for a tag set and
//! means something only together with the block's [`KeyTable`]. Blocks are immutable and shared by all tasks.
//!
//! Deliberately absent: scripts, nodes, HTTP, time of its own.
//!
//! | module | what |
//! |---|---|
//! | [`value`] | one field value |
//! | [`tags`] | an immutable, sorted tag set |
//! | [`keys`] | row keys: tag sets numbered densely |
//! | [`group`] | dimensions and groups, numbered densely per task |
//! | [`mask`], [`column`], [`block`] | the columnar form |
//! | [`builder`] | makes blocks row by row |
//! | [`batch`] | one body: blocks and the order of their rows |
//! | [`line_protocol`] | bytes to batches |

pub mod batch;
pub mod block;
pub mod builder;
pub mod column;
pub mod group;
pub mod keys;
pub mod line_protocol;
pub mod mask;
pub mod tags;
pub mod value;

pub use batch::{Batch, Run};
pub use block::Block;
pub use builder::{BlockBuilder, ColumnBuilder};
pub use column::{Column, StrValues, Values};
pub use group::{Dimensions, Group, GroupId, Groups};
pub use keys::{KeyTable, RowKey};
pub use line_protocol::{ParseOptions, Parsed, Parser, Precision, Progress, Reason, Rejected, SeriesIndex};
pub use mask::Mask;
pub use tags::Tags;
pub use value::{Value, ValueRef};
