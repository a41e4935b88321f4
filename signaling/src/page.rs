//! The pages: the files of `web-demo/`, built into the binary, or of a directory while one works on them.
//! Nothing on it comes from elsewhere, and its security headers hold it to that.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use rust_embed::Embed;

use crate::node::SharedNode;
use crate::problem::Problem;

/// Where the files come from.
pub(crate) enum Page {
    /// The binary.
    BuiltIn,
    /// A directory, read anew for every request.
    Directory(PathBuf),
}

#[derive(Embed)]
#[folder = "../web-demo"]
#[include = "*.html"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
#[include = "*.png"]
#[include = "*.ico"]
#[include = "*.woff2"]
#[include = "*.webmanifest"]
#[exclude = "node_modules/*"]
#[exclude = "test/*"]
struct BuiltIn;

struct File {
    content: Cow<'static, [u8]>,
    /// What the content is known by; `None`: never from a cache.
    entity_tag: Option<HeaderValue>,
}

impl Page {
    /// The files of the directory, or of the binary if there is none.
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        directory.map_or(Self::BuiltIn, Self::Directory)
    }

    async fn file(&self, path: &str) -> Option<File> {
        match self {
            Self::BuiltIn => {
                let file = BuiltIn::get(path)?;
                let hash: String = file
                    .metadata
                    .sha256_hash()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                Some(File {
                    content: file.data,
                    entity_tag: HeaderValue::try_from(format!("\"{hash}\"")).ok(),
                })
            }
            Self::Directory(directory) => {
                let content = tokio::fs::read(directory.join(path)).await.ok()?;
                Some(File {
                    content: Cow::Owned(content),
                    entity_tag: None,
                })
            }
        }
    }
}

/// `GET /` and every other path that nothing else claims.
pub(crate) async fn serve(
    State(node): State<SharedNode>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        "ops" => "ops/index.html",
        path => path,
    };
    let Some(content_type) = content_type(path) else {
        return not_found();
    };
    let Some(file) = node.page.file(path).await else {
        return not_found();
    };
    let mut response = match &file.entity_tag {
        Some(tag)
            if headers
                .get_all(header::IF_NONE_MATCH)
                .iter()
                .any(|known| known == tag) =>
        {
            StatusCode::NOT_MODIFIED.into_response()
        }
        _ => ([(header::CONTENT_TYPE, content_type)], file.content).into_response(),
    };
    let fresh = if file.entity_tag.is_some() {
        "no-cache"
    } else {
        "no-store"
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(fresh));
    if let Some(tag) = file.entity_tag {
        headers.insert(header::ETAG, tag);
    }
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `GET /ops/`, whose relative links would lead nowhere.
pub(crate) async fn without_slash() -> Redirect {
    Redirect::permanent("../ops")
}

fn not_found() -> Response {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this address",
    )
    .into_response()
}

/// `None` for paths that lead out of the directory or into hidden files, and for files that are no
/// part of a page.
fn content_type(path: &str) -> Option<&'static str> {
    let path = Path::new(path);
    let is_plain = |part: Component<'_>| match part {
        Component::Normal(name) => name
            .to_str()
            .is_some_and(|name| !name.starts_with('.') && !name.contains('\\')),
        _ => false,
    };
    if !path.components().all(is_plain) {
        return None;
    }
    match path.extension()?.to_str()? {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "ico" => Some("image/x-icon"),
        "woff2" => Some("font/woff2"),
        "webmanifest" => Some("application/manifest+json"),
        _ => None,
    }
}

const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        // 'self' in connect-src includes the WebSocket of the same host.
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
         media-src 'self' blob: mediastream:; connect-src 'self'; font-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), fullscreen=(self)",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_files_of_a_page_have_a_content_type() {
        let table = [
            ("index.html", true),
            ("js/session.js", true),
            ("package.json", false),
            ("js", false),
            ("../secret.js", false),
            ("js/../../secret.js", false),
            ("/etc/secret.js", false),
            (".hidden.js", false),
            (".git/x.js", false),
            ("js\\..\\secret.js", false),
            ("", false),
        ];
        for (path, expected) in table {
            assert_eq!(content_type(path).is_some(), expected, "{path}");
        }
    }

    #[test]
    fn nothing_of_the_tests_is_built_in() {
        for path in BuiltIn::iter() {
            assert!(
                content_type(&path).is_some() && !path.starts_with("test/"),
                "{path}"
            );
        }
    }
}
