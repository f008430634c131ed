//! Words that people and addresses are invented from.

/// Where a person lives decides the words.
pub(super) struct Land {
    /// Two-letter code of the country.
    pub(super) country: &'static str,
    /// Language of the account.
    pub(super) language: &'static str,
    pub(super) women: &'static [&'static str],
    pub(super) men: &'static [&'static str],
    /// Prepositions between first and last name; the empty one is the most common.
    pub(super) prepositions: &'static [&'static str],
    pub(super) lastnames: &'static [&'static str],
    pub(super) streets: &'static [&'static str],
    /// City, and what its postcode begins with.
    pub(super) cities: &'static [(&'static str, &'static str)],
    pub(super) extensions: &'static [&'static str],
    pub(super) phone: &'static str,
}

/// The Netherlands.
pub(super) static NL: Land = Land {
    country: "nl",
    language: "nl",
    women: &[
        "Fenna",
        "Zo\u{eb}",
        "Roos",
        "Marijke",
        "Saskia",
        "Lotte",
        "Ren\u{e9}e",
        "Noor",
        "Tjitske",
        "Hannah",
    ],
    men: &[
        "Bram",
        "Daan",
        "Koen",
        "Jo\u{eb}l",
        "Sietse",
        "Wouter",
        "Ruben",
        "Andr\u{e9}",
        "Thijs",
        "Gijs",
    ],
    prepositions: &["", "", "", "van", "de", "van der", "van den", "ter", "'t"],
    lastnames: &[
        "Molenaar", "Dijkstra", "Waard", "Bosch", "Smit", "Haan", "Linden", "Ploeg", "Wit", "Heuvel",
    ],
    streets: &[
        "Lindelaan",
        "Kerkstraat",
        "'s-Gravenweg",
        "Oude Haven",
        "Molenpad",
        "Burg. Co\u{eb}rtslaan",
    ],
    cities: &[
        ("Utrecht", "35"),
        ("Zwolle", "80"),
        ("Nijmegen", "65"),
        ("'s-Hertogenbosch", "52"),
        ("IJlst", "86"),
    ],
    extensions: &["", "", "", "", "A", "bis", "2-hoog", "III"],
    phone: "+31 6 ",
};

/// Belgium.
pub(super) static BE: Land = Land {
    country: "be",
    language: "nl",
    women: &["An", "Greet", "H\u{e9}l\u{e8}ne", "Fien", "Axelle", "Elke"],
    men: &["Pieter-Jan", "Jef", "St\u{e9}phane", "Wannes", "Dries", "Luc"],
    prepositions: &["", "", "", "Van", "De", "Vanden"],
    lastnames: &["Peeters", "Claes", "Wouters", "Maes", "Dupr\u{e9}", "Goossens"],
    streets: &[
        "Grote Markt",
        "Stationsstraat",
        "Rue de l'\u{c9}glise",
        "Veldstraat",
    ],
    cities: &[
        ("Gent", "90"),
        ("Antwerpen", "20"),
        ("Leuven", "30"),
        ("Li\u{e8}ge", "40"),
    ],
    extensions: &["", "", "", "bus 3", "bus 12"],
    phone: "+32 470 ",
};

/// Germany.
pub(super) static DE: Land = Land {
    country: "de",
    language: "de",
    women: &[
        "J\u{fc}rgine",
        "Anke",
        "S\u{f6}nke",
        "Birgit",
        "K\u{e4}the",
        "Heike",
    ],
    men: &[
        "J\u{fc}rgen",
        "G\u{fc}nther",
        "Bj\u{f6}rn",
        "Lars",
        "Matthias",
        "Uwe",
    ],
    prepositions: &["", "", "", "", "von", "zu"],
    lastnames: &[
        "M\u{fc}ller",
        "Sch\u{e4}fer",
        "Wei\u{df}",
        "Krau\u{df}e",
        "B\u{f6}hm",
        "Vogel",
    ],
    streets: &[
        "Hauptstra\u{df}e",
        "Am M\u{fc}hlenbach",
        "Lindenallee",
        "Bahnhofstra\u{df}e",
    ],
    cities: &[
        ("K\u{f6}ln", "506"),
        ("M\u{fc}nster", "481"),
        ("Berlin", "101"),
        ("Aachen", "520"),
    ],
    extensions: &["", "", "", "a", "b"],
    phone: "+49 151 ",
};
