//! Whether the numbers of pictures run on as sequence numbers do: PictureID and TL0PICIDX of VP8 and VP9, and the
//! frame numbers of dependency descriptors. Only VP8's picture ids close up over pictures that are left out; the
//! others are distances, by which frames are referred to.

use sfu::parameters::Codec;

use super::continuity::Record;

/// Two neighbours of one run, with so many numbers missing between them.
pub(super) fn check_run(before: &Record, after: &Record, missing: u64) -> Result<(), String> {
    let (from, to) = (&before.stamp, &after.stamp);
    if let (Some((old, old_tl0)), Some((new, new_tl0))) = (before.ids, after.ids) {
        let passed = (to.picture - from.picture) as u16;
        let closes_up = before.codec == Some(Codec::Vp8) && from.is_layered();
        let right = match (closes_up, missing) {
            (false, _) => passed..=passed,
            (true, 0) => passed.min(1)..=passed.min(1),
            (true, _) => passed.min(1)..=passed,
        };
        if !right.contains(&(new.wrapping_sub(old) & 0x7fff)) {
            return Err("picture ids do not go on as the publisher's".to_owned());
        }
        if new_tl0.wrapping_sub(old_tl0) != to.tl0.wrapping_sub(from.tl0) {
            return Err("TL0PICIDX does not go on as the publisher's".to_owned());
        }
    }
    if let (Some(old), Some(new)) = (before.frame_number, after.frame_number)
        && new.wrapping_sub(old) != (to.frame - from.frame) as u16
    {
        return Err("frame numbers do not go on as the publisher's".to_owned());
    }
    Ok(())
}

/// The last known packet of a run and the first known one of the next, with so many numbers missing between
/// them. Each may have been a picture of its own.
pub(super) fn check_switch(before: &Record, after: &Record, missing: u64) -> Result<(), String> {
    if before.codec != after.codec {
        return Ok(());
    }
    let runs_on = |distance: u64, between: u64| (1..=1 + missing * between).contains(&distance);
    // Beside each packet that is lost, frames of higher layers may have been left out, whose numbers stay.
    let [spatial, temporal] = before.stamp.layers.map(u64::from);
    let pictures_between = match before.codec {
        Some(Codec::Vp8) => 1,
        _ => 1 << (temporal - 1),
    };
    let frames_between = spatial << (temporal - 1);
    if let (Some((old, old_tl0)), Some((new, new_tl0))) = (before.ids, after.ids) {
        let pictures = new.wrapping_sub(old) & 0x7fff;
        let tl0 = new_tl0.wrapping_sub(old_tl0);
        if !runs_on(pictures.into(), pictures_between) || !runs_on(tl0.into(), 1) {
            return Err("the source changed, and picture ids do not run on".to_owned());
        }
    }
    if let (Some(old), Some(new)) = (before.frame_number, after.frame_number)
        && !runs_on(new.wrapping_sub(old).into(), frames_between)
    {
        return Err("the source changed, and frame numbers do not run on".to_owned());
    }
    Ok(())
}
