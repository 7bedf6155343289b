//! Words of the pages, in the reader's language.
//!
//! Constraints first:
//! - Every word a reader sees on a page lives in `locales/{zh-CN,en}.ftl`; templates and page code name keys only, so
//!   that a translator never opens a Rust file and no page is half translated.
//! - Both locales are complete. A key that is missing shows as `⟦key⟧`, which a test looks for on every page, and another
//!   test compares the two files and the keys the sources use.
//! - Digests, ids, file names and units are not words: they look the same in every language.

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// A language the pages speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lang {
    /// Simplified Chinese, the default.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Every language, default first.
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// The BCP 47 tag for the `lang` attribute.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// The language a tag such as `zh`, `zh-Hans-CN` or `en_GB` asks for, if it is one of ours.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        match tag.trim().split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// Chooses the language: the reader's own choice (cookie) first, then what the browser prefers, then Chinese.
    #[must_use]
    pub fn negotiate(cookie: Option<&str>, accept_language: Option<&str>) -> Self {
        if let Some(chosen) = cookie.and_then(Self::parse) {
            return chosen;
        }
        let mut best: Option<(u32, Self)> = None;
        // Sixteen entries are more than any browser sends; the header is bytes from outside.
        for entry in accept_language.unwrap_or_default().split(',').take(16) {
            let mut parts = entry.split(';');
            let Some(lang) = parts.next().and_then(Self::parse) else { continue };
            let weight = parts
                .find_map(|p| p.trim().strip_prefix("q="))
                .and_then(|q| q.parse::<f32>().ok())
                .map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u32);
            if weight > 0 && best.is_none_or(|(w, _)| weight > w) {
                best = Some((weight, lang));
            }
        }
        best.map_or(Self::Zh, |(_, lang)| lang)
    }

    /// The words in this language.
    #[must_use]
    pub fn texts(self) -> &'static Texts {
        match self {
            Self::Zh => &ZH,
            Self::En => &EN,
        }
    }
}

/// The Chinese locale file.
pub const ZH_FTL: &str = include_str!("../../locales/zh-CN.ftl");
/// The English locale file.
pub const EN_FTL: &str = include_str!("../../locales/en.ftl");

static ZH: LazyLock<Texts> = LazyLock::new(|| Texts::load(Lang::Zh, ZH_FTL));
static EN: LazyLock<Texts> = LazyLock::new(|| Texts::load(Lang::En, EN_FTL));

/// All words in one language.
pub struct Texts {
    lang: Lang,
    bundle: FluentBundle<FluentResource>,
}

/// Something that can be put into a sentence: a number (which may decide singular or plural) or a text.
pub trait Word {
    /// The value as Fluent sees it.
    fn word(&self) -> FluentValue<'_>;
}

impl Word for str {
    fn word(&self) -> FluentValue<'_> {
        FluentValue::String(Cow::Borrowed(self))
    }
}
impl Word for String {
    fn word(&self) -> FluentValue<'_> {
        FluentValue::String(Cow::Borrowed(self))
    }
}
impl<T: Word + ?Sized> Word for &T {
    fn word(&self) -> FluentValue<'_> {
        (**self).word()
    }
}
macro_rules! number_word {
    ($($t:ty),*) => { $(impl Word for $t {
        fn word(&self) -> FluentValue<'_> { FluentValue::from(*self) }
    })* };
}
number_word!(i32, i64, u32, u64, usize);

impl Texts {
    fn load(lang: Lang, source: &str) -> Self {
        // Our own two tags parse; an undetermined language would only change number formats, which `format` makes.
        let id = lang.tag().parse::<LanguageIdentifier>().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Isolation marks are for mixed writing directions; here they would only break copied digests.
        bundle.set_use_isolating(false);
        // The files are compiled in and a test parses them strictly, so what parses is all there is.
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
        Self { lang, bundle }
    }

    /// The language of these words.
    #[must_use]
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// The text of a key.
    #[must_use]
    pub fn s(&self, key: &str) -> String {
        self.format(key, &FluentArgs::new())
    }

    /// A sentence with one blank filled in.
    #[must_use]
    pub fn f1(&self, key: &str, name: &str, value: impl Word) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.word());
        self.format(key, &args)
    }

    /// A sentence with several blanks filled in.
    #[must_use]
    pub fn f(&self, key: &str, values: &[(&str, &dyn Word)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, value.word());
        }
        self.format(key, &args)
    }

    /// Whether the key exists.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.bundle.get_message(key).is_some_and(|m| m.value().is_some())
    }

    fn format(&self, key: &str, args: &FluentArgs<'_>) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|m| m.value()) else {
            return format!("⟦{key}⟧");
        };
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
        if errors.is_empty() { text } else { format!("⟦{key}: {text}⟧") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_choice_beats_the_browser_and_chinese_is_the_default() {
        let cases = [
            (Some("en"), Some("zh-CN"), Lang::En),
            (None, Some("en-GB,en;q=0.8,zh;q=0.5"), Lang::En),
            (None, Some("fr,zh;q=0.4,en;q=0.9"), Lang::En),
            (None, Some("fr;q=1,de"), Lang::Zh),
            (Some("xx"), Some("en;q=0"), Lang::Zh),
            (None, None, Lang::Zh),
        ];
        for (cookie, accept, want) in cases {
            assert_eq!(Lang::negotiate(cookie, accept), want, "{cookie:?} {accept:?}");
        }
    }

    #[test]
    fn locale_files_parse_without_a_single_error() {
        for (lang, source) in [("zh-CN", ZH_FTL), ("en", EN_FTL)] {
            if let Err((_, errors)) = FluentResource::try_new(source.to_owned()) {
                panic!("{lang}: {errors:?}");
            }
        }
    }
}
