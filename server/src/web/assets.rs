//! Style sheet, script and icon: compiled in, served under a name that contains their digest, cached for a year.
//!
//! A page of a newer server therefore never meets a style sheet of an older one, and a factory without internet access
//! lacks nothing.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    path: String,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    [
        ("app.css", "text/css; charset=utf-8", &include_bytes!("../../assets/app.css")[..]),
        ("app.js", "text/javascript; charset=utf-8", &include_bytes!("../../assets/app.js")[..]),
        ("icon.svg", "image/svg+xml", &include_bytes!("../../assets/icon.svg")[..]),
    ]
    .into_iter()
    .map(|(name, kind, bytes)| {
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
        let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
        let path = format!("/assets/{stem}.{}.{extension}", &digest[..16]);
        Asset { name, kind, bytes, path }
    })
    .collect()
});

/// The address of an asset, with its digest. An unknown name is a mistake in this crate and gives an address that is
/// not found.
#[must_use]
pub fn path(name: &str) -> &'static str {
    ASSETS.iter().find(|a| a.name == name).map_or("/assets/missing", |a| a.path.as_str())
}

/// Serves an asset by its full path.
pub(crate) fn serve(path: &str) -> Response {
    let Some(asset) = ASSETS.iter().find(|a| a.path == path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = asset.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_only_under_its_digest() {
        let response = serve(path("app.css"));
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()[header::CACHE_CONTROL].to_str().expect("ascii").contains("immutable"));
        assert_eq!(serve("/assets/app.0000000000000000.css").status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn assets_load_nothing_from_elsewhere() {
        for asset in ASSETS.iter() {
            let text = String::from_utf8_lossy(asset.bytes).replace("http://www.w3.org/2000/svg", "");
            for bad in ["http://", "https://", "@import", "eval(", "innerHTML"] {
                assert!(!text.contains(bad), "{} contains {bad}", asset.name);
            }
        }
    }
}
