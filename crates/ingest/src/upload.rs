//! One body on its way in. What has arrived is parsed and handed on before the rest is here.

use std::sync::Arc;

use capstan_model::line_protocol::{ParseOptions, Parser, Precision, Progress};

use crate::body::{Encoding, Unpacked};
use crate::error::Error;
use crate::service::{Ingest, Source, WriteOutcome};

/// A body under way. Points of pieces taken stay taken when a later piece fails, as good lines do beside bad ones
/// (H-20 FIX). One that is dropped before its [end](Upload::end) counts as refused.
#[derive(Debug)]
pub struct Upload<'i> {
    ingest: &'i Ingest,
    source: Arc<Source>,
    unpacked: Unpacked,
    /// `None` only while a piece is parsed, and at the end.
    progress: Option<Progress>,
}

impl Ingest {
    /// Begins a body. An empty `retention_policy` is the default one, `precision` is that of [`Precision::parse`].
    pub fn begin(
        &self,
        database: &str,
        retention_policy: &str,
        precision: &str,
        encoding: Encoding,
    ) -> Result<Upload<'_>, Error> {
        let begun = self.begin_body(database, retention_policy, precision, encoding);
        if begun.is_err() {
            self.refuse(0);
        }
        begun
    }

    fn begin_body(
        &self,
        database: &str,
        retention_policy: &str,
        precision: &str,
        encoding: Encoding,
    ) -> Result<Upload<'_>, Error> {
        if database.is_empty() {
            return Err(Error::DatabaseRequired);
        }
        let precision = Precision::parse(precision).ok_or_else(|| Error::Precision(precision.to_owned()))?;
        let options = self.options();
        let parse = ParseOptions {
            precision,
            default_time: self.now_nanos(),
            max_rejected: options.max_rejected,
            ..ParseOptions::default()
        };
        Ok(Upload {
            source: self.source(database, retention_policy)?,
            unpacked: Unpacked::new(encoding, options.max_body_bytes, options.max_decompressed_bytes),
            progress: Some(Progress::new(parse)),
            ingest: self,
        })
    }
}

impl Upload<'_> {
    /// Takes the next pieces of the body as they came. Their points are handed on before this returns; a line whose end is
    /// missing waits for the next piece.
    pub fn take<'p>(&mut self, pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<(), Error> {
        let Some(progress) = self.progress.take() else {
            return Ok(());
        };
        let Self {
            ingest,
            source,
            unpacked,
            ..
        } = self;
        let mut deliver = |batch| ingest.deliver(source, batch);
        let mut index = source.index.lock();
        let mut parser = Parser::resume(&mut index, progress);
        let outcome = pieces
            .into_iter()
            .try_for_each(|piece| unpacked.each(piece, |plain| parser.feed(plain, &mut deliver)));
        self.progress = Some(parser.suspend(&mut deliver));
        outcome
    }

    /// Ends the body.
    pub fn end(mut self) -> Result<WriteOutcome, Error> {
        // When this fails, the line that was not complete yet goes with the upload.
        let rest = self.unpacked.end()?;
        let Some(progress) = self.progress.take() else {
            return Ok(WriteOutcome::default());
        };
        let mut deliver = |batch| self.ingest.deliver(&self.source, batch);
        let mut index = self.source.index.lock();
        let mut parser = Parser::resume(&mut index, progress);
        parser.feed_last(&rest, &mut deliver);
        let outcome = parser.finish(&mut deliver);
        drop(index);
        self.ingest.count(self.unpacked.taken(), &outcome);
        Ok(outcome)
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.progress.is_some() {
            self.ingest.refuse(self.unpacked.taken());
        }
    }
}
