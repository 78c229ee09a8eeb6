//! What a container's runtime wrote down about it: image, name, namespace.
//!
//! Files are read instead of sockets asked: no client libraries, no rights over the runtime, and an answer while the
//! runtime is down. Each runtime writes its file before it starts the container, so the first execution finds it.
//!
//! | runtime | file |
//! |---|---|
//! | Docker | `DATA/containers/ID/config.v2.json`, `DATA` from `daemon.json`, else `/var/lib/docker` |
//! | containerd (Kubernetes) | `/run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json`, annotations |
//! | CRI-O | `/run/containers/storage/overlay-containers/ID/userdata/config.json`, annotations |
//! | podman | `/var/lib/containers/storage/overlay-containers/containers.json`, or `volatile-containers.json` for `--rm` |

use std::{collections::HashMap, fs, path::Path};

use serde::{Deserialize, de::DeserializeOwned};

use super::{cgroup::Container, image};
use crate::HostRoot;

/// The longest file that is read: podman's list of all containers, some 1.5 KB each.
const MAX_FILE: u64 = 16 << 20;

/// How many namespaces of containerd are looked through.
const MAX_NAMESPACES: usize = 64;

/// The longest name of a container or namespace.
const MAX_NAME: usize = 253;

const DOCKER: &[&str] = &["var/lib/docker", "var/snap/docker/common/var-lib-docker"];
const CONTAINERD: &[&str] = &[
    "run/containerd",
    "run/k3s/containerd",
    "run/k0s/containerd",
    "var/snap/microk8s/common/run/containerd",
];
const STORAGE: &[&str] = &["run/containers/storage", "var/lib/containers/storage"];

/// What is known of a container: something, at least.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Facts {
    /// The image's repository, normalised.
    pub(super) image: Option<String>,
    /// The container's name: in a pod, the one in the pod's specification.
    pub(super) name: Option<String>,
    /// The pod's namespace.
    pub(super) namespace: Option<String>,
}

impl Facts {
    pub(super) fn new(image: Option<&str>, name: Option<&str>, namespace: Option<&str>) -> Option<Self> {
        let facts = Self {
            image: image.and_then(image::repository),
            name: name.and_then(plain),
            namespace: namespace.and_then(plain),
        };
        (facts != Self::default()).then_some(facts)
    }
}

/// A name that may be part of a workload's: printable, bounded.
fn plain(name: &str) -> Option<String> {
    let name = name.trim_start_matches('/');
    let good = !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    good.then(|| name.to_owned())
}

/// What the runtimes wrote about this container; `None` where none of them did, or not yet.
pub(super) fn facts(root: &HostRoot, container: &Container) -> Option<Facts> {
    let id = &*container.id;
    match container.owner {
        None => docker(root, id).or_else(|| containerd(root, id)).or_else(|| storage(root, STORAGE, id)),
        // What a user's files say counts for that user's containers alone.
        Some(user) => {
            let home = home(root, user)?;
            let (storage_root, docker_root) =
                (format!("{home}/.local/share/containers/storage"), format!("{home}/.local/share/docker"));
            storage(root, &[&storage_root], id).or_else(|| docker_container(root, &docker_root, id))
        }
    }
}

fn json<T: DeserializeOwned>(root: &HostRoot, path: &str) -> Option<T> {
    serde_json::from_slice(&root.read(path, MAX_FILE).ok()?).ok()
}

fn docker(root: &HostRoot, id: &str) -> Option<Facts> {
    #[derive(Deserialize)]
    struct Daemon {
        #[serde(rename = "data-root")]
        data_root: Option<String>,
    }
    let configured = json::<Daemon>(root, "etc/docker/daemon.json").and_then(|daemon| daemon.data_root);
    configured
        .as_deref()
        .into_iter()
        .chain(DOCKER.iter().copied())
        .find_map(|data| docker_container(root, data, id))
}

fn docker_container(root: &HostRoot, data: &str, id: &str) -> Option<Facts> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct File {
        config: Config,
        #[serde(default)]
        image: String,
        #[serde(default)]
        name: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        #[serde(default)]
        image: String,
        #[serde(default)]
        labels: Option<HashMap<String, String>>,
    }
    let File { config, image, name } = json(root, &format!("{data}/containers/{id}/config.v2.json"))?;
    let named =
        if image::is_id(&config.image) { docker_repository(root, data, &image) } else { Some(config.image) };
    let labels = config.labels.unwrap_or_default();
    let label = |name: &str| labels.get(name).map(String::as_str);
    let name = label("io.kubernetes.container.name").unwrap_or(&name);
    Facts::new(named.as_deref(), Some(name), label("io.kubernetes.pod.namespace"))
}

/// The repository that holds an image, for a container that was started by the image's id.
fn docker_repository(root: &HostRoot, data: &str, image: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Images {
        repositories: HashMap<String, HashMap<String, String>>,
    }
    let Images { repositories } = json(root, &format!("{data}/image/overlay2/repositories.json"))?;
    let holding = repositories.into_iter().filter(|(_, images)| images.values().any(|id| id == image));
    // Several names for one image: the same one every time.
    holding.map(|(repository, _)| repository).min()
}

/// The annotations of an OCI bundle.
#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    annotations: HashMap<String, String>,
}

impl Bundle {
    fn facts(&self) -> Option<Facts> {
        let first =
            |keys: &[&str]| keys.iter().find_map(|key| self.annotations.get(*key)).map(String::as_str);
        let sandbox = first(&["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"])
            == Some("sandbox");
        // A pod's own container runs `pause` and nothing else; containerd does not say of which image.
        let name = if sandbox {
            Some("pause")
        } else {
            first(&["io.kubernetes.cri.container-name", "io.kubernetes.container.name", "nerdctl/name"])
        };
        let image =
            ["io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.Image"];
        let image = image
            .iter()
            .filter_map(|key| self.annotations.get(*key))
            .find(|image| image::repository(image).is_some());
        let namespace = first(&["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"]);
        Facts::new(image.map(String::as_str), name, namespace)
    }
}

fn containerd(root: &HostRoot, id: &str) -> Option<Facts> {
    CONTAINERD.iter().find_map(|run| {
        let tasks = format!("{run}/io.containerd.runtime.v2.task");
        let namespaces = fs::read_dir(root.join(&tasks)).ok()?;
        let names = namespaces
            .flatten()
            .take(MAX_NAMESPACES)
            .filter_map(|entry| entry.file_name().into_string().ok());
        names
            .into_iter()
            .find_map(|name| json::<Bundle>(root, &format!("{tasks}/{name}/{id}/config.json"))?.facts())
    })
}

/// CRI-O and podman share one storage.
fn storage(root: &HostRoot, places: &[&str], id: &str) -> Option<Facts> {
    let containers = || places.iter().map(|place| format!("{place}/overlay-containers"));
    let bundle = containers().find_map(|containers| {
        json::<Bundle>(root, &format!("{containers}/{id}/userdata/config.json"))?.facts()
    });
    bundle.filter(|facts| facts.image.is_some()).or_else(|| {
        containers().find_map(|containers| {
            let lists = ["containers.json", "volatile-containers.json"];
            lists.iter().find_map(|list| listed(root, &format!("{containers}/{list}"), id))
        })
    })
}

fn listed(root: &HostRoot, path: &str, id: &str) -> Option<Facts> {
    #[derive(Deserialize)]
    struct Entry {
        id: String,
        #[serde(default)]
        names: Vec<String>,
        /// JSON within JSON.
        #[serde(default)]
        metadata: String,
    }
    #[derive(Deserialize, Default)]
    struct Metadata {
        #[serde(rename = "image-name", default)]
        image: String,
        #[serde(default)]
        name: String,
    }
    let entry = json::<Vec<Entry>>(root, path)?.into_iter().find(|entry| entry.id == id)?;
    let metadata: Metadata = serde_json::from_str(&entry.metadata).unwrap_or_default();
    let name = Some(&*metadata.name).filter(|name| !name.is_empty());
    Facts::new(Some(&metadata.image), name.or(entry.names.first().map(String::as_str)), None)
}

/// A user's home directory, from `/etc/passwd`.
fn home(root: &HostRoot, user: u32) -> Option<String> {
    let passwd = root.read("etc/passwd", MAX_FILE).ok()?;
    let home = String::from_utf8_lossy(&passwd).lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_user = fields.nth(2)?.parse() == Ok(user);
        fields.nth(2).filter(|_| is_user).map(str::to_owned)
    })?;
    Path::new(&home).is_absolute().then_some(home)
}
