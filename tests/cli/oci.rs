//! A baseline as an asset in a registry: the layout is what falcoctl and OCI tools expect, and comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::baseline::{baseline, export, learned};
use crate::recording::Folder;
use crate::support::{Ran, run};

fn write(data: &Path, to: &Path) -> Ran {
    run(baseline("export").args(["--tag", "1.2.0", "--data"]).arg(data).arg("--oci").arg(to))
}

fn import(layout: &Path, data: &Path, more: &[&str]) -> Ran {
    run(baseline("import").arg(layout).args(more).args(["--json", "--data"]).arg(data))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

/// The blob of a descriptor, which is what the descriptor says.
fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest =
        descriptor["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).expect("a digest");
    let path = layout.join("blobs/sha256").join(digest);
    let sum = Command::new("sha256sum").arg(&path).output().expect("coreutils");
    assert!(sum.stdout.starts_with(digest.as_bytes()), "{} is what it is named after", path.display());
    assert_eq!(descriptor["size"], fs::metadata(&path).expect("a blob").len());
    path
}

#[test]
fn a_layout_is_an_asset_whose_digests_hold_and_it_comes_back() {
    let folder = Folder::new();
    let (data, layout, other) = (learned(&folder), folder.path("layout"), folder.path("other"));
    let said = write(&data, &layout).succeeded().err;
    assert_eq!(json(&layout.join("oci-layout"))["imageLayoutVersion"], "1.0.0");
    let index = json(&layout.join("index.json"));
    let named = &index["manifests"][0];
    assert_eq!(named["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(named["annotations"]["org.opencontainers.image.ref.name"], "1.2.0");
    assert!(said.contains(named["digest"].as_str().expect("a digest")), "{said}");
    let manifest = json(&blob(&layout, named));
    assert_eq!(
        (&manifest["schemaVersion"], manifest["layers"].as_array().map(Vec::len)),
        (&2.into(), Some(1))
    );
    let (config, layer) = (&manifest["config"], &manifest["layers"][0]);
    assert_eq!(config["mediaType"], "application/vnd.cncf.falco.asset.config.v1+json");
    assert_eq!(layer["mediaType"], "application/vnd.cncf.falco.asset.layer.v1+tar.gz");
    assert_eq!(layer["annotations"]["org.opencontainers.image.title"], "baseline.tar.gz");
    assert_eq!(json(&blob(&layout, config))["version"], "1.2.0");

    // As falcoctl installs it: the layer, unpacked by any tar.
    let installed = folder.path("assets");
    fs::create_dir(&installed).unwrap();
    let unpacked =
        Command::new("tar").arg("xzf").arg(blob(&layout, layer)).arg("-C").arg(&installed).status().unwrap();
    assert!(unpacked.success());
    let (file, plain) = (installed.join("baseline.jsonl"), folder.path("plain.jsonl"));
    export(&data, &plain).succeeded();
    assert_eq!(fs::read(&file).unwrap(), fs::read(&plain).unwrap());

    run(baseline("diff").args([&layout, &plain])).succeeded();
    let digest = named["digest"].as_str().expect("a digest");
    import(&layout, &other, &["--sha256", digest]).succeeded();
    run(baseline("diff").args([&data, &other])).succeeded();
    let again = folder.path("again");
    write(&other, &again).succeeded();
    assert_eq!(json(&again.join("index.json")), index, "one baseline, one digest");
    write(&data, &layout).failed_with(&["is not empty"]);
    import(&layout, &other, &["--sha256", &"0".repeat(64)]).failed_with(&["has the SHA-256"]);
}

#[test]
fn a_layout_that_was_changed_is_refused() {
    let folder = Folder::new();
    let (data, layout, other) = (learned(&folder), folder.path("layout"), folder.path("other"));
    write(&data, &layout).succeeded();
    let index = fs::read_to_string(layout.join("index.json")).unwrap();
    let named = json(&layout.join("index.json"))["manifests"][0].clone();
    let manifest = blob(&layout, &named);
    let layer = blob(&layout, &json(&manifest)["layers"][0]);
    for path in [&layer, &manifest] {
        let content = fs::read(path).unwrap();
        let mut changed = content.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(path, changed).unwrap();
        import(&layout, &other, &[]).failed_with(&["cannot be read as a baseline", "it was changed"]);
        fs::write(path, content).unwrap();
    }
    let digest = named["digest"].as_str().expect("a digest");
    for (from, to, says) in [
        (digest, "sha256:../../../../../etc/passwd", "is no SHA-256 digest"),
        ("image.manifest", "image.index", "where a baseline has a"),
        ("{", "", "index.json"),
    ] {
        fs::write(layout.join("index.json"), index.replacen(from, to, 1)).unwrap();
        import(&layout, &other, &[]).failed_with(&["cannot be read as a baseline", says]);
    }
    assert!(!other.exists(), "nothing was made of it");
    fs::write(layout.join("index.json"), index).unwrap();
    import(&layout, &other, &[]).succeeded();
}
