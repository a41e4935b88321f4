//! Checks the transport-wide feedback that a publisher gets: it may report only what was sent, and of
//! what it reports the publisher would believe every word.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, SymbolTypeTcc, TransportLayerCc,
};

/// What a publisher sent, and what it was told of it.
#[derive(Debug, Default)]
pub struct TransportReports {
    sent: HashMap<u16, Sent>,
    statistics: TransportStatistics,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Instant,
    acknowledged: bool,
}

/// What was counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TransportStatistics {
    /// Packets with a transport-wide number that were sent.
    pub sent: u64,
    /// Of those, the ones that the server reports as received.
    pub acknowledged: u64,
    /// Reports.
    pub reports: u64,
}

impl TransportReports {
    /// Notes that numbers `first..next`, modulo 2^16, have just been sent.
    pub fn sent(&mut self, now: Instant, first: u16, next: u16) {
        for ahead in 0..next.wrapping_sub(first) {
            let sent = Sent {
                at: now,
                acknowledged: false,
            };
            self.sent.insert(first.wrapping_add(ahead), sent);
            self.statistics.sent += 1;
        }
    }

    /// What was counted.
    pub fn statistics(&self) -> TransportStatistics {
        self.statistics
    }

    /// Takes a report.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn on_report(&mut self, now: Instant, report: &TransportLayerCc) -> Result<(), String> {
        self.statistics.reports += 1;
        let symbols = symbols(report);
        let deltas = symbols.iter().filter(|symbol| has_delta(**symbol)).count();
        if deltas != report.recv_deltas.len() {
            let found = report.recv_deltas.len();
            return Err(format!(
                "{deltas} packets arrived by the chunks, {found} by the deltas"
            ));
        }
        for (ahead, symbol) in symbols.iter().enumerate() {
            if *symbol == SymbolTypeTcc::PacketNotReceived {
                continue;
            }
            let number = report.base_sequence_number.wrapping_add(ahead as u16);
            let sent = self.sent.get_mut(&number);
            let Some(sent) = sent.filter(|sent| now - sent.at < LONGEST_DELAY) else {
                return Err(format!("transport-wide number {number} was never sent"));
            };
            self.statistics.acknowledged += u64::from(!sent.acknowledged);
            sent.acknowledged = true;
        }
        Ok(())
    }
}

fn symbols(report: &TransportLayerCc) -> Vec<SymbolTypeTcc> {
    let mut symbols = Vec::new();
    for chunk in &report.packet_chunks {
        match chunk {
            PacketStatusChunk::RunLengthChunk(run) => {
                let run = std::iter::repeat_n(run.packet_status_symbol, run.run_length.into());
                symbols.extend(run);
            }
            PacketStatusChunk::StatusVectorChunk(vector) => symbols.extend(&vector.symbol_list),
        }
    }
    // The last chunk may say more than there is.
    symbols.truncate(report.packet_status_count.into());
    symbols
}

fn has_delta(symbol: SymbolTypeTcc) -> bool {
    matches!(
        symbol,
        SymbolTypeTcc::PacketReceivedSmallDelta | SymbolTypeTcc::PacketReceivedLargeDelta
    )
}

/// Older numbers may have been used again.
const LONGEST_DELAY: Duration = Duration::from_secs(20);
