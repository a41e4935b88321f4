//! Whole answers to the offers of `tests/offers`. `SWITCHYARD_UPDATE_ANSWERS=1` writes them anew, to be read in the
//! diff.

use super::fixture::{answer_to, sample_offers, tests_dir};

#[test]
fn sample_offers_get_the_recorded_answers() {
    let update = std::env::var_os("SWITCHYARD_UPDATE_ANSWERS").is_some();
    for (name, offer) in sample_offers() {
        let answer = answer_to(&offer).sdp;
        let path = tests_dir("answers").join(format!("{name}.sdp"));
        if update {
            std::fs::write(&path, &answer).unwrap();
        }
        let recorded = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            answer,
            recorded,
            "the answer to {name}, against {}",
            path.display()
        );
    }
}

#[test]
fn answers_are_read_by_an_independent_parser() {
    for (name, offer) in sample_offers() {
        let answer = answer_to(&offer).sdp;
        let mut text = std::io::Cursor::new(&answer);
        let parsed = rtc::sdp::SessionDescription::unmarshal(&mut text)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let m_lines = offer.lines().filter(|line| line.starts_with("m=")).count();
        assert_eq!(parsed.media_descriptions.len(), m_lines, "{name}");
        assert_eq!(parsed.marshal(), answer, "{name}: nothing is lost or moved");
    }
}
