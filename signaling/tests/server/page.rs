//! The page and its files.

use hyper::{Method, StatusCode};

use crate::support::http::{get, request};
use crate::support::server;

#[tokio::test]
async fn the_page_is_served_with_headers_that_keep_it_to_itself() {
    let server = server("").await;
    let page = get(server.address(), "/?room=standup&name=Ada").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    assert!(page.body.contains("<html"), "{}", page.body);
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    for (header, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(page.header(header), value);
    }

    assert_eq!(page.header("cache-control"), "no-cache");
    let known = ("if-none-match", page.header("etag"));
    let again = request(server.address(), Method::GET, "/", &[known], "").await;
    assert_eq!(
        (again.status, again.body.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
    let changed = request(
        server.address(),
        Method::GET,
        "/",
        &[("if-none-match", "\"other\"")],
        "",
    )
    .await;
    assert_eq!(changed.status, StatusCode::OK);
}

#[tokio::test]
async fn everything_that_the_page_names_is_there() {
    let server = server("").await;
    let page = get(server.address(), "/").await.body;
    let named = page
        .split(['"', '\''])
        .filter(|text| text.ends_with(".js") || text.ends_with(".css"));
    let mut found = 0;
    for path in named {
        let path = format!("/{}", path.trim_start_matches(['.', '/']));
        let file = get(server.address(), &path).await;
        let expected = if path.ends_with(".js") {
            "text/javascript; charset=utf-8"
        } else {
            "text/css; charset=utf-8"
        };
        assert_eq!(
            (file.status, file.header("content-type")),
            (StatusCode::OK, expected),
            "{path}"
        );
        found += 1;
    }
    assert!(found > 0, "the page has a script: {page}");
}

#[tokio::test]
async fn nothing_but_the_page_is_served() {
    let server = server("").await;
    for path in [
        "/nothing",
        "/package.json",
        "/test/browsers.js",
        "/..%2fCargo.toml",
        "/js/..%2f..%2fx.js",
        "/.git/x.js",
    ] {
        let answer = get(server.address(), path).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::NOT_FOUND, "not_found"),
            "{path}"
        );
    }
    let post = request(server.address(), Method::POST, "/", &[], "").await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_directory_can_stand_in_for_the_built_in_page() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/web-root");
    let server = server(&format!("web-root = \"{root}\"")).await;
    let page = get(server.address(), "/").await;
    assert_eq!(
        (page.body.trim(), page.header("cache-control")),
        ("<p>another page</p>", "no-store")
    );
    assert_eq!(
        get(server.address(), "/../server/main.rs").await.status,
        StatusCode::NOT_FOUND
    );
}
