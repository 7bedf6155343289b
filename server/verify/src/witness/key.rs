//! The witness's key: made at first start, mode 0600, in the state's folder. It is never restored without the state beside
//! it: a key that has forgotten what it signed could sign another history.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

use anyhow::{Context as _, bail};
use data_encoding::HEXLOWER;
use protocol::{SecretKey, cosignature::WitnessKey};

use super::store::Store;

const FILE: &str = "witness.key";

/// Reads the key, or makes one named `name`. Name and key belong together for ever.
pub(super) fn open(store: &Store, name: &str) -> anyhow::Result<(SecretKey, WitnessKey)> {
    let path = store.folder().join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            if !store.is_new() {
                bail!(
                    "{}: the key is gone and the record of what it signed is there; restore the key from where you keep it, or start a new witness with a new name and a new folder / 密钥丢失而签名记录仍在：请找回密钥，或以新名称、新目录另建见证方",
                    path.display()
                );
            }
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|e| anyhow::anyhow!("the system gives no random bytes: {e}"))?;
            let text = format!("{name}\n{}\n", HEXLOWER.encode(&seed));
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            store.sync_folder()?;
            text
        }
        Err(e) => return Err(e).with_context(|| path.display().to_string()),
    };
    if std::fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
        bail!(
            "{}: readable by other users; run `chmod 600` on it / 密钥文件可被其他用户读取，请执行 chmod 600",
            path.display()
        );
    }
    let damaged = || {
        anyhow::anyhow!("{}: damaged; restore it, never delete it / 密钥文件已损坏，请恢复，切勿删除", path.display())
    };
    let (kept, seed) = text.trim_end().split_once('\n').ok_or_else(damaged)?;
    let seed: [u8; 32] =
        HEXLOWER.decode(seed.as_bytes()).ok().and_then(|seed| seed.try_into().ok()).ok_or_else(damaged)?;
    if kept != name {
        bail!(
            "{}: this key is named {kept}, the configuration says {name}; a key keeps its name / 密钥名称为 {kept}，与配置 {name} 不符；密钥不能改名",
            path.display()
        );
    }
    let key = SecretKey::from_seed(&seed);
    let verifier = WitnessKey::new(name, key.public())?;
    Ok((key, verifier))
}
