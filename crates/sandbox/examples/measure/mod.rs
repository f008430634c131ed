//! What this process costs, read from `/proc`.

use std::error::Error;
use std::fs;

/// Ticks of `/proc/self/stat` in a second, on every Linux of today.
const TICKS: f64 = 100.0;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Gives the memory of this process in bytes.
pub fn memory() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .ok_or("no VmRSS")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kilobytes * 1024)
}

/// Gives the processor time of this process in seconds.
pub fn processor() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let rest = stat.rsplit_once(')').ok_or("no name")?.1;
    let mut ticks = rest.split_whitespace().skip(11);
    let mut next = || -> Outcome<f64> { Ok(ticks.next().ok_or("no time")?.parse()?) };
    Ok((next()? + next()?) / TICKS)
}
