//! HTTP/1.1 over one connection that is kept, as much as a load needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long an answer is waited for: far more than any figure here, so that a hub that hangs ends the run.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes.
const BODY_BYTES_MAX: usize = 4_000_000;

/// A connection to one server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to `address`, which is `host:port`.
    ///
    /// # Errors
    ///
    /// Nobody listens there.
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark is the other side of the hub"
    )]
    pub(crate) fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends a whole request and returns the status and the body of the answer.
    ///
    /// # Errors
    ///
    /// The connection broke, or the answer is none of HTTP/1.1 with a length.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>)> {
        self.stream.get_mut().write_all(request).context("cannot send")?;
        let first = self.line()?;
        let status = first.split_whitespace().nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("no status line of HTTP/1.1: `{first}`"))?;
        let mut length = 0;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value
                    .trim()
                    .parse()
                    .context("the answer has a length that is no number")?;
            }
        }
        if length > BODY_BYTES_MAX {
            bail!("an answer of {length} bytes is none that was expected");
        }
        let mut body = vec![0; length];
        self.stream
            .read_exact(&mut body)
            .context("the answer broke off")?;
        Ok((status, body))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).context("no answer")? == 0 {
            bail!("the server closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }
}
