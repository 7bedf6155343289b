//! Adding a device to the configuration file.
//!
//! Constraints: the whole new text is checked before anything is written; the file is replaced in one step and keeps its permissions; text and
//! comments of the person stay as they are.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::config::problem::{Problem, Severity};
use crate::locale::{Words, words};

/// The text of `file` with `section` at its end, if the agent would start with it.
///
/// # Errors
/// What is wrong, for the person at the page.
pub fn extended(file: &Path, section: &str) -> Result<String, Vec<Words>> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let shown = file.display();
        vec![words!("读不了 {shown}：{error}", "cannot read {shown}: {error}")]
    })?;
    let gap = if text.ends_with('\n') { "\n" } else { "\n\n" };
    let text = format!("{text}{gap}{section}");
    match Config::parse(&text, file) {
        Ok(_) => Ok(text),
        Err(problems) => Err(problems.list.iter().filter(|p| p.severity == Severity::Error).map(told).collect()),
    }
}

/// A problem in one sentence.
pub fn told(problem: &Problem) -> Words {
    let (what, hint) = (&problem.what, &problem.hint);
    Words::new(format!("{}。{}", what.zh, hint.zh), format!("{}. {}", what.en, hint.en))
}

/// Replaces `file` by `text`.
///
/// # Errors
/// Why it could not be written, and what to do.
pub fn replace(file: &Path, text: &str) -> Result<(), Words> {
    let write = || {
        let permissions = std::fs::metadata(file)?.permissions();
        let mut name = file.as_os_str().to_owned();
        name.push(".new");
        let fresh = PathBuf::from(name);
        let mut handle = std::fs::File::create(&fresh)?;
        handle.write_all(text.as_bytes())?;
        handle.set_permissions(permissions)?;
        handle.sync_all()?;
        std::fs::rename(&fresh, file)
    };
    write().map_err(|error: std::io::Error| {
        let shown = file.display();
        words!(
            "写不了 {shown}：{error}。让运行网关的用户可以写这个文件和它的目录，或把上面这一段自己粘贴到文件末尾",
            "cannot write {shown}: {error}. Let the agent's user write this file and its folder, or paste the section above at its end yourself"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_section_is_added_only_when_the_whole_file_is_right() {
        let dir = tempfile::tempdir().expect("folder");
        let file = dir.path().join("agent.toml");
        std::fs::write(&file, "# 注释\n[gateway]\nstate_dir = \"/tmp/gz\"").expect("write");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("mode");
        let press = "[[device]]\nname = \"press\"\nprotocol = \"modbus_tcp\"\naddress = \"10.0.0.5:502\"\n";
        let text = extended(&file, press).expect("valid");
        replace(&file, &text).expect("written");
        assert_eq!(
            std::fs::read_to_string(&file).expect("read"),
            format!("# 注释\n[gateway]\nstate_dir = \"/tmp/gz\"\n\n{press}")
        );
        assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);

        let twice = extended(&file, press).expect_err("the name is taken");
        assert!(twice[0].zh.contains("设备名 `press` 重复了") && twice[0].en.contains("used twice"), "{twice:?}");
    }
}
