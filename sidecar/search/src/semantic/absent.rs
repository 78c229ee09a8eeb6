//! What stands for a model in a build without one: it cannot be loaded, and says so.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Meaning, ModelError};

/// A sentence model, of which this build can load none.
#[derive(Debug)]
pub enum Model {}

impl Model {
    /// Loads a model.
    ///
    /// # Errors
    /// Always: [`ModelError::NotBuilt`].
    pub fn load(_directory: &Path, _digests: &BTreeMap<String, String>) -> Result<Self, ModelError> {
        Err(ModelError::NotBuilt)
    }

    /// Which model it is.
    pub fn digest(&self) -> [u8; 32] {
        match *self {}
    }

    /// The meanings of texts, in their order.
    ///
    /// # Errors
    /// None can occur: there is no model.
    pub fn meanings<S: AsRef<str>>(&self, _texts: &[S]) -> Result<Vec<Meaning>, ModelError> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_is_told() {
        let error = Model::load(Path::new("/nowhere"), &BTreeMap::new()).expect_err("no model in this build");
        assert!(error.to_string().contains("--features semantic"), "{error}");
    }
}
