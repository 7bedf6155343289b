//! What the command line says when it cannot go on: in Chinese and in English.
//!
//! The language follows `--lang`, then `GZ_LANG`, then Chinese exactly when the system's `LANG` starts with `zh`, like the other programs.

/// The language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// Simplified Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Reads `zh`, `zh-CN`, `zh_CN.UTF-8`, `en`, …
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().split(['-', '_', '.']).next() {
            Some("zh" | "cn") => Some(Self::Zh),
            Some("en") => Some(Self::En),
            _ => None,
        }
    }

    /// The flag, else what the environment's `GZ_LANG` and `LANG` say.
    pub fn choose(flag: Option<Self>, gz_lang: Option<&str>, lang: Option<&str>) -> Self {
        flag.or_else(|| gz_lang.and_then(Self::parse)).or_else(|| lang.and_then(Self::parse)).unwrap_or(Self::En)
    }
}

/// One statement in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en)
    }
}

impl std::error::Error for Told {}

/// `told!("中文 {x}", "English {x}")`: a [`Told`] with both texts formatted from the same captured values.
#[macro_export]
macro_rules! told {
    ($zh:literal, $en:literal $(,)?) => {
        $crate::told::Told { zh: format!($zh), en: format!($en) }
    };
}

/// An error on one line: what was told in `lang`, then the causes behind it as the system gives them.
pub fn explain(error: &anyhow::Error, lang: Lang) -> String {
    let Some(told) = error.downcast_ref::<Told>() else { return format!("{error:#}") };
    let mut line = match lang {
        Lang::Zh => told.zh.clone(),
        Lang::En => told.en.clone(),
    };
    for cause in error.chain().skip(1) {
        let separator = if lang == Lang::Zh { "：" } else { ": " };
        line = format!("{line}{separator}{cause}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_then_gz_lang_then_the_system() {
        let choose = Lang::choose;
        assert_eq!(choose(Some(Lang::En), Some("zh"), Some("zh_CN.UTF-8")), Lang::En);
        assert_eq!(choose(None, Some("zh-CN"), Some("C")), Lang::Zh);
        assert_eq!(choose(None, None, Some("zh_CN.UTF-8")), Lang::Zh);
        assert_eq!(choose(None, Some("klingon"), None), Lang::En);
    }

    #[test]
    fn an_error_is_told_in_one_language_with_its_cause() {
        let path = "x.json";
        let cause = std::io::Error::other("no such place");
        let error = anyhow::Error::new(cause).context(told!("读不了 {path}", "cannot read {path}"));
        assert_eq!(explain(&error, Lang::Zh), "读不了 x.json：no such place");
        assert_eq!(explain(&error, Lang::En), "cannot read x.json: no such place");
        assert_eq!(explain(&anyhow::anyhow!("bare"), Lang::Zh), "bare");
    }
}
