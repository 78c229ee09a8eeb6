//! Builds the kernel program, with the first toolchain that can.
//!
//! 1. nightly with rust-src, the way Aya does it everywhere: `core` is built along.
//! 2. A toolchain that brings a built `core` for eBPF, which are the distribution's own packages on Debian. It is
//!    found under rustup's name for it, at its place in the file system, or as the toolchain in use where there is no
//!    rustup at all. `aya-ebpf` needs one unstable feature even so; only that crate is allowed it.
//!
//! With `ANOMALY_NO_EBPF=1` the object is empty, and opening the feed says so.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use aya_build::{Package, Toolchain};

const SKIP: &str = "ANOMALY_NO_EBPF";

/// The object's name in `OUT_DIR`: the kernel binary's.
const OBJECT: &str = "anomaly-exec";

/// Where distributions put Rust, and the name `rustup toolchain link NAME /usr` is usually given.
const DISTRIBUTION: [&str; 2] = ["/usr", "debian-web"];

const REMEDY: &str = "the kernel program cannot be built. Either\n  \
    rustup toolchain install nightly --component rust-src, and bpf-linker in PATH,\n\
    or, on Debian 12 after apt-get update,\n  \
    apt-get install rustc-web cargo-web libstd-rust-web-dev-bpf, and bpf-linker 0.13.0 built with the feature of that \
    rustc's LLVM,\n\
    or build without it: ANOMALY_NO_EBPF=1";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../Cargo.lock");
    println!("cargo:rerun-if-env-changed={SKIP}");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    if env::var_os(SKIP).is_some_and(|value| value == "1") {
        fs::write(out.join(OBJECT), []).expect("OUT_DIR can be written");
        return;
    }
    let mut reasons = String::new();
    for candidate in candidates() {
        match candidate.and_then(|candidate| build(&candidate)) {
            Ok(()) => return,
            Err(reason) => reasons += &format!("\n- {reason}"),
        }
    }
    panic!("{REMEDY}\ntried:{reasons}");
}

/// A toolchain that has what it takes.
struct Candidate {
    toolchain: &'static str,
    /// Where its own rustc is, whatever PATH finds first.
    bin: PathBuf,
    /// Whether `core` is built along, which is nightly's way, or comes built.
    builds_core: bool,
}

/// The toolchains in the order of preference, or what each lacks.
fn candidates() -> impl Iterator<Item = Result<Candidate, String>> {
    let nightly = std::iter::once_with(|| {
        let core = "lib/rustlib/src/rust/library/core/Cargo.toml";
        has("nightly", core).map(|bin| Candidate { toolchain: "nightly", bin, builds_core: true })
    });
    let built = DISTRIBUTION.into_iter().map(|toolchain| {
        let core = "lib/rustlib/bpfel-unknown-none/lib";
        has(toolchain, core).map(|bin| Candidate { toolchain, bin, builds_core: false })
    });
    nightly.chain(built)
}

/// Where a toolchain's programs are, if it has the part that building for eBPF takes.
fn has(toolchain: &str, part: &str) -> Result<PathBuf, String> {
    let rustup = Command::new("rustup").args(["run", toolchain, "rustc", "--print=sysroot"]).output();
    let output = match rustup {
        Ok(output) => output,
        // Without rustup there is one toolchain: the one that runs this.
        Err(_) => Command::new("rustc")
            .arg("--print=sysroot")
            .output()
            .map_err(|error| format!("rustc: {error}"))?,
    };
    if !output.status.success() {
        return Err(format!("toolchain {toolchain}: not there"));
    }
    let sysroot = String::from_utf8_lossy(&output.stdout);
    let (bin, part) = (Path::new(sysroot.trim()).join("bin"), Path::new(sysroot.trim()).join(part));
    part.exists().then_some(bin).ok_or_else(|| format!("toolchain {toolchain}: no {}", part.display()))
}

/// Builds the object into `OUT_DIR`.
fn build(candidate: &Candidate) -> Result<(), String> {
    let Candidate { toolchain, bin, builds_core } = candidate;
    let path = env::var_os("PATH").unwrap_or_default();
    let first = std::iter::once(bin.clone()).chain(env::split_paths(&path));
    let path_with_toolchain = env::join_paths(first).map_err(|error| format!("PATH: {error}"))?;
    // SAFETY: the only other thread there may be copies the messages of a build that failed, and reads no environment.
    #[expect(unsafe_code, reason = "aya-build takes these from the environment alone")]
    unsafe {
        // Cargo repeats what a build script says on every build; a failure speaks all the same.
        env::set_var("CARGO_TERM_QUIET", "true");
        env::set_var("PATH", path_with_toolchain);
        if !builds_core {
            env::set_var("RUSTC_BOOTSTRAP", "aya_ebpf");
        }
    }
    let package = Package {
        name: "anomaly-ebpf",
        root_dir: concat!(env!("CARGO_MANIFEST_DIR"), "/../ebpf"),
        ..Package::default()
    };
    aya_build::build_ebpf([package], Toolchain::Custom(toolchain))
        .map_err(|error| format!("toolchain {toolchain}: {error:#}"))
}
