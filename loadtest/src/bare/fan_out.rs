//! The loop: copy, rewrite, seal, send.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg, setsockopt, sockopt,
};

use super::seal::{HEADER_BYTES, Seal, TAG_BYTES};
use super::{Plan, Sealing};
use crate::clock::thread_cpu_nanos;
use crate::media::Cadence;

/// Sends one plan.
pub(super) struct FanOut {
    socket: UdpSocket,
    tracks: Vec<Track>,
    seals: Vec<Option<Seal>>,
    addresses: Vec<SockaddrIn>,
    batch: Batch,
}

/// One kind of media of one publisher.
struct Track {
    packets: usize,
    packet: Vec<u8>,
    cadence: Cadence,
    per_second: u32,
    audience: Vec<usize>,
    ssrc: u32,
    index: u64,
}

/// What was sent, and the CPU time that it took.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Sent {
    pub(super) packets: u64,
    pub(super) cpu: Duration,
}

impl FanOut {
    /// Opens the socket.
    ///
    /// # Errors
    /// If there is none to be had.
    pub(super) fn bind(plan: &Plan, sealing: Sealing) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let _ = setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER);
        let now = Instant::now();
        let mut tracks = Vec::new();
        for (publisher, audience) in plan.audiences.iter().enumerate() {
            for bursts in plan.mix.kinds().filter_map(|kind| plan.mix.bursts(kind)) {
                tracks.push(Track {
                    packets: bursts.packets as usize,
                    packet: vec![0x80; bursts.packet_bytes.max(HEADER_BYTES)],
                    cadence: Cadence::new(now, bursts.per_second),
                    per_second: bursts.per_second,
                    audience: audience.clone(),
                    ssrc: publisher as u32 + 1,
                    index: 0,
                });
            }
        }
        let sealed = sealing == Sealing::Gcm;
        Ok(Self {
            socket,
            tracks,
            seals: (0..plan.receivers)
                .map(|_| sealed.then(Seal::random))
                .collect(),
            addresses: Vec::new(),
            batch: Batch::new(),
        })
    }

    /// Where it sends from.
    ///
    /// # Errors
    /// None that is known of.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Says where the receivers are.
    pub(super) fn aim_at(&mut self, addresses: &[SocketAddrV4]) {
        self.addresses = addresses.iter().copied().map(SockaddrIn::from).collect();
    }

    /// Sends at the pace of the mix until the time is over or `stop` says so.
    pub(super) fn run(&mut self, duration: Duration, stop: impl Fn() -> bool) -> Sent {
        let start = Instant::now();
        let count = self.tracks.len() as u32;
        for (number, track) in (0..).zip(&mut self.tracks) {
            // Publishers do not all send at the same moment.
            let phase = Duration::from_secs(1) / track.per_second.max(1) * number / count.max(1);
            track.cadence = Cadence::new(start + phase, track.per_second);
        }
        let cpu_before = thread_cpu_nanos();
        let mut sent = Sent::default();
        while !stop() {
            let next = self
                .tracks
                .iter()
                .map(|track| track.cadence.next_at())
                .min();
            let Some(next) = next.filter(|next| *next < start + duration) else {
                break;
            };
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            sent.packets += self.send_due(Instant::now());
        }
        sent.cpu = Duration::from_nanos(thread_cpu_nanos() - cpu_before);
        sent
    }

    fn send_due(&mut self, now: Instant) -> u64 {
        let mut sent = 0;
        for track in &mut self.tracks {
            while track.cadence.take(now) {
                for &receiver in &track.audience {
                    let (Some(seal), Some(address)) =
                        (self.seals.get(receiver), self.addresses.get(receiver))
                    else {
                        continue;
                    };
                    self.batch.stage(track, seal.as_ref(), *address);
                    if self.batch.is_full() {
                        sent += self.batch.send(&self.socket, track);
                    }
                }
                sent += self.batch.send(&self.socket, track);
                track.index += track.packets as u64;
            }
        }
        sent
    }
}

/// Messages on their way, all of one track.
struct Batch {
    buffer: Box<[u8]>,
    used: usize,
    addresses: ArrayVec<Option<SockaddrIn>, MESSAGES>,
    /// With room for the size of a segment, which the headers of single datagrams must not have.
    runs: MultiHeaders<SockaddrIn>,
    singles: MultiHeaders<SockaddrIn>,
}

impl Batch {
    fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            used: 0,
            addresses: ArrayVec::new(),
            runs: MultiHeaders::preallocate(MESSAGES, Some(cmsg_space!(u16))),
            singles: MultiHeaders::preallocate(MESSAGES, None),
        }
    }

    fn is_full(&self) -> bool {
        self.addresses.is_full()
    }

    /// Writes a frame for one receiver.
    fn stage(&mut self, track: &Track, seal: Option<&Seal>, address: SockaddrIn) {
        let len = track.packet.len() + if seal.is_some() { TAG_BYTES } else { 0 };
        for (place, number) in (0..track.packets).zip(track.index..) {
            let Some(packet) = self.buffer.get_mut(self.used..self.used + len) else {
                return;
            };
            if let Some(plain) = packet.get_mut(..track.packet.len()) {
                plain.copy_from_slice(&track.packet);
            }
            let last = place + 1 == track.packets;
            rewrite(packet, last, number, track.ssrc);
            if let Some(seal) = seal {
                seal.seal(track.ssrc, number, packet);
            }
            self.used += len;
        }
        self.addresses.push(Some(address));
    }

    /// Sends what is staged. How many packets the kernel took.
    fn send(&mut self, socket: &UdpSocket, track: &Track) -> u64 {
        if self.addresses.is_empty() {
            return 0;
        }
        let message = self.used / self.addresses.len();
        let segment = (message / track.packets.max(1)) as u16;
        let staged = self.buffer.get(..self.used).unwrap_or_default();
        let messages: ArrayVec<[IoSlice<'_>; 1], MESSAGES> = staged
            .chunks(message.max(1))
            .map(|bytes| [IoSlice::new(bytes)])
            .collect();
        let run = [ControlMessage::UdpGsoSegments(&segment)];
        let (headers, control) = match track.packets {
            1 => (&mut self.singles, &run[..0]),
            _ => (&mut self.runs, &run[..]),
        };
        let fd = socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        // What does not fit the buffer of the socket is lost, as it would be in a server.
        let taken = sendmmsg(fd, headers, &messages, &self.addresses, control, flags)
            .map_or(0, |taken| taken.count());
        self.used = 0;
        self.addresses.clear();
        (taken * track.packets) as u64
    }
}

/// What a forwarder changes in a header: marker, sequence number, timestamp and SSRC.
fn rewrite(packet: &mut [u8], marker: bool, number: u64, ssrc: u32) {
    let Some(header) = packet.first_chunk_mut::<HEADER_BYTES>() else {
        return;
    };
    header[1] = u8::from(marker) << 7 | 96;
    header[2..4].copy_from_slice(&(number as u16).to_be_bytes());
    header[4..8].copy_from_slice(&(number as u32).to_be_bytes());
    header[8..12].copy_from_slice(&ssrc.to_be_bytes());
}

/// More gain nothing.
const MESSAGES: usize = 32;

/// The largest GSO message is 64 KiB; frames of this test are some 6 KiB.
const BUFFER_BYTES: usize = 4 << 20;

/// What the server asks for.
const SEND_BUFFER: usize = 2 << 20;
