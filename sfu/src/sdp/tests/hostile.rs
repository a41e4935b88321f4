//! Whatever the text, the outcome is an error with a sentence or an answer that makes sense.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::fixture::{sample_offers, try_answer};
use crate::parameters::MAX_ENCODINGS;
use crate::sdp::{Negotiated, Offer};

const SEED: u64 = 0x5d90_ffe4;
const ROUNDS_PER_OFFER: usize = 300;

#[test]
fn mutated_offers_are_answered_sensibly_or_refused_with_a_reason() {
    let mut random = StdRng::seed_from_u64(SEED);
    let (mut answers, mut errors) = (0, HashSet::new());
    for (name, original) in sample_offers() {
        for round in 0..ROUNDS_PER_OFFER {
            let mut text = original.clone();
            for _ in 0..random.random_range(1..=4) {
                text = mutated(&text, &mut random);
            }
            match try_answer(&text) {
                Ok(negotiated) => {
                    answers += 1;
                    let case = format!("seed {SEED:#x}, {name}, round {round}");
                    check(&text, &negotiated, &case);
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    errors.insert(error.code());
                }
            }
        }
    }
    assert!(answers > 500, "enough survive to mean something: {answers}");
    assert!(
        errors.len() >= 5,
        "enough fail to mean something: {errors:?}"
    );
}

#[test]
fn every_truncation_of_an_offer_is_survived() {
    for (name, original) in sample_offers() {
        for end in (0..original.len()).step_by(41) {
            let text = original.get(..end).unwrap_or_default();
            if let Ok(negotiated) = try_answer(text) {
                check(text, &negotiated, &format!("{name} up to byte {end}"));
            }
        }
    }
}

#[test]
fn nothing_of_an_offer_gets_a_line_of_its_own_in_the_answer() {
    let evil = "\u{b}a=ice-ufrag:evil\u{c}\u{85}\u{2028}";
    for (_, original) in sample_offers() {
        for line in original.lines().collect::<HashSet<_>>() {
            let text = original.replace(line, &format!("{line}{evil}"));
            if let Ok(negotiated) = try_answer(&text) {
                assert!(!negotiated.sdp.contains("evil"), "{line}");
            }
        }
    }
}

fn check(text: &str, negotiated: &Negotiated, case: &str) {
    let answer = &negotiated.sdp;
    let m_lines = |text: &str| text.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(
        m_lines(answer),
        m_lines(text),
        "{case}: each m-line is answered\n{text}"
    );

    // The other parser takes no media types but the registered ones.
    let refused_kind = |line: &str| line.starts_with("m=") && line.contains(" 0 ");
    let known: String = answer
        .lines()
        .map(|line| {
            if refused_kind(line) {
                "m=audio 0 RTP/AVP 0"
            } else {
                line
            }
        })
        .flat_map(|line| [line, "\r\n"])
        .collect();
    rtc::sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(&known))
        .unwrap_or_else(|error| panic!("{case}: {error}\n{answer}"));

    let parameters = &negotiated.parameters;
    let mut ssrcs = HashSet::new();
    for slot in &parameters.slots {
        assert!(!slot.codecs.is_empty(), "{case}");
        assert!(
            [Some(slot.ssrc), slot.rtx_ssrc]
                .into_iter()
                .flatten()
                .all(|ssrc| ssrcs.insert(ssrc)),
            "{case}"
        );
    }
    for published in &parameters.published {
        assert!(
            (1..=MAX_ENCODINGS).contains(&published.encodings.len()),
            "{case}"
        );
        assert!(!published.codecs.is_empty(), "{case}");
        let encodings = published.encodings.iter();
        let sources = encodings
            .flat_map(|encoding| [encoding.ssrc, encoding.rtx_ssrc])
            .flatten();
        for ssrc in sources {
            assert!(ssrcs.insert(ssrc), "{case}: {ssrc} is whose?\n{text}");
        }
    }
    assert!(!parameters.fingerprints.is_empty(), "{case}");
    let offer = Offer::parse(text).expect("it was answered");
    let in_use = offer.media().count() + usize::from(offer.has_data());
    assert_eq!(in_use + negotiated.refused.len(), m_lines(text), "{case}");
}

/// One small change, of the kinds that break parsers.
fn mutated(text: &str, random: &mut StdRng) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let place = random.random_range(0..lines.len().max(1));
    let Some(line) = lines.get_mut(place) else {
        return text.to_owned();
    };
    match random.random_range(0..8) {
        0 => {
            lines.remove(place);
        }
        1 => {
            let copy = line.clone();
            lines.insert(random.random_range(0..=place), copy);
        }
        2 => {
            let other = random.random_range(0..lines.len());
            lines.swap(place, other);
        }
        3 => *line = line.chars().filter(|_| random.random_bool(0.9)).collect(),
        4 => {
            let numbers = [
                "0",
                "1",
                "15",
                "64",
                "128",
                "255",
                "65536",
                "4294967296",
                "-1",
                "1e9",
            ];
            let digits: Vec<_> = line
                .match_indices(|c: char| c.is_ascii_digit())
                .map(|(at, _)| at)
                .collect();
            if let Some(&at) = digits.choose(random) {
                line.replace_range(at..=at, numbers.choose(random).unwrap());
            }
        }
        5 => {
            let odd = [
                '\0', '\r', '\t', ' ', ';', ':', '/', '=', ',', '~', 'é', '\u{2028}', '9',
            ];
            let places: Vec<_> = line.char_indices().map(|(at, _)| at).collect();
            if let Some(&at) = places.choose(random) {
                line.insert(at, *odd.choose(random).unwrap());
            }
        }
        6 => {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            *line = words.iter().rev().cloned().collect::<Vec<_>>().join(" ");
        }
        _ => {
            let at = random.random_range(0..text.len());
            return text
                .char_indices()
                .take_while(|&(index, _)| index < at)
                .map(|(_, c)| c)
                .collect();
        }
    }
    lines.concat()
}
