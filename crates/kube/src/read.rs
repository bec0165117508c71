//! Reading any object as it is.

use serde_json::Value;

use crate::connect::{Call, Cluster};
use crate::error::Error;

impl Cluster {
    /// The object or list at a path of the API, such as `/api/v1/namespaces/default/services/app`.
    pub async fn read(&self, path: &str) -> Result<Value, Error> {
        self.request(&Call::get(path.to_owned(), "get", path, "")).await
    }
}
