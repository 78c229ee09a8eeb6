//! Image names, normalised: the same repository by whatever name it was pulled.
//!
//! A new tag or digest is the same workload, and what it runs anew is the news. The rules are those of the reference
//! grammar that all runtimes share: a first component that can be a host is a registry, everything else is Docker Hub.

/// The longest name that is taken; the grammar allows 255 for a repository.
const MAX_NAME: usize = 320;

/// The repository of an image reference, without tag and digest: `nginx:1.25` is `docker.io/library/nginx`.
///
/// `None` for an image's id, which names a build and not a repository, and for what is no reference.
pub(super) fn repository(reference: &str) -> Option<String> {
    let reference = reference.split_once("://").map_or(reference, |(_, reference)| reference);
    let name = reference.split('@').next().unwrap_or_default();
    let (directory, last) = name.rsplit_once('/').map_or(("", name), |(directory, last)| (directory, last));
    let last = last.split(':').next().unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:[]".contains(&byte);
    if last.is_empty()
        || name.len() > MAX_NAME
        || !name.bytes().all(allowed)
        || name.split('/').any(|part| part.is_empty() || part.starts_with('.'))
    {
        return None;
    }
    if directory.is_empty() {
        return (!is_id(name)).then(|| format!("docker.io/library/{last}"));
    }
    let (first, rest) = directory.split_once('/').map_or((directory, ""), |(first, rest)| (first, rest));
    let registry = first.contains(['.', ':']) || first == "localhost";
    let path = match (registry, rest) {
        (false, _) => format!("{directory}/{last}"),
        (true, "") => last.to_owned(),
        (true, rest) => format!("{rest}/{last}"),
    };
    match first {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" if !path.contains('/') => {
            Some(format!("docker.io/library/{path}"))
        }
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => Some(format!("docker.io/{path}")),
        _ if registry => Some(format!("{}/{path}", first.to_ascii_lowercase())),
        _ => Some(format!("docker.io/{path}")),
    }
}

/// Whether this is an image's id, whole (`sha256:...`, 64 digits) or as people abbreviate it (12 digits).
pub(super) fn is_id(reference: &str) -> bool {
    let digits = reference.strip_prefix("sha256:").unwrap_or(reference);
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal && (digits.len() == 64 || digits.len() == 12 || digits.len() < reference.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn one_repository_has_one_name() {
        for (reference, expected) in [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1.25-alpine", "docker.io/library/nginx"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("docker.io/library/nginx:latest", "docker.io/library/nginx"),
            ("index.docker.io/grafana/grafana", "docker.io/grafana/grafana"),
            ("grafana/grafana:10", "docker.io/grafana/grafana"),
            ("reg:5000/a/b", "reg:5000/a/b"),
            ("reg:5000/a/b:2", "reg:5000/a/b"),
            ("reg:5000/a:2", "reg:5000/a"),
            ("Reg.Example.Com/a:2", "reg.example.com/a"),
            ("localhost/mine", "localhost/mine"),
            ("localhost:5000/mine:dev", "localhost:5000/mine"),
            ("[fd00::1]:5000/a:1", "[fd00::1]:5000/a"),
            ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause"),
            ("docker-pullable://nginx:1", "docker.io/library/nginx"),
            ("deadbeef", "docker.io/library/deadbeef"),
        ] {
            assert_eq!(repository(reference).as_deref(), Some(expected), "{reference}");
            let pinned = format!("{reference}@{DIGEST}");
            assert_eq!(repository(&pinned).as_deref(), Some(expected), "{pinned}");
        }
    }

    #[test]
    fn ids_and_nonsense_name_no_repository() {
        let bare = DIGEST.trim_start_matches("sha256:");
        for reference in [
            DIGEST,
            bare,
            &bare[..12],
            "",
            ":",
            "@",
            "/",
            "a//b",
            "../a",
            "a b",
            "a\u{1b}[2J",
            "é",
            "http://",
        ] {
            assert_eq!(repository(reference), None, "{reference:?}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(reference in "[a-z0-9.:/@-]{0,40}") {
            if let Some(once) = repository(&reference) {
                prop_assert_eq!(repository(&once), Some(once.clone()));
            }
        }

        #[test]
        fn any_text_is_survived(reference in ".{0,100}") {
            prop_assert!(repository(&reference).is_none_or(|name| name.is_ascii()));
        }
    }
}
