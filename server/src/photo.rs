//! A photo of a meter's face: what kind of file it is, and when its camera says it was taken.
//!
//! Constraints
//! 1. Pure, over bytes from outside: every offset is checked, nothing is allocated by what the file says.
//! 2. The time is `DateTimeOriginal` of the photo's Exif, with its `OffsetTimeOriginal` where there is one, else in the site's zone. A file
//!    without it is refused with what to do: a file's own date or the moment of its upload is not when a picture was taken.
//! 3. It is the camera's clock, and an editor can change it. What it is worth is compared with the log (`metrics::onsite`).

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// Largest photo, bytes.
pub const BYTES_MAX: usize = 6 * 1024 * 1024;

/// Why a photo is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// Larger than [`BYTES_MAX`].
    #[error(
        "the photo is larger than 6 MB: choose a smaller picture size in the camera / 照片超过 6 MB：请在相机中选择较小的照片尺寸"
    )]
    Large,
    /// The format of newer phones, which not every browser shows.
    #[error(
        "HEIC photos are not taken: set the camera to its most compatible format (JPEG) and take it again / 不支持 HEIC 格式：请在手机相机设置中选择“兼容性最佳”（JPEG）后重新拍摄"
    )]
    Heic,
    /// No photo, or not whole.
    #[error(
        "this is no whole JPEG or PNG photo: take it with the phone's camera / 不是完整的 JPEG 或 PNG 照片：请用手机相机拍摄"
    )]
    Format,
    /// No time.
    #[error(
        "the photo has no time of its own (Exif DateTimeOriginal), which messengers and screenshots drop: take it with the phone's camera and choose the original file; what you typed is kept / 照片中没有拍摄时间（EXIF DateTimeOriginal）：截图和微信转发的图片会丢失拍摄时间，请用手机相机直接拍摄并选择原图；已填写的内容仍在"
    )]
    Time,
}

/// The media type of a photo.
///
/// # Errors
/// It is too large, or none.
pub fn media(bytes: &[u8]) -> Result<&'static str, PhotoError> {
    if bytes.len() > BYTES_MAX {
        return Err(PhotoError::Large);
    }
    if bytes.starts_with(JPEG) {
        return Ok("image/jpeg");
    }
    if bytes.starts_with(PNG) {
        return Ok("image/png");
    }
    let is_heic = bytes.get(4..8) == Some(b"ftyp") && bytes.get(8..12).is_some_and(|b| BRANDS.contains(&b));
    Err(if is_heic { PhotoError::Heic } else { PhotoError::Format })
}

/// When a photo was taken, UTC milliseconds; `zone` is the site's.
///
/// # Errors
/// It is no photo, or says no time.
pub fn taken_ms(bytes: &[u8], zone: &str) -> Result<i64, PhotoError> {
    let tiff = match media(bytes)? {
        "image/png" => in_png(bytes),
        _ => in_jpeg(bytes),
    };
    taken(tiff.ok_or(PhotoError::Time)?, zone).ok_or(PhotoError::Time)
}

const JPEG: &[u8] = &[0xFF, 0xD8, 0xFF];
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Brands of ISO media files with HEIF pictures.
const BRANDS: [&[u8]; 6] = [b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"];
/// What Exif begins with in a JPEG.
const EXIF: &[u8] = b"Exif\0\0";

/// The Exif of a JPEG: the segment APP1 that begins so, before the picture does.
fn in_jpeg(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 2_usize;
    loop {
        let &[0xFF, marker, high, low] = bytes.get(at..at.checked_add(4)?)? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = bytes.get(at + 4..(at + 2).checked_add(length)?)?;
        match marker {
            0xE1 if body.starts_with(EXIF) => return body.get(EXIF.len()..),
            // The picture itself: nothing said before it is left.
            0xDA | 0xD9 => return None,
            _ => at += 2 + length,
        }
    }
}

/// The Exif of a PNG: its chunk `eXIf`.
fn in_png(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = PNG.len();
    loop {
        let length: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        let body = bytes.get(at + 8..(at + 8).checked_add(length)?)?;
        match bytes.get(at + 4..at + 8)? {
            b"eXIf" => return Some(body),
            b"IEND" => return None,
            _ => at = at.checked_add(length)?.checked_add(12)?,
        }
    }
}

/// Tags of Exif.
const EXIF_IFD: u16 = 0x8769;
const DATE_TIME_ORIGINAL: u16 = 0x9003;
const OFFSET_TIME_ORIGINAL: u16 = 0x9011;

/// Exif as TIFF: numbers in the byte order it begins with.
struct Tiff<'b> {
    bytes: &'b [u8],
    is_little: bool,
}

impl<'b> Tiff<'b> {
    fn new(bytes: &'b [u8]) -> Option<Self> {
        let is_little = match bytes.get(..4)? {
            b"II\x2a\0" => true,
            b"MM\0\x2a" => false,
            _ => return None,
        };
        Some(Self { bytes, is_little })
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes: [u8; 2] = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<usize> {
        let bytes: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }).ok()
    }

    /// Where the entry of a tag lies in a directory.
    fn entry(&self, directory: usize, tag: u16) -> Option<usize> {
        let count = usize::from(self.u16(directory)?);
        let mut places = (0..count).map_while(|i| directory.checked_add(2 + 12 * i));
        places.find(|at| self.u16(*at) == Some(tag))
    }

    /// A short text, without the zero at its end.
    fn text(&self, directory: usize, tag: u16) -> Option<&'b str> {
        let entry = self.entry(directory, tag)?;
        let length = self.u32(entry.checked_add(4)?)?;
        let at = if length <= 4 { entry.checked_add(8)? } else { self.u32(entry.checked_add(8)?)? };
        let text = std::str::from_utf8(self.bytes.get(at..at.checked_add(length)?)?).ok()?;
        Some(text.trim_end_matches('\0').trim())
    }
}

fn taken(bytes: &[u8], zone: &str) -> Option<i64> {
    let tiff = Tiff::new(bytes)?;
    let directory = tiff.u32(tiff.entry(tiff.u32(4)?, EXIF_IFD)?.checked_add(8)?)?;
    let text = tiff.text(directory, DATE_TIME_ORIGINAL)?;
    let local = DateTime::strptime("%Y:%m:%d %H:%M:%S", text).ok()?;
    let own = tiff.text(directory, OFFSET_TIME_ORIGINAL).and_then(offset);
    let zone = match own {
        Some(offset) => TimeZone::fixed(offset),
        None => TimeZoneDatabase::bundled().get(zone).ok()?,
    };
    Some(local.to_zoned(zone).ok()?.timestamp().as_millisecond())
}

/// `+08:00`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let is_one = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().filter(|_| is_one)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Exif with a time, in either byte order, with an offset or without.
    fn exif(time: &str, offset: Option<&str>, is_little: bool) -> Vec<u8> {
        let n16 = |n: u16| if is_little { n.to_le_bytes() } else { n.to_be_bytes() };
        let n32 = |n: u32| if is_little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut out = if is_little { b"II\x2a\0".to_vec() } else { b"MM\0\x2a".to_vec() };
        let entry = |tag: u16, kind: u16, count: u32, value: u32| {
            [&n16(tag)[..], &n16(kind)[..], &n32(count)[..], &n32(value)[..]].concat()
        };
        out.extend(n32(8));
        // IFD0: one entry, the pointer to Exif's own; then no further directory.
        out.extend(n16(1));
        out.extend(entry(EXIF_IFD, 4, 1, 26));
        out.extend(n32(0));
        let texts: Vec<(u16, Vec<u8>)> = [(DATE_TIME_ORIGINAL, Some(time)), (OFFSET_TIME_ORIGINAL, offset)]
            .into_iter()
            .filter_map(|(tag, text)| Some((tag, format!("{}\0", text?).into_bytes())))
            .collect();
        out.extend(n16(texts.len() as u16));
        let mut place = 26 + 2 + 12 * texts.len() as u32 + 4;
        for (tag, text) in &texts {
            out.extend(entry(*tag, 2, text.len() as u32, place));
            place += text.len() as u32;
        }
        out.extend(n32(0));
        texts.iter().for_each(|(_, text)| out.extend(text));
        out
    }

    fn jpeg_of(exif: &[u8]) -> Vec<u8> {
        let segment =
            |marker: u8, body: &[u8]| [&[0xFF, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat();
        let app1 = if exif.is_empty() { Vec::new() } else { segment(0xE1, &[EXIF, exif].concat()) };
        [
            &[0xFF, 0xD8][..],
            &segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"),
            &app1,
            &segment(0xDA, b"\0"),
            b"picture",
            &[0xFF, 0xD9],
        ]
        .concat()
    }

    /// A small JPEG that says when it was taken.
    pub(crate) fn jpeg(time: &str) -> Vec<u8> {
        jpeg_of(&exif(time, None, true))
    }

    fn png(exif: &[u8]) -> Vec<u8> {
        let chunk = |kind: &[u8], body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], kind, body, b"crc_"].concat();
        [PNG, &chunk(b"IHDR", &[0; 13]), &chunk(b"eXIf", exif), &chunk(b"IEND", b"")].concat()
    }

    /// 2026-03-02 09:05:07 in Shanghai.
    const AT: i64 = 1_772_413_507_000;
    const TIME: &str = "2026:03:02 09:05:07";

    #[test]
    fn a_photo_says_when_it_was_taken() {
        for is_little in [true, false] {
            for file in [jpeg_of(&exif(TIME, None, is_little)), png(&exif(TIME, None, is_little))] {
                assert_eq!(taken_ms(&file, "Asia/Shanghai"), Ok(AT));
            }
            // What the camera says of its zone holds, wherever the site is.
            assert_eq!(taken_ms(&jpeg_of(&exif(TIME, Some("+08:00"), is_little)), "Europe/Berlin"), Ok(AT));
            assert_eq!(
                taken_ms(&jpeg_of(&exif(TIME, Some("-01:30"), is_little)), "Asia/Shanghai"),
                Ok(AT + 34_200_000)
            );
        }
        assert_eq!(media(&jpeg(TIME)), Ok("image/jpeg"));
        assert_eq!(media(&png(b"")), Ok("image/png"));
    }

    #[test]
    fn a_photo_without_time_or_in_another_format_is_refused_with_what_to_do() {
        let words = |bytes: &[u8]| taken_ms(bytes, "Asia/Shanghai").unwrap_err().to_string();
        for file in [
            jpeg_of(b""),
            png(b""),
            jpeg_of(&exif("    :  :     :  :  ", None, true)),
            jpeg_of(&exif("2026:13:02 09:05:07", None, true)),
        ] {
            let said = words(&file);
            assert!(
                said.contains("has no time of its own") && said.contains("take it with the phone's camera"),
                "{said}"
            );
            assert!(said.contains("照片中没有拍摄时间") && said.contains("已填写的内容仍在"), "{said}");
        }
        let heic = words(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
        assert!(heic.contains("HEIC photos are not taken") && heic.contains("不支持 HEIC 格式"), "{heic}");
        for other in [&b"GIF89a"[..], b"", b"%PDF-1.7"] {
            let said = words(other);
            assert!(said.contains("no whole JPEG or PNG") && said.contains("不是完整的 JPEG 或 PNG 照片"), "{said}");
        }
        let mut large = jpeg(TIME);
        large.resize(BYTES_MAX + 1, 0);
        let said = words(&large);
        assert!(said.contains("larger than 6 MB") && said.contains("照片超过 6 MB"), "{said}");
    }

    proptest! {
        /// Bytes that are cut or changed anywhere are read or refused, never a panic.
        #[test]
        fn hostile_bytes_are_only_refused(cut in 0_usize..400, at in 0_usize..400, byte: u8, little: bool, is_png: bool) {
            let exif = exif(TIME, Some("+08:00"), little);
            let mut file = if is_png { png(&exif) } else { jpeg_of(&exif) };
            if let Some(place) = file.get_mut(at) {
                *place = byte;
            }
            file.truncate(cut);
            let _ = taken_ms(&file, "Asia/Shanghai");
        }
    }
}
