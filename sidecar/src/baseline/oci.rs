//! An export as an OCI image layout, of the kind that falcoctl installs as an *asset*.
//!
//! One layer, a `tar.gz` with the export as its one file, under the media types that falcoctl has for assets; so a
//! registry that keeps Falco's rules and plugins keeps baselines beside them, and `falcoctl artifact install` puts them
//! where a machine looks. Nothing here depends on the moment of writing: one baseline, one digest.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file::{digest, digest_of, not_written};
use crate::failure::Failure;

const CONFIG: &str = "application/vnd.cncf.falco.asset.config.v1+json";
const LAYER: &str = "application/vnd.cncf.falco.asset.layer.v1+tar.gz";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The file in the layer.
const NAME: &str = "baseline.jsonl";

/// No index, manifest or configuration is longer.
const MAX_JSON: u64 = 1 << 20;

/// A block of a tar archive, in bytes.
const BLOCK: usize = 512;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    annotations: Value,
}

#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    layers: Vec<Descriptor>,
}

/// Writes an export as a layout in a directory that is new or empty. Returns the manifest's digest, which is what is
/// signed.
pub(super) fn write(directory: &Path, tag: &str, export: &[u8]) -> Result<String, Failure> {
    let failed = |error: io::Error| not_written(directory, &error);
    if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::new(format!("{} is not empty; choose a new directory", directory.display())));
    }
    let blobs = directory.join("blobs/sha256");
    DirBuilder::new().recursive(true).mode(0o700).create(&blobs).map_err(failed)?;
    let blob = |media_type: &str, content: &[u8], annotations: Value| {
        let hexadecimal = digest_of(content);
        put(&blobs.join(&hexadecimal), content).map_err(failed)?;
        let (digest, size) = (format!("sha256:{hexadecimal}"), content.len() as u64);
        Ok::<_, Failure>(Descriptor { media_type: media_type.into(), digest, size, annotations })
    };
    let config = json!({"name": "baseline", "version": tag});
    let config = blob(CONFIG, config.to_string().as_bytes(), Value::Null)?;
    let title = json!({"org.opencontainers.image.title": "baseline.tar.gz"});
    let layer = blob(LAYER, &packed(export).map_err(failed)?, title)?;
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}).to_string();
    let name = json!({"org.opencontainers.image.ref.name": tag});
    let manifest = blob(MANIFEST, manifest.as_bytes(), name)?;
    let digest = manifest.digest.clone();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
    put(&directory.join("index.json"), index.to_string().as_bytes()).map_err(failed)?;
    put(&directory.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#).map_err(failed)?;
    for folder in [&*blobs, &directory.join("blobs"), directory] {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(digest)
}

fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A `tar.gz` of one file, in the format that every tar reads.
fn packed(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut header = [0_u8; BLOCK];
    let mut field = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, NAME);
    field(100, "0000600\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    // Eleven octal digits are eight gigabytes.
    if content.len() >= 1 << 33 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "an asset holds less than 8 GiB"));
    }
    field(124, &format!("{:011o}\0", content.len()));
    field(136, "00000000000\0");
    // The sum is taken with blanks in its own place.
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\u{0}00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());

    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(&header)?;
    out.write_all(content)?;
    let end = content.len().next_multiple_of(BLOCK) - content.len() + 2 * BLOCK;
    out.write_all(&vec![0; end])?;
    out.finish()
}

/// Whether a directory says that it is a layout.
pub(super) fn is_layout(directory: &Path) -> bool {
    directory.join("oci-layout").is_file()
}

/// The digest of a layout's one manifest, as its index has it: what was signed, and what [`open`] compares all with.
pub(super) fn name(directory: &Path) -> Result<String, String> {
    let index: Index = parse(&directory.join("index.json"))?;
    match &index.manifests[..] {
        [manifest] => Ok(manifest.digest.trim_start_matches("sha256:").to_owned()),
        several => Err(format!("its index has {} manifests and not one", several.len())),
    }
}

/// The export in a layout that anybody may have written, every digest on the way to it compared; why there is none,
/// where there is none.
pub(super) fn open(directory: &Path) -> Result<impl Read + use<>, String> {
    let index: Index = parse(&directory.join("index.json"))?;
    let [manifest] = &index.manifests[..] else {
        return Err(format!("its index has {} manifests and not one", index.manifests.len()));
    };
    let manifest: Manifest = parse(&checked(directory, manifest, MANIFEST)?)?;
    let [layer] = &manifest.layers[..] else {
        return Err(format!("it has {} layers and not one", manifest.layers.len()));
    };
    let file = File::open(checked(directory, layer, LAYER)?).map_err(|error| error.to_string())?;
    let mut tar = GzDecoder::new(BufReader::new(file));
    let mut header = [0; BLOCK];
    tar.read_exact(&mut header).map_err(|error| format!("its layer is no tar.gz: {error}"))?;
    let size = std::str::from_utf8(&header[124..135]).ok().and_then(|size| u64::from_str_radix(size, 8).ok());
    match size {
        Some(size) if header[156] == b'0' && &header[257..262] == b"ustar" => Ok(tar.take(size)),
        _ => Err("its layer does not begin with a file".into()),
    }
}

/// The path of a blob that is what its descriptor says.
fn checked(directory: &Path, descriptor: &Descriptor, media_type: &str) -> Result<PathBuf, String> {
    let Descriptor { media_type: found, digest: expected, .. } = descriptor;
    if found != media_type {
        return Err(format!("it has a {found} where a baseline has a {media_type}"));
    }
    let name = expected.strip_prefix("sha256:").filter(|name| {
        // A digest names a file, and leads nowhere else.
        name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    let name = name.ok_or_else(|| format!("{expected} is no SHA-256 digest"))?;
    let path = directory.join("blobs/sha256").join(name);
    let found = digest(&path).map_err(|error| format!("blob {name}: {error}"))?;
    if found == name { Ok(path) } else { Err(format!("blob {name} has the SHA-256 {found}: it was changed")) }
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, String> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_JSON).read_to_end(&mut text));
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
}
