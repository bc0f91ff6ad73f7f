//! Child processes that never outlive us.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::interrupt;

/// How often we look whether something happened.
pub const TICK: Duration = Duration::from_millis(25);

/// How long a process may take to stop in good order.
const GRACE: Duration = Duration::from_secs(15);

/// A child at the head of its own process group, which is stopped when this is dropped.
///
/// The group keeps a Ctrl-C at the terminal from reaching the child before us, and lets us reach
/// what the child itself has started.
pub struct Process {
    child: Child,
    stop_signal: Signal,
}

impl Process {
    pub fn spawn(command: &mut Command, stop_signal: Signal) -> Result<Process> {
        interrupt::check()?;
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{} does not start", command.get_program().display()))?;
        Ok(Process { child, stop_signal })
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for the end; an interrupt is an error, after which dropping stops the process.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            interrupt::check()?;
            if let Some(status) = self.exit_status()? {
                return Ok(status);
            }
            sleep(TICK);
        }
    }

    fn signal(&self, signal: Signal) {
        // It fails when nobody is left, which is what we want.
        let _ = killpg(Pid::from_raw(self.child.id() as i32), signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.signal(self.stop_signal);
        let deadline = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(TICK);
        }
        // Also for those of the group that have outlived its head.
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Result<()> {
    let status = Process::spawn(command, Signal::SIGTERM)?.wait()?;
    if !status.success() {
        bail!("{} failed ({status})", command.get_program().display());
    }
    Ok(())
}

/// Whether a command ends well; what it says does not matter.
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
