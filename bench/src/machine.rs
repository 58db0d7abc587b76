//! The machine and the moment that figures belong to.

use crate::Result;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// One line to stand above every table: figures without it mean nothing later.
pub(crate) fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = rfc3339(0);
    format!(
        "{} · {} × {} · Linux {} · load average {}",
        date.split('T').next().unwrap_or_default(),
        cores,
        model.trim_start_matches([' ', '\t', ':']),
        kernel.trim(),
        load_average()
    )
}

/// The load of the last minute, as the kernel prints it.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Time that all cores together spent at work, and in all, since boot, in ticks.
pub(crate) fn processor_time() -> (u64, u64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let fields = first.split_ascii_whitespace().skip(1);
    let ticks: Vec<u64> = fields.take(8).filter_map(|field| field.parse().ok()).collect();
    let all: u64 = ticks.iter().sum();
    // The fourth and the fifth are idle, and idle with I/O under way.
    (all - ticks.iter().skip(3).take(2).sum::<u64>(), all)
}

/// Processor time that a process has spent since its start, in milliseconds.
pub(crate) fn spent_ms(process: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold spaces; after it stand the state and, as 12th and 13th, ticks of 10 ms.
    let (_, rest) = stat.rsplit_once(") ").ok_or("no name in /proc/PID/stat")?;
    let ticks =
        rest.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<std::result::Result<u64, _>>()?;
    Ok(ticks * 10)
}

/// The instant so many days ago, to the second, in UTC.
pub(crate) fn rfc3339(days_ago: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let seconds = now.saturating_sub(days_ago * 86_400);
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Days since 1970-01-01 as a date; years are counted from March, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn dates_around_a_leap_day() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(19_783), (2024, 3, 1));
        assert_eq!(civil(20_819), (2027, 1, 1));
    }
}

/// Sends a signal to those of the processes that are still there.
pub(crate) fn signal(signal: &str, processes: &[u32]) -> Result<()> {
    let processes = processes.iter().map(u32::to_string);
    let mut kill = Command::new("kill");
    // Its answer only tells of those that had gone.
    kill.arg(signal).args(processes).stderr(Stdio::null()).status()?;
    Ok(())
}

/// Waits until everything written by anybody is on the disk.
pub(crate) fn flush() -> Result<()> {
    let status = Command::new("sync").status()?;
    if status.success() { Ok(()) } else { Err(format!("sync: {status}").into()) }
}
