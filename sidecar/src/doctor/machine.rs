//! What else is on the machine: container runtimes, Falco, the clock.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anomaly_baseline::text::printable;
use anomaly_capture::HostRoot;
use anomaly_config::Config;
use anomaly_vectorizer::{Embedder, Hashed};

use crate::checks::Check;
use crate::paths::default_data_directory;

/// Where container runtimes write down what runs.
const RUNTIMES: [(&str, &str); 7] = [
    ("Docker", "var/lib/docker/containers"),
    ("Docker (snap)", "var/snap/docker/common/var-lib-docker/containers"),
    ("containerd", "run/containerd/io.containerd.runtime.v2.task"),
    ("k3s", "run/k3s/containerd/io.containerd.runtime.v2.task"),
    ("k0s", "run/k0s/containerd/io.containerd.runtime.v2.task"),
    ("CRI-O or podman", "run/containers/storage/overlay-containers"),
    ("podman", "var/lib/containers/storage/overlay-containers"),
];

/// How long Falco may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// 2024-01-01 in seconds since the Unix epoch: no machine that runs this is older.
const BEFORE_US: i64 = 1_704_067_200;

/// Looks at all of it.
pub(super) fn look(root: &HostRoot, config: &Config) -> Vec<Check> {
    let now = jiff::Timestamp::now();
    vec![containers(root), falco(root, config), clock(now.as_second(), &now.to_string(), root)]
}

/// What this program is.
pub(super) fn versions() -> Check {
    let space = Hashed::default().space();
    let found = format!(
        "anomalyctl {}, features {} {} (key {})",
        env!("CARGO_PKG_VERSION"),
        space.scheme,
        space.version,
        space.key_version
    );
    Check::ok("version", found)
}

fn containers(root: &HostRoot) -> Check {
    let (mut found, mut shut) = (Vec::new(), Vec::new());
    for (name, path) in RUNTIMES {
        match fs::read_dir(root.join(path)) {
            Ok(_) => found.push(name),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => shut.push(name),
            Err(_) => {}
        }
    }
    if !shut.is_empty() {
        return Check::warn(
            "containers",
            format!(
                "what {} wrote down cannot be read: its containers are all one workload",
                shut.join(" and ")
            ),
            "run as root or with CAP_DAC_READ_SEARCH",
        );
    }
    if found.is_empty() {
        return Check::ok("containers", "no runtime is found: workloads are systemd units, and host");
    }
    Check::ok("containers", format!("{}: workloads are images", found.join(", ")))
}

fn falco(root: &HostRoot, config: &Config) -> Check {
    let binary = ["usr/bin/falco", "usr/local/bin/falco"].into_iter().map(|path| root.join(path));
    let Some(binary) = binary.into_iter().find(|path| path.is_file()) else {
        return Check::ok("falco", "not installed; nothing here needs it");
    };
    let version = if *root == HostRoot::default() { version_of(&binary) } else { None };
    let version = version.unwrap_or_else(|| "Falco".to_owned());
    let library = root.join("usr/share/falco/plugins/libanomaly.so").is_file();
    let Some(file) = configured(root) else {
        let found = format!("{version}, without our plugin");
        return Check::ok(
            "falco",
            if library { found + " (its library is there, not configured)" } else { found },
        );
    };
    let file = printable(&file, 200);
    if !library {
        let found = format!(
            "{version}: {file} names our plugin, and libanomaly.so is not in usr/share/falco/plugins"
        );
        return Check::warn("falco", found, "install the library there, or correct library_path");
    }
    let system = config.storage.path.clone().map_or_else(default_data_directory, Ok);
    if system.is_ok_and(|path| path == Path::new("/var/lib/falco-anomaly")) {
        let found = format!(
            "{version} with our plugin, by {file}: it wants the database that the daemon writes, too"
        );
        return Check::warn(
            "falco",
            found,
            "let one of them learn: give the daemon a storage.path of its own, or end it",
        );
    }
    Check::ok("falco", format!("{version} with our plugin, by {file}"))
}

/// The file of Falco's configuration that names our plugin.
fn configured(root: &HostRoot) -> Option<String> {
    let mut files = vec!["etc/falco/falco.yaml".to_owned()];
    let names = fs::read_dir(root.join("etc/falco/config.d")).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".yaml") || name.ends_with(".yml")).collect();
    names.sort();
    files.extend(names.into_iter().take(100).map(|name| format!("etc/falco/config.d/{name}")));
    files.into_iter().find(|file| {
        let text = root.read(file, 1 << 20).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("libanomaly.so"))
    })
}

/// The first line of what `--version` prints.
fn version_of(binary: &Path) -> Option<String> {
    let mut child = Command::new(binary)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let began = Instant::now();
    while child.try_wait().ok()?.is_none() {
        if began.elapsed() > PATIENCE {
            // It may end by itself meanwhile.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut text = String::new();
    child.stdout.take()?.take(4096).read_to_string(&mut text).ok()?;
    let line = text.lines().find(|line| line.to_lowercase().contains("falco version"))?;
    Some(format!("Falco {}", printable(line.rsplit(':').next()?.trim(), 40)))
}

fn clock(seconds: i64, shown: &str, root: &HostRoot) -> Check {
    if seconds < BEFORE_US {
        let found = format!("{shown}: it is wrong, and days of learning and of alerts are told by it");
        return Check::fail("clock", found, "set it, and keep it with chrony or systemd-timesyncd");
    }
    // The daemon of the clock makes this file whenever it has set it. That others are there says nothing of their success.
    let by = if root.join("run/systemd/timesync/synchronized").exists() {
        "set by systemd-timesyncd"
    } else {
        "whether it is synchronised is not told here"
    };
    Check::ok("clock", format!("{shown}, {by}; days begin at midnight UTC"))
}

#[cfg(test)]
mod tests {
    use crate::checks::Status;

    use super::*;

    #[test]
    fn a_made_up_machine() {
        let folder = tempfile::tempdir().unwrap();
        let root = HostRoot::new(folder.path());
        let config = Config::default();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(falco(&root, &config).found, "not installed; nothing here needs it");
        assert!(containers(&root).found.contains("no runtime"));
        write("usr/bin/falco", "");
        write("etc/falco/config.d/zz.yaml", "# libanomaly.so\n");
        assert!(falco(&root, &config).found.ends_with("without our plugin"));
        write("etc/falco/config.d/zz.yaml", "plugins:\n- library_path: libanomaly.so\n");
        assert_eq!(falco(&root, &config).status, Status::Warn);
        write("usr/share/falco/plugins/libanomaly.so", "");
        assert!(falco(&root, &config).found.contains("by etc/falco/config.d/zz.yaml"));
        write("var/lib/docker/containers/x", "");
        assert_eq!(containers(&root).found, "Docker: workloads are images");
        assert_eq!(clock(0, "1970", &root).status, Status::Fail);
        assert_eq!(clock(BEFORE_US, "2024", &root).status, Status::Ok);
        write("run/chrony/chronyd.pid", "7");
        assert!(clock(BEFORE_US, "2024", &root).found.contains("is not told here"), "it may be astray");
        write("run/systemd/timesync/synchronized", "");
        assert!(clock(BEFORE_US, "2024", &root).found.contains("set by systemd-timesyncd"));
    }
}
