//! A laurel server of our own: started on a free port, killed or stopped, asked for its size.

use crate::http::{Connection, Request, Target};
use crate::load::{Sample, Traffic, Window, drive};
use crate::traffic::{Fill, Members, Register};
use crate::{Result, Setup};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

const KEY: &str = "bench-admin-key-0123456789abcdef";
const PROGRAM: &str = include_str!("../program.json");
/// Connections of everything that is not itself measured.
const FILLING: usize = 64;

/// A running server and its data; killed when dropped.
pub(crate) struct Server {
    binary: PathBuf,
    program: PathBuf,
    pub(crate) data: PathBuf,
    log: PathBuf,
    pub(crate) target: Target,
    flags: &'static [&'static str],
    child: Child,
}

impl Server {
    /// A fresh server called `name` in the folder `work`.
    pub(crate) fn start(setup: &Setup, work: &Path, name: &str) -> Result<Self> {
        Self::start_with(setup, work, name, &[])
    }

    /// The same with more words after `laurel serve`.
    pub(crate) fn start_with(
        setup: &Setup,
        work: &Path,
        name: &str,
        flags: &'static [&'static str],
    ) -> Result<Self> {
        let program = work.join("program.json");
        fs::write(&program, self::program(setup)?).map_err(|e| format!("the programme: {e}"))?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let binary = fs::canonicalize(&setup.laurel)
            .map_err(|e| format!("{}: {e} (build it, or name it with --laurel)", setup.laurel.display()))?;
        let data = work.join(name);
        let log = work.join(format!("{name}.log"));
        let socket = setup.socket.then(|| work.join(format!("{name}.socket")));
        let target = Target { address, socket, key: KEY.into() };
        let child = spawn(&binary, &data, &program, &log, &target, flags)?;
        let mut server = Self { binary, program, data, log, target, flags, child };
        server.wait_until_ready(Instant::now())?;
        Ok(server)
    }

    /// Starts it again on the same data; answers how long that took until it served.
    pub(crate) fn restart(&mut self) -> Result<Duration> {
        let start = Instant::now();
        self.child = spawn(&self.binary, &self.data, &self.program, &self.log, &self.target, self.flags)?;
        self.wait_until_ready(start)
    }

    fn wait_until_ready(&mut self, start: Instant) -> Result<Duration> {
        while start.elapsed() < Duration::from_secs(60) {
            if healthy(self.target.address) {
                return Ok(start.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(self.blame(&format!("the server ended with {status}")));
            }
            sleep(Duration::from_micros(500));
        }
        Err(self.blame("the server was not ready within a minute"))
    }

    /// Makes a webhook that hears these types at that address.
    pub(crate) async fn webhook(&self, receiver: SocketAddr, types: &str) -> Result<()> {
        let mut request = Request::new(&self.target);
        let body = format_args!("{{\"url\":\"http://{receiver}/\",\"types\":[\"{types}\"]}}");
        request.post("/webhooks", body);
        let mut connection = Connection::open(&self.target).await?;
        let reply = connection.send(&mut request).await?;
        match reply.status {
            201 => Ok(()),
            status => {
                let text = String::from_utf8_lossy(reply.body).into_owned();
                Err(self.blame(&format!("the webhook was answered {status}: {text}")))
            }
        }
    }

    /// `laurel follow`, which keeps a copy of this server's data beside them.
    pub(crate) fn follow(&self, copy: &Path) -> Result<Child> {
        let log = append(&copy.with_extension("log"))?;
        let child = Command::new(&self.binary)
            .args(["follow", "--from", &format!("http://{}", self.target.address)])
            .args(["--data".as_ref(), copy.as_os_str()])
            .env("LAUREL_ADMIN_KEY", KEY)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        Ok(child.map_err(|e| format!("{}: {e}", self.binary.display()))?)
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: what a power switch is to a process.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and the wait for its end.
    pub(crate) fn stop(&mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(self.blame(&format!("stopping the server: {status}"))) }
    }

    /// `laurel compact` on the data of a stopped server.
    pub(crate) fn compact(&self) -> Result<()> {
        let log = append(&self.log)?;
        let status = Command::new(&self.binary)
            .args(["compact".as_ref(), "--data".as_ref(), self.data.as_os_str()])
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()?;
        if status.success() { Ok(()) } else { Err(self.blame(&format!("laurel compact: {status}"))) }
    }

    /// A figure of `/proc/PID/status` in kB: `VmRSS`, `VmHWM`, `RssAnon`.
    pub(crate) fn memory_kb(&self, figure: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
        let line = line.ok_or_else(|| format!("no {figure} in /proc"))?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// An error with the end of the server's log.
    pub(crate) fn blame(&self, what: &str) -> Box<dyn std::error::Error + Send + Sync> {
        let log = fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).into_owned();
        format!("{what}\n{}, its log's end:\n{tail}", self.data.display()).into()
    }

    /// Drives this server; an error includes its log.
    pub(crate) async fn drive<T: Traffic>(
        &self,
        traffic: Vec<T>,
        window: Window,
    ) -> Result<(Vec<T>, Sample)> {
        drive(&self.target, traffic, window).await.map_err(|error| self.blame(&error.to_string()))
    }

    /// Registers so many members over HTTP.
    pub(crate) async fn register(&self, count: u64) -> Result<Members> {
        let next = Arc::new(AtomicU64::new(0));
        let one = || Register { next: Arc::clone(&next), count, current: 0, registered: Vec::new() };
        let traffic = (0..FILLING).map(|_| one()).collect();
        let progress = Progress::start("registering", &next, count);
        let (traffic, sample) = self.drive(traffic, Window::WHOLE).await?;
        progress.finish(&sample);
        let mut registered: Vec<_> = traffic.into_iter().flat_map(|each| each.registered).collect();
        registered.sort_unstable();
        Ok(registered.into_iter().map(|(_, id)| id).collect())
    }

    /// Sends what `fill` makes from 64 connections.
    pub(crate) async fn fill(&self, fill: impl Fn(Arc<AtomicU64>) -> Fill) -> Result<()> {
        let next = Arc::new(AtomicU64::new(0));
        let traffic: Vec<_> = (0..FILLING).map(|_| fill(Arc::clone(&next))).collect();
        let total = traffic[0].members.len() as u64 * traffic[0].orders_each;
        let progress = Progress::start("earning", &next, total);
        let (_, sample) = self.drive(traffic, Window::WHOLE).await?;
        progress.finish(&sample);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already, which is as good.
        let _ = self.kill();
    }
}

fn spawn(
    binary: &Path,
    data: &Path,
    program: &Path,
    log: &Path,
    target: &Target,
    flags: &[&str],
) -> Result<Child> {
    let log = append(log)?;
    let child = Command::new(binary)
        .args(["serve", "--addr", &target.address.to_string()])
        .args(target.socket.iter().flat_map(|socket| ["--socket".as_ref(), socket.as_os_str()]))
        .args(["--data".as_ref(), data.as_os_str(), "--program".as_ref(), program.as_os_str()])
        .args(flags)
        .env("LAUREL_ADMIN_KEY", KEY)
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn();
    Ok(child.map_err(|e| format!("{}: {e}", binary.display()))?)
}

/// The programme that servers have.
pub(crate) fn program(setup: &Setup) -> Result<String> {
    match &setup.program {
        Some(path) => Ok(fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?),
        None => Ok(PROGRAM.to_owned()),
    }
}

fn append(path: &Path) -> Result<File> {
    Ok(OpenOptions::new().create(true).append(true).open(path)?)
}

/// Whether `/healthz` answers 200.
fn healthy(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(
            format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
        )?;
        let mut status = [0; 12];
        match stream.read_exact(&mut status) {
            Ok(()) => Ok(&status[9..] == b"200"),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e),
        }
    };
    ask().unwrap_or(false)
}

/// Tells every ten seconds how far a long fill has come.
struct Progress {
    what: &'static str,
    task: tokio::task::JoinHandle<()>,
}

impl Progress {
    fn start(what: &'static str, next: &Arc<AtomicU64>, total: u64) -> Self {
        let next = Arc::clone(next);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(10)).await;
                eprintln!("  {what}: {} of {total}", next.load(Ordering::Relaxed).min(total));
            }
        });
        Self { what, task }
    }

    fn finish(self, sample: &Sample) {
        eprintln!(
            "  {}: {} in {:.1} s, {:.0} a second",
            self.what,
            sample.latencies.len(),
            sample.seconds,
            sample.per_second()
        );
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
    }
}
