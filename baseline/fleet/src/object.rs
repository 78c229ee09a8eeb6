//! One workload's rows as an object: an exported baseline, compressed.

use std::io::{BufReader, Read};

use anomaly_exchange::{Portion, Reader, Writer};
use anomaly_vectorizer::Embedder;
use anomaly_vectorizer::scrub::Scrubber;
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

use crate::names::hex;

/// The largest object, in bytes, before it is compressed.
const MAX_PLAIN: u64 = 1 << 30;

/// An object and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
}

/// Why an object is left out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    #[error("it is not what its head says")]
    Digest,
    #[error("it is not the workload that its head says")]
    Workload,
    #[error(transparent)]
    Read(#[from] anomaly_exchange::ReadError),
}

/// The digest of an object.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A workload as it is published: the same bytes for the same rows.
pub(crate) fn encode(portion: &Portion, embedder: &dyn Embedder) -> std::io::Result<Object> {
    let out = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    let mut writer = Writer::new(out, embedder)?;
    writer.write(portion)?;
    let bytes = writer.finish()?.finish()?;
    Ok(Object { digest: digest(&bytes), bytes })
}

/// A workload that anybody may have published.
pub(crate) fn decode(
    bytes: &[u8],
    expected: &str,
    workload: &str,
    embedder: &dyn Embedder,
) -> Result<Portion, ObjectError> {
    if digest(bytes) != expected {
        return Err(ObjectError::Digest);
    }
    let input = BufReader::new(GzDecoder::new(bytes).take(MAX_PLAIN));
    let mut portions = Reader::new(input, embedder, Scrubber::default())?.collect::<Result<Vec<_>, _>>()?;
    match portions.pop() {
        Some(portion) if portions.is_empty() && portion.workload == workload => Ok(portion),
        _ => Err(ObjectError::Workload),
    }
}

#[cfg(test)]
mod tests {
    use anomaly_vectorizer::Hashed;

    use super::*;
    use crate::testing::{portion, row};

    #[test]
    fn an_object_comes_back_and_nothing_else_passes_for_it() {
        let embedder = Hashed::default();
        let web = portion("web", vec![row("nginx"), row("sh")]);
        let object = encode(&web, &embedder).expect("memory");
        assert_eq!(object, encode(&web, &embedder).expect("memory"));
        let back = decode(&object.bytes, &object.digest, "web", &embedder).expect("it is one");
        assert_eq!(back.rows.len(), 2);
        assert_eq!(back.record.executions, web.record.executions);

        let wrong = |bytes: &[u8], digest: &str, workload: &str| {
            decode(bytes, digest, workload, &embedder).expect_err("it is wrong").to_string()
        };
        assert!(wrong(&object.bytes, &object.digest, "db").contains("not the workload"));
        assert!(wrong(&object.bytes, &"0".repeat(64), "web").contains("not what its head says"));
        let cut = &object.bytes[..object.bytes.len() / 2];
        assert!(decode(cut, &digest(cut), "web", &embedder).is_err());
        for at in (0..object.bytes.len()).step_by(7) {
            let mut flipped = object.bytes.clone();
            flipped[at] ^= 0x10;
            assert!(wrong(&flipped, &object.digest, "web").contains("not what its head says"));
        }
    }
}
