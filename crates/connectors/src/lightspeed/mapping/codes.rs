//! The codes of countries and languages that exist.

/// ISO 3166-1 alpha-2, the 249 codes of 2024, in order.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV \
    BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES \
    ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE \
    IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY \
    MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU \
    NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM \
    SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE \
    VG VI VN VU WF WS YE YT ZA ZM ZW";

/// ISO 639-1, the 183 codes of 2024, in order.
const LANGUAGES: &str = "\
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz \
    ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii \
    ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi \
    mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw \
    sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk \
    ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Languages that Lightspeed names by codes of its own: American English and Canadian French
/// (lightspeed-ecom.md §6.0, LC2).
const OWN_LANGUAGES: [(&str, &str); 2] = [("us", "en"), ("fc", "fr")];

/// Gives the country code in upper case, or `None` when there is no such country.
pub(super) fn country(code: &str) -> Option<String> {
    let upper = code.to_ascii_uppercase();
    is_listed(COUNTRIES, &upper).then_some(upper)
}

/// Gives the language code in lower case, or `None` when there is no such language. A region behind it
/// (`nl_BE`, `nl-BE`) is left out.
pub(super) fn language(code: &str) -> Option<String> {
    let lower = code.split(['_', '-']).next()?.to_ascii_lowercase();
    if let Some((_, standard)) = OWN_LANGUAGES.iter().find(|(own, _)| *own == lower) {
        return Some((*standard).to_owned());
    }
    is_listed(LANGUAGES, &lower).then_some(lower)
}

/// Looks `code` up in a list of two-letter codes that are in order, each followed by a blank but the last.
fn is_listed(list: &str, code: &str) -> bool {
    let &[first, second] = code.as_bytes() else {
        return false;
    };
    let (mut low, mut high) = (0, list.len().div_ceil(3));
    while low < high {
        let middle = low.midpoint(high);
        let at = middle * 3;
        match list.as_bytes()[at..at + 2].cmp(&[first, second]) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_whole_and_in_order() {
        for (list, count) in [(COUNTRIES, 249), (LANGUAGES, 183)] {
            let codes: Vec<&str> = list.split(' ').collect();
            assert_eq!(codes.len(), count);
            assert!(codes.iter().all(|code| code.len() == 2));
            assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(codes.iter().all(|code| is_listed(list, code)));
        }
    }

    #[test]
    fn codes_are_found_in_any_case_and_others_are_not() {
        assert_eq!(country("nl").as_deref(), Some("NL"));
        assert_eq!(country("zW").as_deref(), Some("ZW"));
        for wrong in ["", "n", "nld", "xx", "é", "N ", " N", "DA"] {
            assert_eq!(country(wrong), None, "{wrong}");
        }
        assert_eq!(language("nl").as_deref(), Some("nl"));
        assert_eq!(language("pt_BR").as_deref(), Some("pt"));
        assert_eq!(language("us").as_deref(), Some("en"));
        assert_eq!(language("FC").as_deref(), Some("fr"));
        assert_eq!(language("qq"), None);
    }
}
