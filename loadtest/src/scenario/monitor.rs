//! The watch: once a second it takes what clients have counted and looks at the server's process and at
//! our own, shows how things are going, and keeps it for the plots.

mod progress;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::client::Tally;
use crate::lobby::Lobby;
use crate::report::{Sample, milliseconds};
use crate::server::{Process, Usage};
use progress::Progress;

/// The watch. It ends when this is dropped.
pub(super) struct Monitor {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    lobby: Arc<Lobby>,
    server: Option<Process>,
    own: Process,
    began: Instant,
    clients: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    samples: Vec<Sample>,
    total: Tally,
    window: Tally,
    last: Reading,
    window_began: Reading,
    progress: Progress,
}

/// The clocks at one moment.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    own: Duration,
    server: Option<Usage>,
}

/// What was measured between two moments.
pub(super) struct Window {
    /// How long it was.
    pub(super) elapsed: Duration,
    /// What clients counted.
    pub(super) tally: Tally,
    /// The CPU time of this program.
    pub(super) own_cpu: Duration,
    /// The server, if its process is known and still there.
    pub(super) server: Option<ServerWindow>,
}

/// What the server used between two moments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ServerWindow {
    /// CPU time.
    pub(super) cpu: Duration,
    /// What it held at the second.
    pub(super) at_end: Usage,
}

impl Monitor {
    /// Begins to watch.
    ///
    /// # Errors
    /// If `/proc` is not there.
    pub(super) fn start(
        lobby: Arc<Lobby>,
        server: Option<Process>,
        quiet: bool,
    ) -> std::io::Result<Self> {
        let own = Process::own()?;
        let first = Reading::take(&own, server.as_ref());
        let shared = Arc::new(Shared {
            lobby,
            server,
            own,
            began: first.at,
            clients: AtomicUsize::new(0),
            state: Mutex::new(State {
                samples: Vec::new(),
                total: Tally::default(),
                window: Tally::default(),
                last: first,
                window_began: first,
                progress: Progress::new(quiet),
            }),
        });
        let watching = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut seconds = tokio::time::interval(SECOND);
            seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
            seconds.tick().await;
            loop {
                seconds.tick().await;
                watching.look();
            }
        });
        Ok(Self { shared, task })
    }

    /// Says how many clients are there.
    pub(super) fn set_clients(&self, clients: usize) {
        self.shared.clients.store(clients, Ordering::Relaxed);
    }

    /// Says what is going on, for who watches.
    pub(super) fn say(&self, what: &str) {
        self.shared.state().progress.say(what);
    }

    /// Begins to measure.
    pub(super) fn open_window(&self) {
        self.shared.look();
        let mut state = self.shared.state();
        state.window = Tally::default();
        state.window_began = state.last;
    }

    /// What was measured since; goes on measuring.
    pub(super) fn window(&self) -> Window {
        self.shared.look();
        let state = self.shared.state();
        let (begin, end) = (&state.window_began, &state.last);
        let server = begin
            .server
            .zip(end.server)
            .map(|(begin, end)| ServerWindow {
                cpu: end.cpu.saturating_sub(begin.cpu),
                at_end: end,
            });
        Window {
            elapsed: end.at - begin.at,
            tally: state.window.clone(),
            own_cpu: end.own.saturating_sub(begin.own),
            server,
        }
    }

    /// Everything that was counted so far.
    pub(super) fn total(&self) -> Tally {
        self.shared.look();
        self.shared.state().total.clone()
    }

    /// Second by second.
    pub(super) fn samples(&self) -> Vec<Sample> {
        self.shared.state().samples.clone()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what there is since the last look.
    fn look(&self) {
        let mut state = self.state();
        let tally = self.lobby.take_tally();
        let reading = Reading::take(&self.own, self.server.as_ref());
        let elapsed = reading.at.saturating_duration_since(state.last.at);
        state.total.merge(&tally);
        state.window.merge(&tally);
        // A look out of turn is too short to say anything about rates.
        if elapsed >= SHORTEST_SAMPLE {
            let clients = self.clients.load(Ordering::Relaxed);
            let sample = reading.sample(&state.last, &tally, clients, self.began);
            state.progress.show(&sample);
            state.samples.push(sample);
        }
        state.last = reading;
    }
}

impl Reading {
    fn take(own: &Process, server: Option<&Process>) -> Self {
        Self {
            at: Instant::now(),
            own: own.usage().map(|usage| usage.cpu).unwrap_or_default(),
            server: server.and_then(|server| server.usage().ok()),
        }
    }

    fn sample(&self, last: &Self, tally: &Tally, clients: usize, began: Instant) -> Sample {
        let seconds = (self.at - last.at).as_secs_f64();
        let quantile = |share| tally.latency.quantile(share).map(milliseconds);
        let server = self.server.zip(last.server);
        Sample {
            at_seconds: (self.at - began).as_secs_f64(),
            clients,
            packets_per_second: tally.packets as f64 / seconds,
            bits_per_second: tally.bytes as f64 * 8.0 / seconds,
            lost_packets: tally.lost,
            latency_p50_ms: quantile(0.5),
            latency_p99_ms: quantile(0.99),
            server_cores: server
                .map(|(now, last)| now.cpu.saturating_sub(last.cpu).as_secs_f64() / seconds),
            server_memory_bytes: self.server.map(|server| server.resident),
            generator_cores: self.own.saturating_sub(last.own).as_secs_f64() / seconds,
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const SHORTEST_SAMPLE: Duration = Duration::from_millis(500);
