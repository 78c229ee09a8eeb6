//! Which files a model has, and that they are the ones that were meant.
//!
//! A model is a program of sorts: whoever changes it decides what is found and what is not. So its files are used only
//! with known digests, of the very bytes that are used.

use std::collections::BTreeMap;

use super::ModelError;

/// The files of a model, each with the SHA-256 of the published all-MiniLM-L6-v2 and the most bytes that are read.
pub(super) const FILES: [File; 3] = [
    File {
        name: "config.json",
        published: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        max_bytes: 1 << 20,
    },
    File {
        name: "tokenizer.json",
        published: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        max_bytes: 64 << 20,
    },
    File {
        name: "model.safetensors",
        published: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        max_bytes: 1 << 30,
    },
];

/// One file of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    pub(super) name: &'static str,
    published: &'static str,
    #[cfg_attr(not(feature = "semantic"), expect(dead_code, reason = "no file is read"))]
    pub(super) max_bytes: u64,
}

/// The digest that a file must have: a given one, or that of the published model.
///
/// # Errors
/// A digest is given for what no model has.
#[cfg_attr(not(feature = "semantic"), expect(dead_code, reason = "no file is read"))]
pub(super) fn expected(given: &BTreeMap<String, String>) -> Result<[(File, &str); 3], ModelError> {
    if let Some(name) = given.keys().find(|name| !FILES.iter().any(|file| file.name == **name)) {
        return Err(ModelError::UnknownFile(name.clone()));
    }
    Ok(FILES.map(|file| (file, given.get(file.name).map_or(file.published, String::as_str))))
}
