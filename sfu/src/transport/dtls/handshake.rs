//! A handshake under way: which of the client's records may reach the library, and what is left to check when it is
//! complete.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::dtls::endpoint::Endpoint;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;

use super::client_hello::choose_protection;
use super::identity::{Identity, fingerprint_of};
use super::reassembly::{Message, Reassembler};
use super::record::{ContentType, Record, records, write_plaintext};
use super::{DtlsError, LOCAL, PEER};
use crate::parameters::Fingerprint;
use crate::transport::srtp::{SrtpKeys, SrtpProtection};

/// What is needed until the handshake is complete.
pub(super) struct Handshake {
    pub(super) deadline: Instant,
    reassembler: Reassembler,
    /// From the first whole ClientHello on.
    pub(super) endpoint: Option<(Endpoint, SrtpProtection)>,
    /// Of the unencrypted records that the endpoint is given: it remembers which it has had.
    next_sequence: u64,
    datagrams: usize,
    bytes: usize,
}

impl Handshake {
    /// One that must be complete within the time.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            deadline: now + HANDSHAKE_TIMEOUT,
            reassembler: Reassembler::default(),
            endpoint: None,
            next_sequence: 0,
            datagrams: 0,
            bytes: 0,
        }
    }

    /// Picks what may go on to the endpoint out of a datagram. Makes the endpoint when it is known what for.
    pub(super) fn admit(
        &mut self,
        identity: &Identity,
        datagram: &[u8],
    ) -> Result<BytesMut, DtlsError> {
        self.datagrams += 1;
        self.bytes += datagram.len();
        if self.datagrams > MAX_HANDSHAKE_DATAGRAMS || self.bytes > MAX_HANDSHAKE_BYTES {
            return Err(DtlsError::Rejected);
        }
        let mut input = BytesMut::new();
        let mut of_use = false;
        for record in records(datagram) {
            of_use |= self.admit_record(identity, &record, &mut input)?;
        }
        if of_use {
            Ok(input)
        } else {
            Err(DtlsError::Rejected)
        }
    }

    fn admit_record(
        &mut self,
        identity: &Identity,
        record: &Record<'_>,
        input: &mut BytesMut,
    ) -> Result<bool, DtlsError> {
        match (record.epoch, record.content) {
            (0, ContentType::HANDSHAKE) => {
                let taken = self.reassembler.push(record.body);
                while let Some(message) = self.reassembler.pop() {
                    self.check_hello(identity, &message)?;
                    let parts = [&message.header[..], &message.body];
                    self.write_record(input, ContentType::HANDSHAKE, &parts);
                }
                Ok(taken)
            }
            (0, ContentType::ALERT) => match *record.body {
                [2, description] | [_, description @ 0] => Err(DtlsError::Alert(description)),
                _ => Ok(false),
            },
            _ if self.endpoint.is_none() => Ok(false),
            (0, ContentType::CHANGE_CIPHER_SPEC) if *record.body == [1] => {
                self.write_record(input, record.content, &[record.body]);
                Ok(true)
            }
            // Encrypted already; the endpoint keeps it until it has the keys.
            (1, ContentType::HANDSHAKE | ContentType::ALERT | ContentType::APPLICATION_DATA) => {
                input.extend_from_slice(record.bytes);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Settles on an SRTP profile by the first ClientHello, and holds the second to it (RFC 6347 §4.2.1): the first is
    /// not authenticated by the handshake, so a stranger could have changed it.
    fn check_hello(&mut self, identity: &Identity, message: &Message) -> Result<(), DtlsError> {
        if message.sequence > 1 {
            return Ok(());
        }
        let offered = choose_protection(&message.body);
        match (&self.endpoint, offered) {
            (None, Some(chosen)) => {
                let config = Some(identity.handshake_config(chosen));
                let endpoint = Endpoint::new(LOCAL, TransportProtocol::UDP, config);
                self.endpoint = Some((endpoint, chosen));
                Ok(())
            }
            (None, None) => Err(DtlsError::NoSrtpProfile),
            (Some((_, settled)), Some(chosen)) if *settled == chosen => Ok(()),
            (Some(_), _) => Err(DtlsError::Failed),
        }
    }

    fn write_record(&mut self, input: &mut BytesMut, content: ContentType, parts: &[&[u8]]) {
        write_plaintext(input, content, self.next_sequence, parts);
        self.next_sequence += 1;
    }
}

/// The keys, if the client is who the offer says.
pub(super) fn verify_and_export(
    endpoint: &Endpoint,
    fingerprints: &[Fingerprint],
    protection: SrtpProtection,
) -> Result<SrtpKeys, DtlsError> {
    let state = endpoint
        .get_connection_state(PEER)
        .ok_or(DtlsError::Failed)?;
    let certificate = state.peer_certificates.first().ok_or(DtlsError::Failed)?;
    if !fingerprints.contains(&fingerprint_of(certificate)) {
        return Err(DtlsError::FingerprintMismatch);
    }
    let settled = match protection {
        SrtpProtection::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        SrtpProtection::Aes128CmHmacSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    };
    if state.srtp_protection_profile() != settled {
        return Err(DtlsError::Failed);
    }
    let material = state
        .export_keying_material(SRTP_EXPORTER_LABEL, &[], protection.keying_material_len())
        .map_err(|_| DtlsError::Failed)?;
    SrtpKeys::from_exported(protection, material.as_ref()).ok_or(DtlsError::Failed)
}

/// RFC 5764 §4.2.
pub(super) const SRTP_EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// At 30 % loss both ways a handshake takes some seconds at the worst; a person has gone after 15.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// A handshake has six datagrams from the client. Forty repetitions are more than fit into the time.
pub(super) const MAX_HANDSHAKE_DATAGRAMS: usize = 240;

/// As many datagrams, half of them full. The library keeps what it cannot read yet, so this bounds its memory.
pub(super) const MAX_HANDSHAKE_BYTES: usize = 160 * 1024;
