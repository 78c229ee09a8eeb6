//! The page's files, from this program. They hold nothing: what they show they ask for, with the token.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Name and content of each file.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// The page's files.
pub(crate) struct Page {
    /// The same content has the same tag.
    tags: Vec<HeaderValue>,
    /// Reads them from there in place of the program.
    folder: Option<PathBuf>,
}

impl Page {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { tags: FILES.iter().map(|(_, content)| tag(content)).collect(), folder }
    }

    /// Whether `path` is a file of the page, by its name.
    pub(crate) fn has(&self, path: &str) -> bool {
        let plain = |name: &str| {
            let known = [".html", ".css", ".js", ".svg"].iter().any(|end| name.ends_with(end));
            known
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        };
        name(path).is_some_and(|name| match self.folder {
            Some(_) => plain(name),
            None => FILES.iter().any(|(known, _)| *known == name),
        })
    }

    /// The file that `path` asks for, where there is one.
    pub(crate) async fn file(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let name = name(path)?;
        let mut response = if let Some(folder) = &self.folder {
            let file = folder.join(name);
            let content = tokio::task::spawn_blocking(move || std::fs::read(file)).await.ok()?.ok()?;
            let tag = tag(&content);
            whole(name, content.into(), tag)
        } else {
            let place = FILES.iter().position(|(known, _)| *known == name)?;
            let tag = &self.tags[place];
            if headers.get(header::IF_NONE_MATCH).is_some_and(|known| names(known, tag)) {
                (StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response()
            } else {
                whole(name, Body::from(FILES[place].1), tag.clone())
            }
        };
        // Asked for anew each time, and answered 304: a new release shows at once.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Some(response)
    }
}

fn name(path: &str) -> Option<&str> {
    if path == "/" { Some("index.html") } else { path.strip_prefix('/') }
}

fn whole(name: &str, content: Body, tag: HeaderValue) -> Response {
    let kind = match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "image/svg+xml",
    };
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::ETAG, tag)], content).into_response()
}

fn tag(content: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish())).expect("hexadecimal digits in quotes")
}

/// Whether an `If-None-Match` names this tag.
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    known.to_str().is_ok_and(|known| {
        known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    })
}

#[cfg(test)]
mod tests {
    use super::{FILES, Page};

    #[test]
    fn the_page_is_there_and_nothing_beside_it() {
        for page in [Page::new(None), Page::new(Some("page".into()))] {
            assert!(page.has("/") && page.has("/index.html"));
            for (name, content) in FILES {
                assert!(page.has(&format!("/{name}")) && !content.is_empty(), "{name}");
            }
            for bad in [
                "",
                "/../Cargo.toml",
                "//index.html",
                "/../page/index.html",
                "index.html",
                "/app.js/",
                "/.html/x",
            ] {
                assert!(!page.has(bad), "{bad}");
            }
        }
    }
}
