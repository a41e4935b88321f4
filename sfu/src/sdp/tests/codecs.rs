//! Which formats are taken and what is said about them.

use super::fixture::{answer_to, audio, lines, local, offer, part, section, video};
use crate::parameters::{Codec, CodecFormat, Feedback, H264Profile};
use crate::sdp::{CodecPolicy, Offer, Refusal, answer};

/// A video m-line with these formats and attributes.
fn formats(formats: &str, lines: &str) -> String {
    let line = format!("m=video 9 UDP/TLS/RTP/SAVPF {formats}");
    offer(&[section(&line, "0", &format!("a=rtcp-mux\n{lines}"))])
}

#[test]
fn formats_are_told_apart_by_what_both_sides_must_agree_on() {
    let h264 = |profile, packetization_mode| {
        Some(CodecFormat::H264 {
            profile,
            packetization_mode,
        })
    };
    use H264Profile::{
        Baseline, ConstrainedBaseline, ConstrainedHigh, High, HighPredictive444, Main,
    };
    // (rtpmap, fmtp, format, fmtp of the answer)
    let cases = [
        ("VP8", "", Some(CodecFormat::Any), ""),
        ("vp8", "max-fs=12288;max-fr=60", Some(CodecFormat::Any), ""),
        ("VP9", "", Some(CodecFormat::Vp9Profile(0)), ""),
        (
            "VP9",
            "profile-id=0",
            Some(CodecFormat::Vp9Profile(0)),
            "profile-id=0",
        ),
        (
            "VP9",
            "x=1; PROFILE-ID=3",
            Some(CodecFormat::Vp9Profile(3)),
            "profile-id=3",
        ),
        ("VP9", "profile-id=4", None, ""),
        ("VP9", "profile-id=", None, ""),
        ("AV1", "", Some(CodecFormat::Av1Profile(0)), ""),
        (
            "AV1",
            "profile=1;tier=0;level-idx=5",
            Some(CodecFormat::Av1Profile(1)),
            "level-idx=5;profile=1;tier=0",
        ),
        ("AV1", "profile=3", None, ""),
        ("H264", "", h264(Baseline, 0), ""),
        (
            "H264",
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            h264(ConstrainedBaseline, 1),
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        ),
        (
            "H264",
            "profile-level-id=42001f",
            h264(Baseline, 0),
            "profile-level-id=42001f",
        ),
        (
            "H264",
            "profile-level-id=42C02A",
            h264(ConstrainedBaseline, 0),
            "profile-level-id=42C02A",
        ),
        (
            "H264",
            "profile-level-id=4d801f",
            h264(ConstrainedBaseline, 0),
            "profile-level-id=4d801f",
        ),
        (
            "H264",
            "profile-level-id=58e01f",
            h264(ConstrainedBaseline, 0),
            "profile-level-id=58e01f",
        ),
        (
            "H264",
            "profile-level-id=58801f",
            h264(Baseline, 0),
            "profile-level-id=58801f",
        ),
        (
            "H264",
            "profile-level-id=4d001f",
            h264(Main, 0),
            "profile-level-id=4d001f",
        ),
        (
            "H264",
            "profile-level-id=4d401f",
            h264(Main, 0),
            "profile-level-id=4d401f",
        ),
        (
            "H264",
            "profile-level-id=64001f",
            h264(High, 0),
            "profile-level-id=64001f",
        ),
        (
            "H264",
            "profile-level-id=640c1f",
            h264(ConstrainedHigh, 0),
            "profile-level-id=640c1f",
        ),
        (
            "H264",
            "profile-level-id=f4001f",
            h264(HighPredictive444, 0),
            "profile-level-id=f4001f",
        ),
        ("H264", "profile-level-id=58001f", None, ""),
        ("H264", "profile-level-id=42e0", None, ""),
        ("H264", "profile-level-id=+2e01f", None, ""),
        ("H264", "packetization-mode=2", None, ""),
        ("H265", "", None, ""),
        ("ulpfec", "", None, ""),
        ("opus", "", None, ""),
    ];
    for (name, fmtp, expected, answered) in cases {
        // A second format keeps the m-line alive where the first is not taken.
        let text = formats(
            "96 120",
            &format!("a=rtpmap:96 {name}/90000\na=fmtp:96 {fmtp}\na=rtpmap:120 VP8/90000"),
        );
        let answer = answer_to(&text);
        let codecs = &answer.parameters.published.first().unwrap().codecs;
        let seen = codecs.iter().find(|codec| codec.payload_type.get() == 96);
        assert_eq!(seen.map(|codec| codec.format), expected, "{name} {fmtp}");
        let expected_line = (!answered.is_empty()).then(|| format!("a=fmtp:96 {answered}"));
        assert_eq!(
            lines(&part(&answer.sdp, 1), "a=fmtp:96").first().copied(),
            expected_line.as_deref(),
            "{name} {fmtp}"
        );
    }
}

#[test]
fn opus_is_asked_for_what_its_receivers_wish() {
    let cases = [
        ("", None),
        (
            "minptime=10;useinbandfec=1",
            Some("minptime=10;useinbandfec=1"),
        ),
        (
            "maxplaybackrate=48000;stereo=1;useinbandfec=1",
            Some("useinbandfec=1;stereo=1"),
        ),
        ("useinbandfec=0;usedtx=1", Some("usedtx=1")),
        ("sprop-stereo=1;maxaveragebitrate=96000", None),
    ];
    for (fmtp, expected) in cases {
        let answer = answer_to(&offer(&[audio("0", &format!("a=fmtp:111 {fmtp}"))]));
        let expected = expected.map(|fmtp| format!("a=fmtp:111 {fmtp}"));
        let seen = part(&answer.sdp, 1);
        assert_eq!(
            lines(&seen, "a=fmtp").first().copied(),
            expected.as_deref(),
            "{fmtp}"
        );
        assert_eq!(lines(&seen, "a=rtpmap"), ["a=rtpmap:111 opus/48000/2"]);
    }
}

#[test]
fn opus_needs_its_rate_and_two_channels() {
    for map in ["opus/48000", "opus/48000/1", "opus/16000/2", "OPUS/90000/2"] {
        let text = offer(&[audio("0", "").replace("opus/48000/2", map), video("1", "")]);
        let answer = answer_to(&text);
        assert_eq!(
            answer.refused.first().unwrap().reason,
            Refusal::NoCommonCodec,
            "{map}"
        );
    }
}

#[test]
fn retransmissions_belong_to_the_codec_they_name() {
    let text = formats(
        "100 97 99 101 98 120 119",
        "a=rtpmap:97 VP8/90000\na=rtpmap:98 rtx/90000\na=fmtp:98 rtx-time=3000; apt=97\n\
         a=rtpmap:99 VP9/90000\na=rtpmap:100 rtx/90000\na=fmtp:100 apt=99\n\
         a=rtpmap:101 rtx/48000\na=fmtp:101 apt=120\na=rtpmap:120 AV1/90000\n\
         a=rtpmap:119 rtx/90000\na=fmtp:119 apt=5",
    );
    let answer = answer_to(&text);
    let published = answer.parameters.published.first().unwrap();
    let seen: Vec<_> = published
        .codecs
        .iter()
        .map(|codec| {
            (
                codec.codec,
                codec.payload_type.get(),
                codec.rtx.map(|rtx| rtx.get()),
            )
        })
        .collect();
    let expected = [
        (Codec::Vp8, 97, Some(98)),
        (Codec::Vp9, 99, Some(100)),
        (Codec::Av1, 120, None),
    ];
    assert_eq!(seen, expected);
    let answered = part(&answer.sdp, 1);
    assert_eq!(
        lines(&answered, "m="),
        ["m=video 7882 UDP/TLS/RTP/SAVPF 97 98 99 100 120"]
    );
    assert_eq!(lines(&answered, "a=fmtp:98"), ["a=fmtp:98 apt=97"]);
}

#[test]
fn payload_types_that_look_like_rtcp_are_not_taken() {
    let maps = "a=rtpmap:63 VP8/90000\na=rtpmap:64 VP9/90000\na=rtpmap:95 AV1/90000\n\
                a=rtpmap:72 rtx/90000\na=fmtp:72 apt=63";
    let answer = answer_to(&formats("64 63 95 72", maps));
    assert_eq!(
        lines(&part(&answer.sdp, 1), "m="),
        ["m=video 7882 UDP/TLS/RTP/SAVPF 63"]
    );
}

#[test]
fn the_first_of_two_names_counts() {
    let answer = answer_to(&formats(
        "96",
        "a=rtpmap:96 VP8/90000\na=rtpmap:96 VP9/90000",
    ));
    assert!(part(&answer.sdp, 1).contains(&"a=rtpmap:96 VP8/90000"));
}

#[test]
fn feedback_is_what_both_sides_know() {
    let all = "nack\nnack pli\nccm fir\ntransport-cc\ngoog-remb\nccm tmmbr\nnack rpsi";
    let twcc =
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    let full = Feedback {
        nack: true,
        pli: true,
        fir: true,
        transport_cc: true,
        remb: true,
    };
    let nack = Feedback {
        nack: true,
        ..Feedback::default()
    };
    let without_twcc = Feedback {
        transport_cc: false,
        ..full
    };
    // (feedback, of which format, extension, agreed)
    let cases = [
        (all, "96", twcc, full),
        (all, "*", twcc, full),
        ("nack", "96", twcc, nack),
        ("", "96", twcc, Feedback::default()),
        (all, "97", twcc, Feedback::default()),
        // Reports need the numbers that the extension carries.
        (all, "96", "", without_twcc),
    ];
    for (kinds, format, extension, expected) in cases {
        let kinds: String = kinds
            .lines()
            .map(|kind| format!("a=rtcp-fb:{format} {kind}\n"))
            .collect();
        let answer = answer_to(&offer(&[video("0", &format!("{extension}\n{kinds}"))]));
        let published = answer.parameters.published.first().unwrap();
        assert_eq!(
            published.codecs.first().unwrap().feedback,
            expected,
            "{format} {kinds}"
        );
        let slot = answer.parameters.slots.first().unwrap();
        assert_eq!(slot.codecs, published.codecs);
        let written = lines(&part(&answer.sdp, 1), "a=rtcp-fb:96").len();
        let agreed = [
            expected.nack,
            expected.pli,
            expected.fir,
            expected.transport_cc,
            expected.remb,
        ];
        assert_eq!(
            written,
            agreed.into_iter().filter(|&agreed| agreed).count(),
            "{kinds}"
        );
    }
}

#[test]
fn audio_has_no_picture_feedback() {
    let lines = "a=rtcp-fb:111 nack\na=rtcp-fb:111 nack pli\na=rtcp-fb:111 ccm fir\na=rtcp-fb:111 goog-remb";
    let answer = answer_to(&offer(&[audio("0", lines)]));
    assert!(part(&answer.sdp, 1).contains(&"a=rtcp-fb:111 nack"));
    let feedback = answer
        .parameters
        .published
        .first()
        .unwrap()
        .codecs
        .first()
        .unwrap()
        .feedback;
    assert_eq!(
        (feedback.nack, feedback.pli, feedback.fir, feedback.remb),
        (true, false, false, false)
    );
}

#[test]
fn the_operator_restricts_and_orders_codecs() {
    let maps = "a=rtpmap:96 VP8/90000\na=rtpmap:98 VP9/90000\na=fmtp:98 profile-id=2\n\
                a=rtpmap:100 VP9/90000\na=rtpmap:102 AV1/90000";
    let video = section(
        "m=video 9 UDP/TLS/RTP/SAVPF 96 98 100 102",
        "1",
        &format!("a=rtcp-mux\n{maps}"),
    );
    let offer = Offer::parse(&offer(&[audio("0", ""), video])).unwrap();
    use Codec::{Av1, H264, Opus, Vp8, Vp9};
    let cases = [
        (
            CodecPolicy::default(),
            [
                "7882 UDP/TLS/RTP/SAVPF 111",
                "7882 UDP/TLS/RTP/SAVPF 96 98 100 102",
            ],
        ),
        (
            CodecPolicy::only(vec![Vp9, Opus, Vp8]),
            [
                "7882 UDP/TLS/RTP/SAVPF 111",
                "7882 UDP/TLS/RTP/SAVPF 98 100 96",
            ],
        ),
        (
            CodecPolicy::only(vec![Av1]),
            ["0 UDP/TLS/RTP/SAVPF 111", "7882 UDP/TLS/RTP/SAVPF 102"],
        ),
        (
            CodecPolicy::only(vec![Opus, H264]),
            ["7882 UDP/TLS/RTP/SAVPF 111", "0 UDP/TLS/RTP/SAVPF 96"],
        ),
    ];
    for (codecs, [audio, video]) in cases {
        let mut local = local();
        local.codecs = codecs.clone();
        let answer = answer(&offer, &local, None, &mut || 1).unwrap();
        let seen = lines(&answer.sdp.lines().collect::<Vec<_>>(), "m=");
        assert_eq!(
            seen,
            [format!("m=audio {audio}"), format!("m=video {video}")],
            "{codecs:?}"
        );
        let group = lines(&part(&answer.sdp, 0), "a=group").join("");
        let in_use = seen.iter().filter(|line| line.contains(" 7882 ")).count();
        assert_eq!(group.split(' ').count(), 1 + in_use, "{group}");
    }
    let mut local = local();
    local.codecs = CodecPolicy::only(vec![H264]);
    assert!(answer(&offer, &local, None, &mut || 1).is_err());
}

#[test]
fn redundant_opus_is_taken_where_it_is_offered_right_and_in_the_order_of_the_offer() {
    // (formats, a=rtpmap and a=fmtp of 63, formats of the answer)
    let right = "a=rtpmap:63 red/48000/2\na=fmtp:63 111/111";
    let cases = [
        ("111 63", right, "111 63"),
        ("63 111", right, "63 111"),
        (
            "111 63",
            "a=rtpmap:63 RED/48000/2\na=fmtp:63 111/111/111",
            "111 63",
        ),
        ("111", right, "111"),
        ("111 63", "a=rtpmap:63 red/8000\na=fmtp:63 111/111", "111"),
        ("111 63", "a=rtpmap:63 red/48000/2", "111"),
        ("111 63", "a=rtpmap:63 red/48000/2\na=fmtp:63 111", "111"),
        ("111 63", "a=rtpmap:63 red/48000/2\na=fmtp:63 111/9", "111"),
        ("111 63", "a=rtpmap:63 red/48000/2\na=fmtp:63 111/x/", "111"),
        (
            "111 63",
            "a=rtpmap:63 ulpfec/48000/2\na=fmtp:63 111/111",
            "111",
        ),
    ];
    for (formats, attributes, answered) in cases {
        let line = audio("0", attributes).replace("SAVPF 111", &format!("SAVPF {formats}"));
        let answer = answer_to(&offer(&[line]));
        let part = part(&answer.sdp, 1);
        let heads = lines(&part, "m=");
        let head = heads.first().expect("an m-line");
        assert!(
            head.ends_with(&format!("SAVPF {answered}")),
            "{attributes}: {head}"
        );
        let taken = answered.contains("63");
        let said: &[&str] = match taken {
            true => &["a=rtpmap:63 red/48000/2"],
            false => &[],
        };
        assert_eq!(lines(&part, "a=rtpmap:63"), said, "{attributes}");
        assert_eq!(
            lines(&part, "a=fmtp:63").contains(&"a=fmtp:63 111/111"),
            taken
        );
        let codecs = &answer.parameters.published[0].codecs;
        assert_eq!(codecs.len(), 1, "it is no codec of its own");
        assert_eq!(codecs[0].red.map(|red| red.get()), taken.then_some(63));
    }
}
