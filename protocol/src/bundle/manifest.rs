//! The manifest, read line by line: that of a month names hundreds of thousands of files.

use std::fmt;
use std::io::Read;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::{Manifest, ManifestFile};
use crate::{Error, Result};

/// Reads a manifest and gives each file it lists to `each`, in its order; the manifest that comes back lists none.
///
/// # Errors
/// Not a manifest, or one of a version this program does not know; what was given to `each` before says nothing then.
pub fn read(bytes: impl Read, each: impl FnMut(ManifestFile)) -> Result<Manifest> {
    let malformed = |e: serde_json::Error| Error::malformed("manifest", e.to_string());
    let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::new(bytes));
    let manifest = de::Deserializer::deserialize_map(&mut json, Fields { each }).map_err(malformed)?;
    json.end().map_err(malformed)?;
    if manifest.format != "gongzheng-bundle" {
        return Err(Error::malformed("manifest", "not a Gongzheng bundle"));
    }
    if manifest.version != 1 {
        return Err(Error::UnknownVersion { what: "bundle", got: manifest.version, known: 1 });
    }
    Ok(manifest)
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
