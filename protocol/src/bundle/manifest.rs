//! The manifest, read line by line: that of a month names hundreds of thousands of files. That it is canonical is seen by its
//! digest: what was read is written again into one digest, the bytes go into another.

use std::fmt;
use std::io::{self, Read};

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use serde_json::json;

use super::{Manifest, ManifestFile};
use crate::{Digest, DigestWriter, Error, Result, canonical_json};

/// Reads a manifest and gives each file it lists to `each`, in its order; the manifest that comes back lists none.
///
/// # Errors
/// Not a manifest, not in canonical form, or one of a version this program does not know; what was given to `each` before says nothing then.
pub fn read(bytes: impl Read, mut each: impl FnMut(ManifestFile)) -> Result<Manifest> {
    let malformed = |e: serde_json::Error| match e.io_error_kind() {
        Some(kind) => super::unread("manifest", "manifest.json", kind, &e),
        None => Error::malformed("manifest", e.to_string()),
    };
    let (mut bytes, mut again) = (Hashed { bytes, digest: DigestWriter::default() }, Canonical::new());
    let mut json = serde_json::Deserializer::from_reader(io::BufReader::new(&mut bytes));
    let each = |entry: ManifestFile| {
        again.file(&entry);
        each(entry);
    };
    let manifest = de::Deserializer::deserialize_map(&mut json, Fields { each }).map_err(malformed)?;
    json.end().map_err(malformed)?;
    drop(json);
    if manifest.format != "gongzheng-bundle" {
        return Err(Error::malformed("manifest", "not a Gongzheng bundle"));
    }
    if manifest.version != 1 {
        return Err(Error::UnknownVersion { what: "bundle", got: manifest.version, known: 1 });
    }
    if again.finish(&manifest)? != Some(bytes.digest.finish()) {
        return Err(Error::malformed("manifest", "not canonical JSON, or its files are not in order"));
    }
    Ok(manifest)
}

/// Bytes that are hashed as they are read.
struct Hashed<R> {
    bytes: R,
    digest: DigestWriter,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.digest.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// The manifest as it has to be, byte for byte.
struct Canonical {
    digest: DigestWriter,
    last: Option<String>,
    is_sorted: bool,
}

impl Canonical {
    fn new() -> Self {
        let mut digest = DigestWriter::default();
        digest.update(b"{\"files\":[");
        Self { digest, last: None, is_sorted: true }
    }

    fn file(&mut self, entry: &ManifestFile) {
        self.is_sorted &= self.last.as_ref().is_none_or(|last| *last < entry.path);
        let comma = if self.last.is_some() { "," } else { "" };
        let path = canonical_json(&json!(entry.path)).unwrap_or_default();
        self.digest.update(format!("{comma}{{\"length\":{},\"path\":", entry.length).as_bytes());
        self.digest.update(&path).update(format!(",\"sha256\":\"{}\"}}", entry.sha256).as_bytes());
        self.last = Some(entry.path.clone());
    }

    /// Its digest; `None` when the files are not in order.
    fn finish(mut self, manifest: &Manifest) -> Result<Option<Digest>> {
        let Manifest { format, origin, site, size, version, .. } = manifest;
        let rest = json!({"format": format, "origin": origin, "site": site, "size": size, "version": version});
        // Without the brace that opens it.
        self.digest.update(b"],").update(canonical_json(&rest)?.get(1..).unwrap_or_default());
        Ok(self.is_sorted.then(|| self.digest.finish()))
    }
}

struct Fields<F> {
    each: F,
}

impl<'de, F: FnMut(ManifestFile)> Visitor<'de> for Fields<F> {
    type Value = Manifest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<Manifest, A::Error> {
        let (mut format, mut version, mut site, mut origin, mut size) = (None, None, None, None, None);
        let mut has_files = false;
        while let Some(key) = map.next_key::<String>()? {
            let is_twice = match key.as_str() {
                "files" => {
                    map.next_value_seed(Entries { each: &mut self.each })?;
                    std::mem::replace(&mut has_files, true)
                }
                "format" => format.replace(map.next_value()?).is_some(),
                "version" => version.replace(map.next_value()?).is_some(),
                "site" => site.replace(map.next_value()?).is_some(),
                "origin" => origin.replace(map.next_value()?).is_some(),
                "size" => size.replace(map.next_value()?).is_some(),
                other => return Err(de::Error::custom(format!("unknown field `{other}`"))),
            };
            if is_twice {
                return Err(de::Error::custom(format!("the field `{key}` appears twice")));
            }
        }
        if !has_files {
            return Err(de::Error::missing_field("files"));
        }
        Ok(Manifest {
            format: format.ok_or_else(|| de::Error::missing_field("format"))?,
            version: version.ok_or_else(|| de::Error::missing_field("version"))?,
            site: site.ok_or_else(|| de::Error::missing_field("site"))?,
            origin: origin.ok_or_else(|| de::Error::missing_field("origin"))?,
            size: size.ok_or_else(|| de::Error::missing_field("size"))?,
            files: Vec::new(),
        })
    }
}

struct Entries<'f, F> {
    each: &'f mut F,
}

impl<'de, F: FnMut(ManifestFile)> DeserializeSeed<'de> for Entries<'_, F> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(ManifestFile)> Visitor<'de> for Entries<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of files")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
        while let Some(entry) = seq.next_element()? {
            (self.each)(entry);
        }
        Ok(())
    }
}
