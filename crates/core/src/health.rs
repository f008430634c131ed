//! What ails a connection, in words for the person who runs the hub.

use serde::Serialize;

use crate::connector::ConnectorError;
use crate::problem::Language;

/// Why nothing goes through a connection, or nothing tells of its changes: a closed list, each with a sentence in
/// three languages that follows its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ailment {
    /// No connection comes about, or no answer.
    Unreachable,
    /// The language in which it is asked is switched off there, so that it finds nothing at all.
    Language,
    /// The credentials are refused.
    Credentials,
    /// The structure is not the one that the preset needs.
    Structure,
    /// It is another shop or account than the configured one.
    NotOurs,
    /// It is another place than the one that was filled.
    Moved,
    /// It takes no more calls for now.
    Busy,
    /// Its answers cannot be used.
    Unusable,
    /// It does not let its webhooks be looked at or registered; all else may work.
    Webhooks,
    /// It has no place for a part of what it shall hold; all else goes there.
    Places,
    /// It cannot be looked who was removed there and imported again by hand; deliveries work.
    Look,
}

/// What of a connection ails: each is written down, and struck out, on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concern {
    /// Calls to it.
    Calls,
    /// That its webhooks are registered.
    Webhooks,
    /// That it has a place for everything.
    Places,
    /// Looking who was imported there by hand.
    Look,
}

impl Concern {
    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Webhooks => "webhooks",
            Self::Places => "places",
            Self::Look => "look",
        }
    }
}

impl Ailment {
    /// Every ailment.
    pub const ALL: [Self; 11] = [
        Self::Unreachable,
        Self::Language,
        Self::Credentials,
        Self::Structure,
        Self::NotOurs,
        Self::Moved,
        Self::Busy,
        Self::Unusable,
        Self::Webhooks,
        Self::Places,
        Self::Look,
    ];

    /// What of the connection ails.
    #[must_use]
    pub const fn concern(self) -> Concern {
        match self {
            Self::Webhooks => Concern::Webhooks,
            Self::Places => Concern::Places,
            Self::Look => Concern::Look,
            _ => Concern::Calls,
        }
    }

    /// Reads which one an error is a sign of.
    #[must_use]
    pub const fn of(error: &ConnectorError) -> Self {
        match error {
            ConnectorError::Unavailable(_) | ConnectorError::Uncertain(_) | ConnectorError::TimedOut(_) => {
                Self::Unreachable
            }
            ConnectorError::SwitchedOff(_) => Self::Language,
            ConnectorError::Unauthorised(_) => Self::Credentials,
            ConnectorError::Structure(_) => Self::Structure,
            ConnectorError::NotOurs(_) => Self::NotOurs,
            ConnectorError::Moved(_) => Self::Moved,
            ConnectorError::RateLimited { .. } => Self::Busy,
            ConnectorError::Rejected(_)
            | ConnectorError::Missing(_)
            | ConnectorError::Malformed(_)
            | ConnectorError::Unsupported(_) => Self::Unusable,
        }
    }

    /// The word in tables and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Language => "language",
            Self::Credentials => "credentials",
            Self::Structure => "structure",
            Self::NotOurs => "not_ours",
            Self::Moved => "moved",
            Self::Busy => "busy",
            Self::Unusable => "unusable",
            Self::Webhooks => "webhooks",
            Self::Places => "places",
            Self::Look => "look",
        }
    }

    /// Reads [`Ailment::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ailment| ailment.as_str() == text)
    }

    /// Whether it goes by itself when the other side is well again; the others wait for a person.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::Busy)
    }

    /// Whether it is about who we are there, or who they are, or in which language we ask: then one answer is enough to
    /// know it of all calls.
    #[must_use]
    pub const fn is_of_access(self) -> bool {
        matches!(
            self,
            Self::Credentials | Self::NotOurs | Self::Moved | Self::Language
        )
    }

    /// The code under which it is described, for a shop and for a mailing tool. What ails only one kind of them has the
    /// nearest code of the other.
    #[must_use]
    pub const fn codes(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreachable => ("SCH-0401", "SCH-0501"),
            Self::Credentials => ("SCH-0402", "SCH-0502"),
            Self::Busy => ("SCH-0403", "SCH-0503"),
            Self::Structure | Self::Places => ("SCH-0404", "SCH-0504"),
            Self::NotOurs => ("SCH-0406", "SCH-0506"),
            Self::Moved => ("SCH-0406", "SCH-0507"),
            Self::Unusable | Self::Webhooks | Self::Look => ("SCH-0405", "SCH-0505"),
            Self::Language => ("SCH-0408", "SCH-0505"),
        }
    }

    /// The sentence that follows the name of the connection.
    #[must_use]
    pub const fn text(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Unreachable, Language::Nl) => "is niet bereikbaar",
            (Self::Unreachable, Language::En) => "cannot be reached",
            (Self::Unreachable, Language::De) => "ist nicht erreichbar",
            (Self::Language, Language::Nl) => {
                "vindt niets, want de ingestelde taal staat daar uit; zet die aan in de winkel, of geef een actieve taal als language (SCH-0408)"
            }
            (Self::Language, Language::En) => {
                "finds nothing, because the configured language is switched off there; switch it on in the shop, or give an active one as language (SCH-0408)"
            }
            (Self::Language, Language::De) => {
                "findet nichts, weil die eingestellte Sprache dort ausgeschaltet ist; schalten Sie sie im Shop ein, oder geben Sie eine aktive als language an (SCH-0408)"
            }
            (Self::Credentials, Language::Nl) => "weigert de sleutel of het token",
            (Self::Credentials, Language::En) => "refuses the key or token",
            (Self::Credentials, Language::De) => "weist den Schlüssel oder das Token ab",
            (Self::Structure, Language::Nl) => {
                "is niet ingericht zoals nodig is; schakel setup maakt wat ontbreekt"
            }
            (Self::Structure, Language::En) => "is not set up as needed; schakel setup makes what is missing",
            (Self::Structure, Language::De) => {
                "ist nicht so eingerichtet wie nötig; schakel setup legt an, was fehlt"
            }
            (Self::NotOurs, Language::Nl) => "is een andere winkel, of bevat personen die hier ontbreken",
            (Self::NotOurs, Language::En) => "is another shop, or holds persons unknown to this database",
            (Self::NotOurs, Language::De) => "ist ein anderer Shop oder enthält hier fehlende Personen",
            (Self::Moved, Language::Nl) => {
                "is een ander account of een andere database dan die is gevuld, dus er wordt niets geleverd; stel de vorige weer in, of laat alles opnieuw leveren met schakel setup --move (SCH-0507)"
            }
            (Self::Moved, Language::En) => {
                "is another account or database than the one that was filled, so nothing is delivered; configure the former one again, or let everything be delivered anew by schakel setup --move (SCH-0507)"
            }
            (Self::Moved, Language::De) => {
                "ist ein anderes Konto oder eine andere Datenbank als die gefüllte, also wird nichts geliefert; stellen Sie die vorige wieder ein, oder lassen Sie mit schakel setup --move alles neu liefern (SCH-0507)"
            }
            (Self::Busy, Language::Nl) => "neemt nu geen aanroepen meer aan",
            (Self::Busy, Language::En) => "takes no more calls for now",
            (Self::Busy, Language::De) => "nimmt zurzeit keine Aufrufe mehr an",
            (Self::Unusable, Language::Nl) => "geeft antwoorden die niet te gebruiken zijn",
            (Self::Unusable, Language::En) => "gives answers that cannot be used",
            (Self::Unusable, Language::De) => "gibt Antworten, die nicht zu gebrauchen sind",
            (Self::Webhooks, Language::Nl) => {
                "laat niet toe dat zijn webhooks bekeken of aangemeld worden; wat verandert wordt nu en dan uit de lijsten gelezen"
            }
            (Self::Webhooks, Language::En) => {
                "does not let its webhooks be looked at or registered; what changes is read from the lists now and then"
            }
            (Self::Webhooks, Language::De) => {
                "lässt nicht zu, dass seine Webhooks angesehen oder angemeldet werden; was sich ändert, wird ab und zu aus den Listen gelesen"
            }
            (Self::Places, Language::Nl) => {
                "heeft nog geen plek voor een deel van de gegevens, dat wacht; de rest wordt geleverd; schakel setup maakt wat ontbreekt (SCH-0504)"
            }
            (Self::Places, Language::En) => {
                "has no place yet for a part of the data, which waits; the rest is delivered; schakel setup makes what is missing (SCH-0504)"
            }
            (Self::Places, Language::De) => {
                "hat noch keinen Platz für einen Teil der Daten, der wartet; der Rest wird geliefert; schakel setup legt an, was fehlt (SCH-0504)"
            }
            (Self::Look, Language::Nl) => {
                "laat niet zien welke profielen met de hand zijn verwijderd en weer geïmporteerd; bestellingen daarvan staan zolang mogelijk onder het oude profiel; de rest wordt geleverd (SCH-0505)"
            }
            (Self::Look, Language::En) => {
                "does not show which profiles were removed and imported again by hand; their orders may stand under the former profile until it does; the rest is delivered (SCH-0505)"
            }
            (Self::Look, Language::De) => {
                "zeigt nicht, welche Profile von Hand entfernt und wieder importiert wurden; deren Bestellungen stehen so lange womöglich unter dem früheren Profil; der Rest wird geliefert (SCH-0505)"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ailment_is_read_back_and_has_a_sentence_of_its_own() {
        for language in [Language::Nl, Language::En, Language::De] {
            let mut texts: Vec<&str> = Ailment::ALL.map(|ailment| ailment.text(language)).to_vec();
            texts.sort_unstable();
            texts.dedup();
            assert_eq!(texts.len(), Ailment::ALL.len());
        }
        for ailment in Ailment::ALL {
            assert_eq!(Ailment::parse(ailment.as_str()), Some(ailment));
        }
        assert_eq!(Ailment::parse("well"), None);
    }
}
