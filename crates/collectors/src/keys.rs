//! Reading a collector's keys, and noticing those that nobody reads.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use crate::collector::{ConfigError, Wanted};

/// The configuration of one collector. A key counts as known once it was asked for, whether or not it is there.
#[derive(Debug)]
pub struct Keys {
    all: BTreeMap<String, String>,
    /// Which of them stand in annotations, and not only in the selector.
    annotated: BTreeSet<String>,
    asked: RefCell<BTreeSet<String>>,
}

impl Keys {
    /// What a metric is configured with: for External and Object metrics the labels that its selector names, and over
    /// them the annotations (kube-metrics-adapter, parser.go).
    pub fn of(wanted: &Wanted) -> Self {
        let mut all = BTreeMap::new();
        if wanted.metric_type() != Some(crate::MetricType::Pods)
            && let Some(selector) = wanted.selector()
        {
            all.extend(selector.match_labels.clone());
        }
        let annotated = wanted.config.config.keys().cloned().collect();
        all.extend(wanted.config.config.clone());
        Self {
            all,
            annotated,
            asked: RefCell::default(),
        }
    }

    /// A value, if the key is there.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.all.get(key).map(String::as_str)
    }

    /// A value that must be there and not be empty.
    ///
    /// # Errors
    /// When it is not; `missing` is the text.
    pub fn require(&self, key: &str, missing: &str) -> Result<&str, ConfigError> {
        self.get(key)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| ConfigError::new(missing))
    }

    /// A value of another type, if the key is there.
    ///
    /// # Errors
    /// When it is not of that type.
    pub fn parse<T: FromStr>(&self, key: &str, what: &str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        text.trim()
            .parse()
            .map(Some)
            .map_err(|_| ConfigError::new(format!("{key} is {text:?}, which is not {what}")))
    }

    /// A Go duration that is not negative, if the key is there.
    ///
    /// # Errors
    /// When it is none.
    pub fn duration(&self, key: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        crate::annotations::duration(text)
            .map(Some)
            .map_err(|why| ConfigError::new(format!("{key} is {text:?}: {why}")))
    }

    /// All keys that begin with a prefix, without it, and their values.
    pub fn with_prefix(&self, prefix: &str) -> Vec<(&str, &str)> {
        let found: Vec<_> = self
            .all
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value.as_str())))
            .collect();
        let mut asked = self.asked.borrow_mut();
        asked.extend(found.iter().map(|(rest, _)| format!("{prefix}{rest}")));
        found
    }

    /// The keys that stand in annotations and that nobody asked for, with those that were.
    pub fn remarks(&self, collector: &str) -> Vec<String> {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().map(String::as_str).collect();
        self.annotated
            .iter()
            .filter(|key| !asked.contains(*key))
            .map(|key| {
                format!(
                    "the key {key:?} means nothing to the collector {collector}, it reads {}",
                    known.join(", ")
                )
            })
            .collect()
    }
}
