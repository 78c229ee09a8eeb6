//! Workloads from trees of files as the runtimes write them.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;

const ID: &str = "4c01db0b339c5a2f4f0ab0f6b1f3a4b1e2d3c4f5a6b7c8d9e0f1a2b3c4d5e6f7";
const IMAGE: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A host's files.
struct Host(TempDir);

impl Host {
    fn new(files: &[(&str, &str)]) -> Self {
        let host = Self(tempfile::tempdir().expect("a directory"));
        files.iter().for_each(|(path, text)| host.write(path, text));
        host
    }

    fn write(&self, path: &str, text: &str) {
        let path: PathBuf = self.0.path().join(path.replace("ID", ID));
        fs::create_dir_all(path.parent().expect("below the root")).expect("created");
        fs::write(path, text.replace("ID", ID).replace("IMAGE", IMAGE)).expect("written");
    }

    fn workloads(&self, template: &str) -> Workloads {
        Workloads::new(HostRoot::new(self.0.path()), template.parse().expect("a template"))
    }

    fn resolve(&self, template: &str, cgroup: &str) -> Resolution {
        self.workloads(template).resolve(&cgroup.replace("ID", ID), Instant::now())
    }
}

fn known(name: &str) -> Resolution {
    Resolution::Known(name.into())
}

const DOCKER: &str = "/system.slice/docker-ID.scope";
const POD: &str = "/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope";
const CRIO: &str = "/kubepods.slice/kubepods-pod1.slice/crio-ID.scope";
const PODMAN: &str = "/machine.slice/libpod-ID.scope/container";
const ROOTLESS: &str = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope";

const DOCKER_FILE: (&str, &str) = (
    "var/lib/docker/containers/ID/config.v2.json",
    r#"{"ID":"ID","Image":"IMAGE","Name":"/web","Config":{"Image":"nginx:1.25","Labels":{"a":"b"}},"State":{}}"#,
);
const CONTAINERD_FILE: (&str, &str) = (
    "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json",
    r#"{"ociVersion":"1.1.0","annotations":{"io.kubernetes.cri.container-name":"app",
    "io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-namespace":"shop",
    "io.kubernetes.cri.image-name":"registry.example.com:5000/team/app:v7"}}"#,
);
const PODMAN_LIST: &str = r#"[{"id":"other","names":["x"],"metadata":"not json"},{"id":"ID","names":["db"],
    "image":"97662d24","metadata":"{\"image-name\":\"docker.io/library/postgres:16\",\"name\":\"db\"}"}]"#;

#[test]
fn docker_s_own_file_names_the_image() {
    let host = Host::new(&[DOCKER_FILE]);
    assert_eq!(host.resolve("{image}", DOCKER), known("docker.io/library/nginx"));
    assert_eq!(host.resolve("{container}", DOCKER), known("web"));
    let elsewhere = Host::new(&[
        ("etc/docker/daemon.json", r#"{"data-root":"/srv/docker"}"#),
        ("srv/docker/containers/ID/config.v2.json", DOCKER_FILE.1),
    ]);
    assert_eq!(elsewhere.resolve("{image}", "/docker/ID"), known("docker.io/library/nginx"));
}

#[test]
fn a_docker_container_started_by_an_image_s_id_gets_the_repository_that_holds_it() {
    let by_id = DOCKER_FILE.1.replace("nginx:1.25", "9f86d081884c");
    let host = Host::new(&[(DOCKER_FILE.0, &by_id)]);
    assert_eq!(host.resolve("{image}", DOCKER), known("container/web"), "no repository holds it");
    host.write(
        "var/lib/docker/image/overlay2/repositories.json",
        r#"{"Repositories":{"redis":{"redis:7":"sha256:00"},"zeta":{"zeta:1":"IMAGE"},"acme/web":{"acme/web:2":"IMAGE"}}}"#,
    );
    assert_eq!(host.resolve("{image}", DOCKER), known("docker.io/acme/web"));
}

#[test]
fn kubernetes_tells_by_annotations() {
    let host = Host::new(&[CONTAINERD_FILE]);
    assert_eq!(host.resolve("{image}", POD), known("registry.example.com:5000/team/app"));
    assert_eq!(host.resolve("{namespace}/{container}", POD), known("shop/app"));
    let crio = Host::new(&[(
        "run/containers/storage/overlay-containers/ID/userdata/config.json",
        r#"{"annotations":{"io.kubernetes.cri-o.ImageName":"quay.io/a/b@IMAGE","io.kubernetes.cri-o.Image":"IMAGE",
        "io.kubernetes.container.name":"b","io.kubernetes.pod.namespace":"n"}}"#,
    )]);
    assert_eq!(crio.resolve("{image}", CRIO), known("quay.io/a/b"));
    assert_eq!(crio.resolve("{namespace}/{container}", CRIO), known("n/b"));
}

#[test]
fn a_pod_s_own_container_is_pause() {
    let host = Host::new(&[(
        CONTAINERD_FILE.0,
        r#"{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-namespace":"shop"}}"#,
    )]);
    assert_eq!(host.resolve("{image}", POD), known("container/shop/pause"));
}

#[test]
fn podman_keeps_lists_and_users_have_their_own() {
    for list in ["containers.json", "volatile-containers.json"] {
        let path = format!("var/lib/containers/storage/overlay-containers/{list}");
        let host = Host::new(&[(&path, PODMAN_LIST)]);
        assert_eq!(host.resolve("{image}", PODMAN), known("docker.io/library/postgres"));
        assert_eq!(
            host.resolve("{image}", ROOTLESS),
            Resolution::Pending,
            "root's files do not speak for a user's"
        );
    }
    let host = Host::new(&[
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"),
        ("home/ann/.local/share/containers/storage/overlay-containers/containers.json", PODMAN_LIST),
    ]);
    assert_eq!(host.resolve("{image}", ROOTLESS), known("docker.io/library/postgres"));
    assert_eq!(
        host.resolve("{image}", PODMAN),
        Resolution::Pending,
        "a user's files do not speak for root's"
    );
}

#[test]
fn without_a_value_for_the_template_the_default_names_it() {
    let host = Host::new(&[DOCKER_FILE]);
    assert_eq!(host.resolve("{namespace}/{container}", DOCKER), known("docker.io/library/nginx"));
    assert_eq!(host.resolve("{namespace}/{container}", "/system.slice/cron.service"), known("cron.service"));
    assert_eq!(host.resolve("u:{unit}", "/system.slice/cron.service"), known("u:cron.service"));
    assert_eq!(host.resolve("{image}", "/"), known(HOST));
    assert_eq!(host.resolve("{image}", ""), known(HOST));
    assert_eq!(host.resolve("mine", ""), known("mine"));
}

#[test]
fn a_container_waits_for_its_image_and_is_looked_for_again() {
    let host = Host::new(&[]);
    let mut workloads = host.workloads("{image}");
    let (cgroup, start) = (DOCKER.replace("ID", ID), Instant::now());
    assert_eq!(workloads.resolve(&cgroup, start), Resolution::Pending);
    host.write(DOCKER_FILE.0, DOCKER_FILE.1);
    assert_eq!(workloads.resolve(&cgroup, start), Resolution::Pending, "not for every execution");
    assert_eq!(workloads.resolve(&cgroup, start + LOOK_AGAIN), known("docker.io/library/nginx"));
    fs::remove_dir_all(host.0.path().join("var")).expect("removed");
    assert_eq!(
        workloads.resolve(&cgroup, start + LOOK_AGAIN * 2),
        known("docker.io/library/nginx"),
        "it is kept"
    );
}

#[test]
fn who_was_given_up_on_is_answered_at_once_and_still_found_later() {
    let host = Host::new(&[]);
    let mut workloads = host.workloads("{image}");
    let (cgroup, start) = (DOCKER.replace("ID", ID), Instant::now());
    assert_eq!(workloads.resolve(&cgroup, start), Resolution::Pending);
    let gave_up = start + PATIENCE;
    assert_eq!(&*workloads.give_up(&cgroup, gave_up), CONTAINER);
    assert_eq!(workloads.resolve(&cgroup, gave_up), known(CONTAINER));
    assert_eq!(
        workloads.resolve(&cgroup, gave_up + LOOK_AGAIN_LATER),
        known(CONTAINER),
        "looked for in vain"
    );
    host.write(DOCKER_FILE.0, DOCKER_FILE.1);
    assert_eq!(workloads.resolve(&cgroup, gave_up + LOOK_AGAIN_LATER * 2), known("docker.io/library/nginx"));
    assert_eq!(&*workloads.give_up(&cgroup, gave_up + LOOK_AGAIN_LATER * 2), "docker.io/library/nginx");
}

#[test]
fn hostile_files_name_nothing() {
    for text in [
        "",
        "[]",
        "{\"Config\":{\"Image\":\"\\u001b[2J\"}}",
        "{\"Config\":{\"Image\":7}}",
        "{\"Name\":\"a\\nb\",\"Config\":{\"Image\":\"../../etc\"}}",
    ] {
        let host = Host::new(&[(DOCKER_FILE.0, text)]);
        let resolution = host.resolve("{image}", DOCKER);
        assert!(matches!(resolution, Resolution::Pending), "{text}: {resolution:?}");
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let host = Host::new(&[]);
    let mut workloads = host.workloads("{image}");
    for n in 0..3 * CAPACITY {
        workloads.resolve(&format!("/system.slice/a.service/{n}"), Instant::now());
        assert!(workloads.known.len() <= CAPACITY);
    }
}

#[test]
fn who_must_not_wait_is_answered_from_the_path_alone() {
    let host = Host::new(&[DOCKER_FILE]);
    let mut workloads = host.workloads("{image}");
    assert_eq!(workloads.resolve_from_path("/system.slice/cron.service").as_deref(), Some("cron.service"));
    assert_eq!(workloads.resolve_from_path("/").as_deref(), Some(HOST));
    let cgroup = DOCKER.replace("ID", ID);
    assert_eq!(workloads.resolve_from_path(&cgroup), None, "a file would have to be read");
    workloads.resolve(&cgroup, Instant::now());
    assert_eq!(workloads.resolve_from_path(&cgroup).as_deref(), Some("docker.io/library/nginx"));
}

#[test]
fn what_somebody_else_tells_of_a_container_gives_the_same_name() {
    let workloads = Host::new(&[]).workloads("{image}");
    assert_eq!(workloads.of_container("nginx:1.25", "web").as_deref(), Some("docker.io/library/nginx"));
    for (image, name) in [("", ""), ("", "web"), ("sha256:0123456789ab", "web"), ("no image", "web")] {
        assert_eq!(workloads.of_container(image, name), None, "{image:?}");
    }
    let named = Host::new(&[]).workloads("{container}");
    assert_eq!(named.of_container("nginx", "/web").as_deref(), Some("web"));
}
