//! Credentials, which the configuration names and never holds.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use reqwest::header::HeaderValue;

/// A value that no message and no debug output shows.
pub(crate) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a credential cannot be had. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such variable, or nothing in it.
    #[error("the environment variable {0} is not set: set it, or name a file")]
    Unset(String),
    /// There is no such file, or it may not be read.
    #[error("the secret in {path} cannot be read: {source}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A header cannot carry it.
    #[error("the secret in {0} is empty, too long or has a line break or another control character in it")]
    Unusable(String),
}

/// The longest, in bytes.
const MAX_BYTES: u64 = 8 << 10;

impl Secret {
    /// From an environment variable or a file, without the white space around it.
    pub(crate) fn load(variable: Option<&str>, file: Option<&Path>) -> Result<Option<Self>, SecretError> {
        let (text, place) = match (variable, file) {
            (Some(variable), _) => {
                let text = std::env::var(variable).map_err(|_| SecretError::Unset(variable.to_owned()))?;
                (text, variable.to_owned())
            }
            (None, Some(path)) => {
                let place = path.display().to_string();
                let mut text = String::new();
                File::open(path)
                    .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
                    .map_err(|source| SecretError::File { path: place.clone(), source })?;
                (text, place)
            }
            (None, None) => return Ok(None),
        };
        let secret = Self(text.trim().to_owned());
        let usable = !secret.0.is_empty() && secret.0.len() as u64 <= MAX_BYTES && secret.header().is_some();
        if usable { Ok(Some(secret)) } else { Err(SecretError::Unusable(place)) }
    }

    /// As a header's value, which no debug output shows either.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_bytes(self.0.as_bytes()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_it_without_its_newline_and_nothing_shows_it() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "hunter2\n").expect("written");
        let secret = Secret::load(None, Some(&path)).expect("read").expect("there");
        assert_eq!(secret.header().expect("a header"), "hunter2");
        assert!(!format!("{secret:?} {:?}", secret.header()).contains("hunter2"));
    }

    #[test]
    fn what_no_header_can_carry_is_refused() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("key");
        for text in ["", " \n", "a\nb", "a\u{1}b", &"a".repeat(9_000)] {
            std::fs::write(&path, text).expect("written");
            let error = Secret::load(None, Some(&path)).expect_err("refused").to_string();
            assert!(error.starts_with("the secret in ") && error.contains("key"), "{error}");
        }
        let missing = Secret::load(None, Some(&folder.path().join("no"))).expect_err("refused");
        assert!(matches!(missing, SecretError::File { .. }), "{missing}");
        let unset = Secret::load(Some("ANOMALY_TEST_NEVER_SET"), None).expect_err("refused");
        assert!(matches!(unset, SecretError::Unset(_)), "{unset}");
        assert!(Secret::load(None, None).expect("nothing named").is_none());
    }
}
