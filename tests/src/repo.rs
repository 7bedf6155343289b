//! The workspace's own files: where it is, which files belong to it, where its programs are built.

use std::path::{Path, PathBuf};

/// The workspace folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder `target/debug` this program was built into (it lies beside the programs it tests).
///
/// # Panics
/// When the operating system does not tell where the running program is.
pub fn program_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("GZ_PROGRAMS") {
        return PathBuf::from(dir);
    }
    let me = std::env::current_exe().expect("the operating system names the running program");
    let dir = me.parent().expect("a program lies in a folder");
    // Test programs lie one folder deeper, in `deps`.
    if dir.ends_with("deps") { dir.parent().unwrap_or(dir).to_path_buf() } else { dir.to_path_buf() }
}

/// Every file that belongs to the project, relative to the root, sorted: build results, version control and generated
/// pictures are left out.
pub fn files() -> Vec<PathBuf> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if name == ".git" || name == "target" || name == "artifacts" || path.ends_with("fuzz/corpus") {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() => {
                    if let Ok(relative) = path.strip_prefix(&root) {
                        found.push(relative.to_path_buf());
                    }
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The text of a project file, or `None` when it is not UTF-8 (a picture).
pub fn text(relative: &Path) -> Option<String> {
    std::fs::read(root().join(relative)).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}
