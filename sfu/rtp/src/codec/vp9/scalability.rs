//! The scalability structure of a VP9 stream (RFC 9628 §4.2.1).

use super::super::Resolution;
use super::super::reader::Reader;

/// How many spatial layers a VP9 stream has and how large they are. The pattern of pictures that
/// may follow them is skipped: forwarding goes by the layer indices of each packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScalabilityStructure {
    spatial_layers: u8,
    has_resolutions: bool,
    resolutions: [Resolution; MAX_SPATIAL_LAYERS],
}

impl ScalabilityStructure {
    /// How many spatial layers there are, 1 to 8.
    pub const fn spatial_layers(&self) -> u8 {
        self.spatial_layers
    }

    /// The size of each spatial layer, the lowest first; empty if the sender did not tell.
    pub fn resolutions(&self) -> &[Resolution] {
        let known = if self.has_resolutions {
            usize::from(self.spatial_layers)
        } else {
            0
        };
        self.resolutions.get(..known).unwrap_or_default()
    }

    /// Outlined, since only one packet in hundreds has it.
    #[cold]
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let first = reader.u8()?;
        let spatial_layers = (first >> 5) + 1;
        let has_resolutions = first & RESOLUTIONS_BIT != 0;
        let mut resolutions = [Resolution::default(); MAX_SPATIAL_LAYERS];
        if has_resolutions {
            for resolution in resolutions.iter_mut().take(usize::from(spatial_layers)) {
                *resolution = Resolution {
                    width: reader.u16()?,
                    height: reader.u16()?,
                };
            }
        }
        if first & PICTURE_GROUP_BIT != 0 {
            for _ in 0..reader.u8()? {
                let references = reader.u8()? >> 2 & 0x03;
                reader.take(usize::from(references))?;
            }
        }
        Some(Self {
            spatial_layers,
            has_resolutions,
            resolutions,
        })
    }
}

const MAX_SPATIAL_LAYERS: usize = 8;
const RESOLUTIONS_BIT: u8 = 0x10;
const PICTURE_GROUP_BIT: u8 = 0x08;
