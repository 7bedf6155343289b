//! The two languages of the agent: Chinese and English.
//!
//! Constraints: every sentence a person may read exists in both languages and is written where it is needed, so that a message and
//! the code that decides on it cannot drift apart. Texts are data ([`Words`]); the language is chosen once, at the edge, by whoever
//! prints. Log lines for machines are English only.

/// The language of everything printed for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Lang {
    /// Simplified Chinese (zh-CN).
    Zh,
    /// English.
    #[default]
    En,
}

impl Lang {
    /// Reads a language name: `zh`, `zh-CN`, `zh_CN.UTF-8`, `en`, …; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let primary = name.split(['-', '_', '.']).next().unwrap_or_default();
        match primary {
            "zh" | "cn" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// Chooses the language: the `--lang` flag first, then `GZ_LANG`, then the configuration file, then Chinese exactly when the
    /// system's `LANG` starts with `zh`, else English.
    pub fn choose(flag: Option<Self>, gz_lang: Option<&str>, configured: Option<Self>, lang: Option<&str>) -> Self {
        flag.or_else(|| gz_lang.and_then(Self::parse)).or(configured).unwrap_or_else(|| {
            match lang.and_then(Self::parse) {
                Some(Self::Zh) => Self::Zh,
                _ => Self::En,
            }
        })
    }

    /// The short name: `zh` or `en`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The BCP 47 tag for HTML: `zh-CN` or `en`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// The text of this language.
    pub fn pick(self, zh: &'static str, en: &'static str) -> &'static str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// One statement in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Words {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Words {
    /// Both languages of one statement.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// The text of `lang`.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

impl std::fmt::Display for Words {
    /// English, for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en)
    }
}

/// `words!("中文 {x}", "English {x}")`: a [`Words`] with both texts formatted from the same captured values.
macro_rules! words {
    ($zh:literal, $en:literal $(,)?) => {
        $crate::locale::Words { zh: format!($zh), en: format!($en) }
    };
    ($zh:literal, $en:literal, $($value:expr),+ $(,)?) => {
        $crate::locale::Words { zh: format!($zh, $($value),+), en: format!($en, $($value),+) }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_then_the_environment_then_the_file_then_the_system() {
        let choose = Lang::choose;
        assert_eq!(choose(Some(Lang::En), Some("zh"), Some(Lang::Zh), Some("zh_CN.UTF-8")), Lang::En);
        assert_eq!(choose(None, Some("zh"), Some(Lang::En), Some("en_US.UTF-8")), Lang::Zh);
        assert_eq!(choose(None, None, Some(Lang::En), Some("zh_CN.UTF-8")), Lang::En);
        assert_eq!(choose(None, None, None, Some("zh_CN.UTF-8")), Lang::Zh);
        assert_eq!(choose(None, None, None, Some("C.UTF-8")), Lang::En);
        assert_eq!(choose(None, Some("klingon"), None, None), Lang::En);
    }

    #[test]
    fn words_format_both_languages_from_the_same_values() {
        let n = 3;
        let w = words!("{n} 台设备", "{n} devices");
        assert_eq!((w.get(Lang::Zh), w.get(Lang::En)), ("3 台设备", "3 devices"));
    }
}
