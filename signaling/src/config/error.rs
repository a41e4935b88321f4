//! Why the configuration is refused. Each is one sentence that names the key.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use thiserror::Error;

/// Why the configuration is refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a key or value that it may not have.
    #[error("{}, line {line}: {message}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Where in it, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A variable with our prefix that means nothing.
    #[error("there is no setting for the environment variable {0}")]
    UnknownVariable(String),
    /// A number outside of its range.
    #[error("{key} is {value}, but must be from {least} to {most}")]
    OutOfRange {
        /// Which.
        key: &'static str,
        /// What it is.
        value: String,
        /// The smallest it may be.
        least: String,
        /// The largest it may be.
        most: String,
    },
    /// There is no port for each worker.
    #[error("udp-port is {first}, which leaves too few ports for {workers} workers")]
    TooFewPorts {
        /// The first port.
        first: u16,
        /// How many are needed.
        workers: usize,
    },
    /// An address that cannot be used for this.
    #[error("{key} cannot be {address}")]
    UnusableAddress {
        /// Which.
        key: &'static str,
        /// What it is.
        address: IpAddr,
    },
    /// Not `name:secret`; the text is not shown, because it may hold a secret.
    #[error("key number {position} is not of the form name:secret")]
    MalformedKey {
        /// From 1.
        position: usize,
    },
    /// RFC 7518 §3.2 asks for as many bits as the hash has.
    #[error(
        "the secret of key `{name}` is shorter than {} bytes",
        super::keys::MIN_SECRET_BYTES
    )]
    ShortSecret {
        /// Whose.
        name: String,
    },
    /// Two keys of one name.
    #[error("there are two keys with the name `{name}`")]
    DuplicateKey {
        /// Which.
        name: String,
    },
    /// Not a STUN or TURN URL with what belongs to it.
    #[error("ice-server `{url}`: {problem}")]
    IceServer {
        /// The first word of it.
        url: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Without keys the server listens on loopback only.
    #[error(
        "listen is {listen}, which other machines may reach, but there is no key, so everybody could \
         use the server: configure a key, or say insecure-open"
    )]
    OpenBeyondLoopback {
        /// Where it would listen.
        listen: SocketAddr,
    },
    /// The two contradict each other.
    #[error("insecure-open is set, but there are keys: remove one or the other")]
    OpenWithKeys,
}
