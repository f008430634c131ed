//! What the machine itself can do: durable appends and round trips on the loopback interface.
//!
//! Every figure of the hub is to be read beside these, since both swing by a factor of ten between machines.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::clock::{ms, now, percentile, rounded};

/// Appends that are measured.
const SYNCS: usize = 200;

/// Round trips that are measured.
const ROUND_TRIPS: u32 = 20_000;

/// The rates of this machine at this hour.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Appends of 4 KiB, each made durable, per second.
    pub(crate) syncs_per_s: f64,
    /// How long half of these took at most, in milliseconds.
    pub(crate) sync_p50_ms: f64,
    /// How long 99 of 100 of these took at most, in milliseconds.
    pub(crate) sync_p99_ms: f64,
    /// Round trips of one byte over one TCP connection, per second.
    pub(crate) round_trips_per_s: f64,
    /// Processors that this process may use.
    pub(crate) cores: usize,
    /// Programs that wanted a processor in the last minute, on average: near 0 on a machine that is free for this.
    pub(crate) load: Option<f64>,
}

impl Machine {
    /// Measures the machine, in the folder for temporary files, where the databases of the runs lie too.
    ///
    /// # Errors
    ///
    /// The folder cannot be written, or the loopback interface does not work.
    pub(crate) fn measure() -> Result<Self> {
        let mut syncs = syncs().context("cannot measure durable appends")?;
        let total_ms: f64 = syncs.iter().sum();
        Ok(Self {
            syncs_per_s: syncs.len() as f64 * 1000.0 / total_ms,
            sync_p50_ms: percentile(&mut syncs, 50),
            sync_p99_ms: percentile(&mut syncs, 99),
            round_trips_per_s: round_trips_per_s().context("cannot measure the loopback interface")?,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: load(),
        })
    }

    /// Returns the rates for programs.
    pub(crate) fn value(&self) -> Value {
        json!({
            "cores": self.cores,
            "load_average_1_min": self.load,
            "fdatasync_4k_per_s": rounded(self.syncs_per_s),
            "fdatasync_4k_ms": { "p50": rounded(self.sync_p50_ms), "p99": rounded(self.sync_p99_ms) },
            "loopback_round_trips_per_s": rounded(self.round_trips_per_s),
        })
    }
}

fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Returns how long each append took, in milliseconds.
fn syncs() -> std::io::Result<Vec<f64>> {
    let folder = schakel_testkit::tempdir();
    let mut file = File::create(folder.path().join("appends"))?;
    let block = [0x5a_u8; 4096];
    let mut taken = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let start = now();
        file.write_all(&block)?;
        file.sync_data()?;
        taken.push(ms(start.elapsed()));
    }
    Ok(taken)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark of the machine's own loopback"
)]
fn round_trips_per_s() -> std::io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::scope(|scope| {
        let echo = scope.spawn(move || echo(&listener));
        let asked = ask(TcpStream::connect(address)?);
        // The connection is closed by now, so the other side has ended or is about to.
        echo.join()
            .map_err(|_| std::io::Error::other("the other side panicked"))??;
        asked
    })
}

fn ask(mut stream: TcpStream) -> std::io::Result<f64> {
    stream.set_nodelay(true)?;
    let mut byte = [1_u8];
    let start = now();
    for _ in 0..ROUND_TRIPS {
        stream.write_all(&byte)?;
        stream.read_exact(&mut byte)?;
    }
    Ok(f64::from(ROUND_TRIPS) / start.elapsed().as_secs_f64())
}

fn echo(listener: &TcpListener) -> std::io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut byte = [0_u8];
    while stream.read(&mut byte)? == 1 {
        stream.write_all(&byte)?;
    }
    Ok(())
}
