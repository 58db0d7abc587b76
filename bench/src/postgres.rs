//! A PostgreSQL of our own, with the tables and functions of `postgres/`, driven by pgbench.

use crate::compare::Operation;
use crate::load::{Sample, Window};
use crate::{Result, machine};
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian's package postgresql-15 keeps what is not on the path.
const DEBIAN: &str = "/usr/lib/postgresql/15/bin";
const SCHEMA: &str = include_str!("../postgres/schema.sql");
const FUNCTIONS: &str = include_str!("../postgres/functions.sql");
const SEED: &str = include_str!("../postgres/seed.sql");
const SETTINGS: &str = include_str!("../postgres/postgresql.conf");
const EARN: &str = include_str!("../postgres/earn.pgbench");
const REDEEM: &str = include_str!("../postgres/redeem.pgbench");

/// A running server; stopped when dropped.
pub(crate) struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    members: u64,
    keyed: bool,
}

impl Postgres {
    /// A fresh cluster in `folder` with so many members, each with two lots.
    pub(crate) fn start(bin: Option<&Path>, folder: &Path, members: u64, keyed: bool) -> Result<Self> {
        let bin = bin.unwrap_or(Path::new(DEBIAN)).to_owned();
        if !bin.join("initdb").exists() {
            let bin = bin.display();
            return Err(format!(
                "no initdb in {bin}: install PostgreSQL 15, or name its folder with --postgres-bin"
            )
            .into());
        }
        fs::create_dir_all(folder)?;
        if running_as_root()? {
            run(Command::new("chown").arg("postgres").arg(folder))?;
        }
        let server = Self { bin, folder: folder.to_owned(), members, keyed };
        let data = server.data();
        run(server.owner("initdb")?.arg("-D").arg(&data).args([
            "--locale=C",
            "-E",
            "UTF8",
            "--auth=trust",
            "-U",
            "postgres",
            "-N",
        ]))?;
        let defaults = fs::read_to_string(data.join("postgresql.conf"))?;
        fs::write(data.join("postgresql.conf"), defaults + "\n" + SETTINGS)?;
        run(server
            .control("start")?
            .arg("-o")
            .arg(format!("-k '{}'", folder.display()))
            .arg("-l")
            .arg(folder.join("postgres.log")))?;
        server.psql(SCHEMA)?;
        server.psql(FUNCTIONS)?;
        server.psql(SEED)?;
        Ok(server)
    }

    pub(crate) fn version(&self) -> Result<String> {
        run(Command::new(self.bin.join("postgres")).arg("--version"))
    }

    /// One run of pgbench; `run` tells its order ids from those of other runs.
    pub(crate) fn measure(
        &self,
        operation: Operation,
        run_number: u64,
        connections: u64,
        window: Window,
    ) -> Result<Sample> {
        let script = match operation {
            Operation::Earn => EARN,
            Operation::Redeem => REDEEM,
        };
        let script =
            if self.keyed { script.replace(");\n", ", p_key => :order);\n") } else { script.to_owned() };
        let path = self.folder.join("script.pgbench");
        fs::write(&path, script)?;
        let prefix = self.folder.join(format!("latencies-{run_number}"));
        let seconds = (window.warmup + window.measured).as_secs() + 1;
        let mut pgbench = Command::new(self.bin.join("pgbench"));
        pgbench.args([
            "-n",
            "-M",
            "prepared",
            "-j",
            "1",
            "-c",
            &connections.to_string(),
            "-T",
            &seconds.to_string(),
        ]);
        pgbench.args([
            "-D",
            "n=0",
            "-D",
            &format!("run={run_number}"),
            "-D",
            &format!("members={}", self.members),
        ]);
        pgbench.arg("-l").arg("--log-prefix").arg(&prefix).arg("-f").arg(&path);
        run(self.client(&mut pgbench))?;
        self.read_log(&prefix, window)
    }

    /// What pgbench wrote down of each transaction: client, number, microseconds, script, and its end as
    /// seconds and microseconds. The window opens when the first transaction began.
    fn read_log(&self, prefix: &Path, window: Window) -> Result<Sample> {
        let name = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".";
        let entry = fs::read_dir(&self.folder)?
            .filter_map(|entry| entry.ok())
            .find(|entry| entry.file_name().to_string_lossy().starts_with(&name))
            .ok_or("pgbench wrote no log")?;
        let text = fs::read_to_string(entry.path())?;
        fs::remove_file(entry.path())?;
        let transactions = text
            .lines()
            .map(transaction)
            .collect::<Option<Vec<_>>>()
            .ok_or("pgbench's log has a line of another form")?;
        let start = transactions
            .iter()
            .map(|(latency, end)| end - u64::from(*latency))
            .min()
            .ok_or("pgbench did nothing")?;
        let counted = start + window.warmup.as_micros() as u64;
        let end = counted + window.measured.as_micros() as u64;
        let latencies = transactions
            .into_iter()
            .filter(|(_, at)| (counted..end).contains(at))
            .map(|(latency, _)| latency)
            .collect();
        Ok(Sample { seconds: window.measured.as_secs_f64(), latencies, refused: 0 })
    }

    /// Its own process and those of its connections and housekeeping.
    pub(crate) fn processes(&self) -> Result<Vec<u32>> {
        let file = fs::read_to_string(self.data().join("postmaster.pid"))?;
        let postmaster = file.lines().next().ok_or("postmaster.pid is empty")?;
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = fs::read_to_string(children)?;
        [postmaster].into_iter().chain(children.split_whitespace()).map(|pid| Ok(pid.parse()?)).collect()
    }

    fn psql(&self, script: &str) -> Result<()> {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-qXtA", "-v", "ON_ERROR_STOP=1", "-v", &format!("members={}", self.members), "-f", "-"]);
        let mut child = self.client(&mut psql).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(script.as_bytes())?;
        }
        if child.wait()?.success() { Ok(()) } else { Err("psql failed".into()) }
    }

    fn client<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("PGHOST", &self.folder).env("PGUSER", "postgres").env("PGDATABASE", "postgres")
    }

    fn control(&self, verb: &str) -> Result<Command> {
        let mut command = self.owner("pg_ctl")?;
        command.arg(verb).arg("-D").arg(self.data()).args(["-w", "-s", "-t", "120"]);
        Ok(command)
    }

    /// A program run as the user who owns the data: PostgreSQL refuses to be root.
    fn owner(&self, program: &str) -> Result<Command> {
        let program = self.bin.join(program);
        let mut command = if running_as_root()? {
            let mut command = Command::new("runuser");
            command.args([OsStr::new("-u"), OsStr::new("postgres"), OsStr::new("--"), program.as_os_str()]);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder);
        Ok(command)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !self.data().join("postmaster.pid").exists() {
            return;
        }
        let stopped = self
            .processes()
            .and_then(|pids| machine::signal("-CONT", &pids))
            .and_then(|()| self.control("stop"))
            .and_then(|mut command| run(command.args(["-m", "immediate"])));
        if let Err(error) = stopped {
            eprintln!("PostgreSQL could not be stopped: {error}");
        }
    }
}

fn transaction(line: &str) -> Option<(u32, u64)> {
    let mut fields = line.split(' ').skip(2);
    let latency = fields.next()?.parse().ok()?;
    let seconds: u64 = fields.nth(1)?.parse().ok()?;
    let micros: u64 = fields.next()?.parse().ok()?;
    Some((latency, seconds * 1_000_000 + micros))
}

fn running_as_root() -> Result<bool> {
    Ok(run(Command::new("id").arg("-u"))? == "0")
}

/// What a command printed; what it complained of, if it failed. pg_ctl leaves a server behind that keeps
/// its output open, so that is sent to a file and not to a pipe.
fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let starts_a_server = command.get_args().any(|argument| argument == "start");
    if starts_a_server {
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        return if status.success() {
            Ok(String::new())
        } else {
            Err(format!("{name} start: {status}").into())
        };
    }
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{name}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_of_pgbench_log() {
        assert_eq!(super::transaction("3 17 2038 0 1175850569 608"), Some((2038, 1_175_850_569_000_608)));
        assert_eq!(super::transaction("3 17 skipped 0"), None);
    }
}
