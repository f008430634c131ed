//! The words of the pages in Dutch, English and German.

use schakel_core::problem::Language;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $nl:literal, $en:literal, $de:literal;)*) => {
        /// Every word and sentence of the pages, in one language.
        #[derive(Debug)]
        pub(super) struct Words {
            /// The language itself.
            pub language: Language,
            $($(#[$doc])* pub $name: &'static str,)*
        }

        const NL: Words = Words { language: Language::Nl, $($name: $nl,)* };
        const EN: Words = Words { language: Language::En, $($name: $en,)* };
        const DE: Words = Words { language: Language::De, $($name: $de,)* };
    };
}

words! {
    /// Code of the language.
    code: "nl", "en", "de";
    /// Title of the page.
    title: "Stand van zaken", "Status", "Stand der Dinge";
    /// Everything is in order and delivered.
    all_well: "Alles is bijgewerkt.", "Everything is up to date.", "Alles ist auf dem neuesten Stand.";
    /// The database does not answer.
    unavailable: "De database antwoordt niet. Webhooks worden geweigerd en komen later opnieuw; alles gaat vanzelf verder zodra de database er weer is.", "The database does not answer. Webhooks are refused and come again later; everything goes on by itself once the database is back.", "Die Datenbank antwortet nicht. Webhooks werden abgewiesen und kommen später wieder; alles geht von selbst weiter, sobald die Datenbank wieder da ist.";
    /// The file of the database is damaged.
    damaged: "Het bestand van de database is beschadigd (SCH-0211). Webhooks worden geweigerd en komen later opnieuw. Stop Schakel, bewaar het bestand zoals het is, zet de nieuwste kopie op zijn plaats en start opnieuw.", "The file of the database is damaged (SCH-0211). Webhooks are refused and come again later. Stop Schakel, keep the file as it is, put the newest copy in its place and start again.", "Die Datei der Datenbank ist beschädigt (SCH-0211). Webhooks werden abgewiesen und kommen später wieder. Beenden Sie Schakel, behalten Sie die Datei, wie sie ist, legen Sie die neueste Kopie an ihre Stelle und starten Sie wieder.";
    /// After the name of a host that is not one of the pages.
    other_host: "deze pagina's antwoorden niet onder die naam. Mag dat wel, zoals achter een proxy, zet de naam dan in `pages_hosts` onder [hub] in schakel.toml en start opnieuw.", "these pages do not answer under that name. Where they shall, as behind a proxy, put the name into `pages_hosts` below [hub] in schakel.toml and start again.", "diese Seiten antworten nicht unter diesem Namen. Sollen sie es, etwa hinter einem Proxy, tragen Sie den Namen in `pages_hosts` unter [hub] in schakel.toml ein und starten Sie neu.";
    /// Before the names of connections.
    ailing: "Er is iets mis met", "Something is wrong with", "Etwas stimmt nicht mit";
    /// Before a time.
    since: "sinds", "since", "seit";
    /// Before a time.
    next_attempt: "volgende poging", "next attempt", "nächster Versuch";
    /// Before a number of lists.
    lists_stopped: "Lijsten van winkels die niet verder gelezen worden", "Lists of shops that are read no further", "Listen von Shops, die nicht weiter gelesen werden";
    /// Before how much of histories is read, and how much there is.
    history_open: "De geschiedenis wordt nog gelezen", "The history is still being read", "Die Vergangenheit wird noch gelesen";
    /// Before a number of lists.
    lists_uncounted: "lijsten nog niet geteld", "lists not counted yet", "Listen noch nicht gezählt";
    /// Before a number of things.
    fetches_open: "Nog op te halen bij winkels", "Still to be fetched from shops", "Noch von Shops zu holen";
    /// Work is under way.
    working: "Er wordt aan gewerkt.", "Work is under way.", "Es wird daran gearbeitet.";
    /// Before a number of events.
    events_waiting: "Wachtende berichten", "Waiting events", "Wartende Nachrichten";
    /// Before a number of deliveries.
    deliveries_open: "openstaande leveringen", "open deliveries", "offene Lieferungen";
    /// Before a number of things.
    needs_person: "Wacht op u", "Waits for you", "Wartet auf Sie";
    /// The sum of the inbox is wrong.
    broken_sum: "De aantallen van het postvak tellen niet op. Meld dit.", "The numbers of the inbox do not add up. Report this.", "Die Zahlen des Eingangs ergeben nicht die Summe. Melden Sie das.";
    /// Heading of the inbox.
    inbox: "Ontvangen berichten", "Received events", "Empfangene Nachrichten";
    /// Explains the inbox.
    inbox_sum: "ontvangen = toegepast + dubbel + achterhaald + apart gezet + wachtend + gewist", "received = applied + duplicate + superseded + set aside + waiting + erased", "empfangen = angewendet + doppelt + überholt + beiseitegelegt + wartend + gelöscht";
    /// The sum is right.
    adds_up: "De som klopt.", "The sum is right.", "Die Summe stimmt.";
    /// Column.
    connection: "Verbinding", "Connection", "Verbindung";
    /// Column.
    received: "Ontvangen", "Received", "Empfangen";
    /// Column.
    applied: "Toegepast", "Applied", "Angewendet";
    /// Column.
    duplicate: "Dubbel", "Duplicate", "Doppelt";
    /// Column.
    superseded: "Achterhaald", "Superseded", "Überholt";
    /// Column.
    quarantined: "Apart gezet", "Set aside", "Beiseitegelegt";
    /// Column and state.
    waiting: "Wachtend", "Waiting", "Wartend";
    /// Column.
    erased: "Gewist", "Erased", "Gelöscht";
    /// Column.
    rejected: "Geweigerd", "Refused", "Abgewiesen";
    /// Row of sums.
    total: "Totaal", "Total", "Summe";
    /// Nothing came in yet.
    nothing_received: "Er is nog niets ontvangen. Registreer de webhooks met het commando schakel setup.", "Nothing was received yet. Register the webhooks with the command schakel setup.", "Es wurde noch nichts empfangen. Registrieren Sie die Webhooks mit dem Befehl schakel setup.";
    /// After a number: events that nobody applies.
    left_waiting: "wachten, omdat deze verbinding hier niet is ingesteld", "wait, because this connection is not configured here", "warten, weil diese Verbindung hier nicht eingerichtet ist";
    /// After a number: events that this version leaves alone.
    newer_waiting: "wachten op de nieuwere versie die ze heeft opgeslagen", "wait for the newer version that stored them", "warten auf die neuere Version, die sie gespeichert hat";
    /// Heading of the outbox.
    deliveries: "Leveringen", "Deliveries", "Lieferungen";
    /// Nothing to deliver yet.
    nothing_to_deliver: "Er is nog niets te leveren.", "There is nothing to deliver yet.", "Es gibt noch nichts zu liefern.";
    /// Column.
    kind: "Soort", "Kind", "Art";
    /// State.
    clean: "Geleverd", "Delivered", "Geliefert";
    /// State.
    parent: "Wacht op ouder", "Waits for its parent", "Wartet auf Übergeordnetes";
    /// State.
    held: "Aangehouden", "Held", "Zurückgehalten";
    /// State.
    unplaced: "Zonder plek", "Without a place", "Ohne Platz";
    /// State.
    ready: "Klaar", "Ready", "Bereit";
    /// State.
    claimed: "Onderweg", "Under way", "Unterwegs";
    /// State.
    dead: "Opgegeven", "Given up", "Aufgegeben";
    /// Kind of object.
    relation: "Personen", "Persons", "Personen";
    /// Kind of object.
    order: "Bestellingen", "Orders", "Bestellungen";
    /// Kind of object.
    order_row: "Bestelregels", "Order rows", "Bestellzeilen";
    /// Kind of object.
    quote: "Winkelwagens", "Carts", "Warenkörbe";
    quote_row: "Winkelwagenregels", "Cart rows", "Warenkorbzeilen";
    /// Kind of object.
    customer_group: "Klantgroepen", "Customer groups", "Kundengruppen";
    /// Reading.
    at_once: "Aanroepen tegelijk", "Calls at once", "Aufrufe gleichzeitig";
    /// Between two numbers.
    of_at_most: "van hoogstens", "of at most", "von höchstens";
    /// Reading.
    paused: "Gepauzeerd: het systeem weigert alles", "Paused: the system refuses everything", "Pausiert: das System weist alles ab";
    /// Reading.
    flow_paused: "Even gewacht: het systeem vroeg om minder aanroepen", "Waiting: the system asked for fewer calls", "Wartet: das System bat um weniger Aufrufe";
    /// Reading.
    flow_broken: "Onderbroken: het systeem antwoordt niet", "Interrupted: the system does not answer", "Unterbrochen: das System antwortet nicht";
    /// Reading.
    flow_probing: "Eén aanroep kijkt of het systeem weer antwoordt", "One call looks whether the system answers again", "Ein Aufruf prüft, ob das System wieder antwortet";
    /// Reading.
    latency: "Duur van webhook tot bevestiging", "Time from webhook to confirmation", "Dauer vom Webhook bis zur Bestätigung";
    /// Reading.
    half_below: "helft sneller dan", "half faster than", "die Hälfte schneller als";
    /// Reading.
    most_below: "99% sneller dan", "99% faster than", "99 % schneller als";
    /// Heading of the persons.
    people: "Personen", "Persons", "Personen";
    /// Count.
    living: "personen", "persons", "Personen";
    /// Count.
    aliases: "nummers die samengevoegd zijn", "numbers that were merged", "zusammengeführte Nummern";
    /// Count.
    unconfirmed: "wachten op bevestiging", "wait for confirmation", "warten auf Bestätigung";
    /// Count.
    merges: "samenvoegingen en splitsingen", "merges and splits", "Zusammenführungen und Trennungen";
    /// Count.
    fetches: "op te halen bij de winkel", "to be fetched from the shop", "beim Shop abzuholen";
    /// Count.
    carts_waiting: "winkelwagens die op een persoon wachten", "carts that wait for a person", "Warenkörbe, die auf eine Person warten";
    /// Count.
    carts_expired: "verlopen winkelwagens zonder persoon", "expired carts without a person", "abgelaufene Warenkörbe ohne Person";
    /// Heading of the lists of sources.
    walks: "Geschiedenis en controle", "History and checks", "Verlauf und Abgleich";
    /// Column.
    history_read: "Gelezen", "Read", "Gelesen";
    /// Column.
    history_counted: "Geteld", "Counted", "Gezählt";
    /// Column.
    stopped: "Gestopt", "Stopped", "Angehalten";
    /// Column: what no webhook told.
    missed: "Gemist door webhooks", "Missed by webhooks", "Von Webhooks verpasst";
    /// Before a time.
    last_sweep: "langst geleden nagevraagde lijst", "list asked longest ago", "am längsten nicht nachgefragte Liste";
    /// Before a time.
    last_reconciliation: "langst geleden vergeleken lijst", "list compared longest ago", "am längsten nicht abgeglichene Liste";
    /// Instead of a time.
    never: "nooit", "never", "nie";
    /// Heading of the watch over webhooks.
    webhooks: "Webhooks", "Webhooks", "Webhooks";
    /// Column: how often registrations were mended.
    mended: "Aanmeldingen hersteld", "Registrations mended", "Anmeldungen erneuert";
    /// Column: how often none came for suspiciously long.
    silences: "Verdachte stiltes", "Suspicious silences", "Verdächtige Pausen";
    /// Before a time.
    last_webhook: "laatste webhook", "last webhook", "letzter Webhook";
    /// Before a time.
    registered_at: "aanmeldingen in orde bevonden", "registrations found in order", "Anmeldungen in Ordnung befunden";
    /// None came for much longer than usual.
    silence: "er kwam veel langer dan gewoonlijk geen webhook; wat er veranderde wordt uit de lijsten gelezen", "no webhook came for much longer than usual; what changed is read from the lists", "seit viel längerer Zeit als üblich kam kein Webhook; was sich geändert hat, wird aus den Listen gelesen";
    /// Heading of the quarantine.
    quarantine: "Apart gezet", "Set aside", "Beiseitegelegt";
    /// Column.
    reason: "Reden", "Reason", "Grund";
    /// Column.
    count: "Aantal", "Count", "Anzahl";
    /// Empty quarantine.
    nothing_quarantined: "Er is niets apart gezet.", "Nothing was set aside.", "Nichts wurde beiseitegelegt.";
    /// Heading of the calls.
    calls: "Aanroepen sinds de start", "Calls since the start", "Aufrufe seit dem Start";
    /// Time of reading.
    read_at: "Gelezen op", "Read at", "Gelesen um";
    /// Link.
    renew: "Elke 5 seconden vernieuwen", "Renew every 5 seconds", "Alle 5 Sekunden erneuern";
    /// Name of the navigation between languages.
    languages: "Taal", "Language", "Sprache";
}

impl Words {
    /// Gives the words of a language.
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::Nl => &NL,
            Language::En => &EN,
            Language::De => &DE,
        }
    }
}

/// Picks the language that was asked for, else the first of ours that the browser accepts, else English.
///
/// The browser lists languages in the order of liking in practice, so weights are not read.
pub(super) fn choose(asked: &str, accepted: &str) -> Language {
    let ours = |tag: &str| match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("nl") => Some(Language::Nl),
        Some("en") => Some(Language::En),
        Some("de") => Some(Language::De),
        _ => None,
    };
    ours(asked)
        .or_else(|| accepted.split(',').find_map(ours))
        .unwrap_or(Language::En)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_comes_before_the_browser_and_english_last() {
        assert_eq!(choose("de", "nl-NL,nl;q=0.9"), Language::De);
        assert_eq!(choose("", "fr-FR, nl;q=0.9, en;q=0.8"), Language::Nl);
        assert_eq!(choose("xx", "fr"), Language::En);
        assert_eq!(choose("é", ""), Language::En);
    }
}
