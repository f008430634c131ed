//! Problems with data are data: repaired by a stated rule, or set aside with a reason.

use serde::{Deserialize, Serialize};

/// What the hub did about a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The value was repaired or left out by a stated rule; the record goes on.
    Repaired,
    /// The event or record is set aside until a person releases it.
    Quarantined,
}

/// A language of the hub's readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Dutch.
    Nl,
    /// English.
    En,
    /// German.
    De,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $severity:ident, $nl:literal, $en:literal, $de:literal;)*) => {
        /// The closed list of what can be wrong with data, each with a code and a text in three languages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code that pages, logs and tables show.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Whether the value was repaired or the record set aside.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// The sentence for a reader of `language`.
            #[must_use]
            pub const fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::Nl) => $nl,
                      (Self::$name, Language::En) => $en,
                      (Self::$name, Language::De) => $de,)*
                }
            }
        }
    };
}

codes! {
    /// The body is no JSON, or breaks a limit on depth, size, keys or characters.
    BadJson, "bad_json", Quarantined,
        "Het bericht is geen geldige JSON of overschrijdt een grens",
        "The message is not valid JSON or exceeds a limit",
        "Die Nachricht ist kein gültiges JSON oder überschreitet eine Grenze";
    /// The body does not have the shape that the reference describes.
    BadShape, "bad_shape", Quarantined,
        "Het bericht heeft niet de verwachte vorm",
        "The message does not have the expected shape",
        "Die Nachricht hat nicht die erwartete Form";
    /// The event is of an item group that is in no list of ours.
    UnknownItemGroup, "unknown_item_group", Quarantined,
        "Het bericht gaat over een onderdeel van de winkel dat deze versie niet kent",
        "The message is about a part of the shop that this version does not know",
        "Die Nachricht betrifft einen Bereich des Shops, den diese Version nicht kennt";
    /// The record has no usable id.
    NoId, "no_id", Quarantined,
        "Het record heeft geen bruikbaar nummer",
        "The record has no usable id",
        "Der Datensatz hat keine brauchbare Nummer";
    /// The id in the header and the one in the body differ.
    IdMismatch, "id_mismatch", Quarantined,
        "Het nummer in de kop en in het bericht verschillen",
        "The id in the header and the id in the body differ",
        "Die Nummer im Kopf und in der Nachricht sind verschieden";
    /// The record has no time of last change, so no version.
    NoVersion, "no_version", Quarantined,
        "Het record heeft geen tijd van laatste wijziging",
        "The record has no time of last change",
        "Der Datensatz hat keine Zeit der letzten Änderung";
    /// An order names neither a customer nor an e-mail address.
    OrderWithoutPerson, "order_without_person", Quarantined,
        "De bestelling noemt geen klant en geen e-mailadres",
        "The order names neither a customer nor an e-mail address",
        "Die Bestellung nennt weder einen Kunden noch eine E-Mail-Adresse";
    /// An order has more rows than the bound.
    TooManyRows, "too_many_rows", Quarantined,
        "De bestelling heeft te veel regels",
        "The order has too many rows",
        "Die Bestellung hat zu viele Zeilen";
    /// Processing the event failed repeatedly for a reason of our own.
    Poison, "poison", Quarantined,
        "Verwerken mislukte herhaaldelijk",
        "Processing failed repeatedly",
        "Die Verarbeitung schlug wiederholt fehl";
    /// What the inbox holds of the event is not what was received.
    Damaged, "damaged", Quarantined,
        "Het bewaarde bericht is beschadigd en niet meer wat is ontvangen",
        "The stored message is damaged and no longer what was received",
        "Die gespeicherte Nachricht ist beschädigt und nicht mehr das, was ankam";
    /// A text was longer than its field and was cut.
    Cut, "cut", Repaired,
        "De tekst is ingekort tot de lengte van het veld",
        "The text was cut to the length of the field",
        "Der Text wurde auf die Länge des Feldes gekürzt";
    /// A key, code, hash or URL was too long and was left out.
    LeftOut, "left_out", Repaired,
        "De waarde past niet in het veld en is weggelaten",
        "The value does not fit the field and was left out",
        "Der Wert passt nicht in das Feld und wurde weggelassen";
    /// The e-mail address is not one.
    BadEmail, "bad_email", Repaired,
        "Het e-mailadres is ongeldig en is weggelaten",
        "The e-mail address is invalid and was left out",
        "Die E-Mail-Adresse ist ungültig und wurde weggelassen";
    /// A date that does not exist was left out.
    BadDate, "bad_date", Repaired,
        "De datum bestaat niet en is weggelaten",
        "The date does not exist and was left out",
        "Das Datum existiert nicht und wurde weggelassen";
    /// A time could not be read and was left out.
    BadTime, "bad_time", Repaired,
        "Het tijdstip is onleesbaar en is weggelaten",
        "The time is unreadable and was left out",
        "Die Zeit ist unlesbar und wurde weggelassen";
    /// A number could not be read and was left out.
    BadNumber, "bad_number", Repaired,
        "Het getal is onleesbaar en is weggelaten",
        "The number is unreadable and was left out",
        "Die Zahl ist unlesbar und wurde weggelassen";
    /// A price is below zero; it is passed on as it is.
    NegativePrice, "negative_price", Repaired,
        "De prijs is negatief en is ongewijzigd doorgegeven",
        "The price is negative and was passed on as it is",
        "Der Preis ist negativ und wurde unverändert weitergegeben";
    /// The country code does not exist.
    UnknownCountry, "unknown_country", Repaired,
        "De landcode bestaat niet en is weggelaten",
        "The country code does not exist and was left out",
        "Der Ländercode existiert nicht und wurde weggelassen";
    /// The language code does not exist.
    UnknownLanguage, "unknown_language", Repaired,
        "De taalcode bestaat niet en is weggelaten",
        "The language code does not exist and was left out",
        "Der Sprachcode existiert nicht und wurde weggelassen";
    /// The totals of an order do not add up; they are passed on as they are.
    TotalsDiffer, "totals_differ", Repaired,
        "De bedragen van de bestelling tellen niet op",
        "The amounts of the order do not add up",
        "Die Beträge der Bestellung ergeben nicht die Summe";
    /// A time lay in the future and was set to the moment of receipt.
    FutureTime, "future_time", Repaired,
        "Het tijdstip lag in de toekomst en is begrensd",
        "The time lay in the future and was capped",
        "Die Zeit lag in der Zukunft und wurde begrenzt";
    /// Control or direction characters were taken out of a text.
    ControlCharacters, "control_characters", Repaired,
        "Stuurtekens zijn uit de tekst verwijderd",
        "Control characters were removed from the text",
        "Steuerzeichen wurden aus dem Text entfernt";
}

/// One problem of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong.
    pub code: Code,
    /// Where, as a path in the source's words, such as `order.customer.email`. Never the value.
    pub field: String,
}

impl Problem {
    /// Notes `code` at `field`.
    #[must_use]
    pub fn new(code: Code, field: impl Into<String>) -> Self {
        Self {
            code,
            field: field.into(),
        }
    }

    /// Tells whether this problem sets the record aside.
    #[must_use]
    pub fn is_quarantine(&self) -> bool {
        self.code.severity() == Severity::Quarantined
    }
}
