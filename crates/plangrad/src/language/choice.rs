//! Which language: the option, else what the environment says.

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;

/// The language of texts for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Language {
    /// English.
    #[default]
    #[value(name = "en", help = None)]
    English,
    /// 简体中文.
    #[value(name = "zh", help = None)]
    Chinese,
}

/// Variables of the environment that name a language, the strongest first.
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

static IS_CHINESE: AtomicBool = AtomicBool::new(false);

impl Language {
    /// The language of this process.
    #[must_use]
    pub fn current() -> Language {
        if IS_CHINESE.load(Ordering::Relaxed) { Language::Chinese } else { Language::English }
    }

    /// Speaks this language from now on, in the whole process.
    pub(crate) fn speak(self) {
        IS_CHINESE.store(self == Language::Chinese, Ordering::Relaxed);
    }

    /// That of a command line which is not parsed yet, and in whose language it may be answered.
    pub(crate) fn asked_for(arguments: &[OsString]) -> Language {
        let options = || arguments.iter().take_while(|argument| *argument != "--");
        let follows = options().zip(options().skip(1)).find(|(option, _)| *option == "--lang");
        let joined = options().find_map(|option| option.to_str()?.strip_prefix("--lang="));
        match follows.and_then(|(_, value)| value.to_str()).or(joined) {
            Some(name) => Language::from_str(name, false).unwrap_or_default(),
            None => Language::of_environment(&|name| std::env::var(name).ok()),
        }
    }

    /// The variable that is set first decides. 繁體中文 is another language; other encodings than UTF-8 cannot be written.
    fn of_environment(variable: &dyn Fn(&str) -> Option<String>) -> Language {
        let locale = VARIABLES.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let locale = locale.unwrap_or_default().to_lowercase();
        let (name, encoding) = locale.split_once('.').unwrap_or((&locale, "utf-8"));
        let is_chinese = ["zh", "zh_cn", "zh_sg", "zh_hans"].contains(&name);
        let is_utf8 = ["utf-8", "utf8"].iter().any(|utf8| encoding.starts_with(utf8));
        if is_chinese && is_utf8 { Language::Chinese } else { Language::English }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    fn of(variables: &[(&str, &str)]) -> Language {
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Language::of_environment(&value)
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Language::Chinese);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C.UTF-8")]), Language::English);
        assert_eq!(
            of(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", ""), ("LC_MESSAGES", "zh_SG.utf8")]),
            Language::Chinese
        );
        for other in ["", "C", "en_GB.UTF-8", "zh_TW.UTF-8", "zh_CN.GBK", "zhx"] {
            assert_eq!(of(&[("LANG", other)]), Language::English, "{other}");
        }
    }

    #[test]
    fn the_option_is_found_before_the_command_line_is_parsed() {
        let asked = |text: &str| Language::asked_for(&text.split(' ').map(Into::into).collect::<Vec<_>>());
        assert_eq!(asked("plangrad train --lang zh --help"), Language::Chinese);
        assert_eq!(asked("plangrad --lang=zh train"), Language::Chinese);
        assert_eq!(asked("plangrad train --lang en"), Language::English);
        assert_eq!(asked("plangrad train --lang klingon"), Language::English);
    }
}
