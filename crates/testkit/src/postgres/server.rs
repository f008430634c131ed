//! One private server: made, started, and ended whatever happens to the process that wanted it.
//!
//! The end is kept by a guard: a small shell that waits for the end of a pipe whose other end this process holds.
//! When the process ends, also by a signal that nobody can catch, the pipe closes, and the guard stops the server and
//! removes its folder. Nothing polls, and no server outlives its tests.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::Programs;
use crate::folder::unique;

/// How often another port is tried: between finding a free one and using it, somebody else may take it.
const START_ATTEMPTS_MAX: u32 = 5;

/// The guard's script: wait for the end of the input, then stop the server and remove its folder.
const GUARD: &str = r#"read -r _; "$1" -D "$2/data" -m immediate -w stop; cd /; rm -rf "$2""#;

/// A running private server on a free port of the local machine; dropped, it stops and its data go.
#[derive(Debug)]
pub struct Server {
    url: String,
    guard: Child,
}

impl Server {
    /// Makes a new cluster in a temporary folder and starts it. Nothing in it survives; `fsync` is off.
    ///
    /// PostgreSQL refuses to run as root, so root starts it as the user `postgres`.
    ///
    /// # Errors
    ///
    /// The user `postgres` is needed but missing, or `initdb` or the start failed; the text holds their output.
    pub fn start(programs: &Programs) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("schakel-postgres-{}", unique()));
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let cluster = Cluster {
            programs,
            owner: hand_over(&folder)?,
            folder,
        };
        // From here on the guard cleans up, also when a step below fails.
        let mut server = Self {
            url: String::new(),
            guard: cluster.guard()?,
        };
        cluster.initialise()?;
        let port = cluster.start_on_a_free_port()?;
        server.url = format!("postgres://schakel@127.0.0.1:{port}/postgres");
        Ok(server)
    }

    /// Returns the address of the server, with the database `postgres`, as drivers take it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closing the pipe is the signal; waiting makes sure that the folder is gone before we go on.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// A cluster in the making.
struct Cluster<'a> {
    programs: &'a Programs,
    folder: PathBuf,
    owner: Option<Owner>,
}

/// The user and group that the server runs as, when they are not ours.
#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Cluster<'_> {
    fn initialise(&self) -> Result<(), String> {
        let mut command = self.command(&self.programs.path("initdb"));
        command.args([
            "-A",
            "trust",
            "-U",
            "schakel",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-D",
        ]);
        run(command.arg(self.data()))
    }

    fn start_on_a_free_port(&self) -> Result<u16, String> {
        let mut last = String::new();
        for _ in 0..START_ATTEMPTS_MAX {
            let port = free_port()?;
            let settings = format!(
                "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off \
                 -c full_page_writes=off -c max_connections=300 -c max_wal_size=256MB -c autovacuum=off"
            );
            let mut command = self.command(&self.programs.path("pg_ctl"));
            command
                .arg("-D")
                .arg(self.data())
                .arg("-l")
                .arg(self.log())
                .args(["-w", "-o", &settings, "start"]);
            match run(&mut command) {
                Ok(()) => return Ok(port),
                Err(error) => last = error,
            }
        }
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        Err(format!("PostgreSQL did not start: {last}\n{log}"))
    }

    fn guard(&self) -> Result<Child, String> {
        let mut command = self.command(Path::new("/bin/sh"));
        command
            .args(["-c", GUARD, "guard"])
            .arg(self.programs.path("pg_ctl"))
            .arg(&self.folder);
        // A group of its own: an interrupt at the terminal reaches our group, and the guard must outlive it.
        command.process_group(0).stdin(Stdio::piped());
        command
            .spawn()
            .map_err(|error| format!("cannot start the guard of the test server: {error}"))
    }

    /// Returns a command that runs as the owner, in the cluster's folder, silent and without input.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(owner) = self.owner {
            command.uid(owner.uid).gid(owner.gid);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

/// Runs to the end, with both outputs in a file: the server that `pg_ctl` leaves behind would hold a pipe open.
fn run(command: &mut Command) -> Result<(), String> {
    let output = std::env::temp_dir().join(format!("schakel-output-{}", unique()));
    let file =
        fs::File::create(&output).map_err(|error| format!("cannot write {}: {error}", output.display()))?;
    let copy = file
        .try_clone()
        .map_err(|error| format!("cannot share {}: {error}", output.display()))?;
    let status = command.stdout(file).stderr(copy).status();
    let said = fs::read_to_string(&output).unwrap_or_default();
    // An empty file in the temporary folder harms nobody.
    let _ = fs::remove_file(&output);
    let program = command.get_program().to_string_lossy().into_owned();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed ({status}): {}", said.trim())),
        Err(error) => Err(format!("cannot run {program}: {error}")),
    }
}

/// Returns the owner for the server when we are root, after giving it the folder; `None` when we are not.
fn hand_over(folder: &Path) -> Result<Option<Owner>, String> {
    let ours = fs::metadata(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    if ours.uid() != 0 {
        return Ok(None);
    }
    let users =
        fs::read_to_string("/etc/passwd").map_err(|error| format!("cannot read /etc/passwd: {error}"))?;
    let owner = owner_in(&users, "postgres")
        .ok_or("PostgreSQL does not run as root, and there is no user `postgres` to run it as: run the tests as another user")?;
    let given = chown(folder, Some(owner.uid), Some(owner.gid))
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)));
    given.map_err(|error| format!("cannot give {} to the user postgres: {error}", folder.display()))?;
    Ok(Some(owner))
}

fn owner_in(users: &str, name: &str) -> Option<Owner> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some(Owner {
        uid: fields.next()?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
    })
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("no free port: {error}"))?;
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::psql;

    #[test]
    fn finds_the_numbers_of_a_user() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        let owner = owner_in(users, "postgres").unwrap();
        assert_eq!((owner.uid, owner.gid), (101, 104));
        assert!(owner_in(users, "post").is_none());
    }

    #[test]
    fn a_dropped_server_is_gone_with_its_folder() {
        let Some(programs) = Programs::find() else { return };
        let server = Server::start(&programs).unwrap();
        psql(server.url(), "SELECT 1").unwrap();
        let url = server.url().to_owned();
        drop(server);
        assert!(psql(&url, "SELECT 1").is_err());
    }
}
