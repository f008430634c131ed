//! The languages the platform offers.

/// A language, by its place in the platform's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Language(u8);

/// Number of languages the platform offers.
pub(crate) const LANGUAGE_COUNT: usize = 5;

/// Code and JSON of each; the ids of `nl` and `en` are those seen live (lightspeed-ecom.md §3.2).
const LANGUAGES: [(&str, &str); LANGUAGE_COUNT] = [
    (
        "nl",
        r#"{"id":1,"code":"nl","locale":"nl_NL","title":"Nederlands"}"#,
    ),
    ("de", r#"{"id":2,"code":"de","locale":"de_DE","title":"Deutsch"}"#),
    ("en", r#"{"id":3,"code":"en","locale":"en_GB","title":"English"}"#),
    (
        "fr",
        r#"{"id":4,"code":"fr","locale":"fr_FR","title":"Fran\u00e7ais"}"#,
    ),
    (
        "us",
        r#"{"id":12,"code":"us","locale":"en_US","title":"English (US)"}"#,
    ),
];

impl Language {
    /// Finds the language with this code, whatever its case.
    pub(crate) fn of(code: &str) -> Option<Self> {
        let at = LANGUAGES
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(code))?;
        u8::try_from(at).ok().map(Self)
    }

    /// Returns the two-letter code.
    pub(crate) fn code(self) -> &'static str {
        LANGUAGES[self.place()].0
    }

    /// Returns its place in the platform's list, below [`LANGUAGE_COUNT`].
    pub(crate) fn place(self) -> usize {
        usize::from(self.0)
    }

    /// Returns the object that records carry.
    pub(crate) fn json(self) -> &'static str {
        LANGUAGES[self.place()].1
    }

    /// Returns the element of the list of languages of a shop.
    pub(crate) fn json_of_shop(self, is_default: bool, is_active: bool) -> String {
        let flags = format!(r#","isActive":{is_active},"isDefault":{is_default},"code""#);
        self.json().replacen(r#","code""#, &flags, 1)
    }
}
