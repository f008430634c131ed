//! One private server: made, started, and ended whatever happens to the process that wanted it.
//!
//! A small shell, the keeper, does all of it in one sequence: it makes the cluster, starts the server, says so, and
//! waits for the end of a pipe whose other end this process holds. When the process ends, also by a signal that
//! nobody can catch, the pipe closes, and the keeper stops the server and removes the folder. Nothing polls, and no
//! server outlives its tests.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::Programs;
use crate::folder::unique;

/// How often another port is tried: between finding a free one and using it, somebody else may take it.
const START_ATTEMPTS_MAX: u32 = 3;

/// The keeper: `$1` the folder of PostgreSQL's programs, `$2` the folder of this server, `$3` its settings.
///
/// Everything is written to the log, because a server that inherited a pipe would hold it open. The line on the
/// standard output is "ready", or the log in case of a failure. Each line that it reads stops the server at once, starts
/// it again, or lets all its processes stand still or go on, and is answered alike.
const KEEPER: &str = r#"
cd "$2" || exit 1
start() { "$1/pg_ctl" -D data -l log -w -o "$3" start >>log 2>&1 </dev/null; }
stop() { thaw; "$1/pg_ctl" -D data -m immediate -w stop >>log 2>&1 </dev/null; }
all() {
    first=$(head -n 1 data/postmaster.pid 2>/dev/null) || return 0
    kill "$1" "$first" 2>/dev/null
    for status in $(grep -ls "^PPid:[[:space:]]*$first$" /proc/[0-9]*/status); do
        one=${status#/proc/}
        kill "$1" "${one%/status}" 2>/dev/null
    done
    return 0
}
freeze() { all -STOP; }
thaw() { all -CONT; }
if "$1/initdb" -A trust -U schakel --no-sync -E UTF8 --locale=C.UTF-8 -D data >log 2>&1 </dev/null &&
    start "$@"; then
    trap '' PIPE
    echo ready
    while read -r order; do
        if "$order" "$@"; then echo ready; else cat log; fi
    done
    stop "$@"
else
    cat log
fi
cd / && rm -rf "$2"
"#;

/// A running private server on a free port of the local machine; dropped, it stops and its data go.
#[derive(Debug)]
pub struct Server {
    url: String,
    keeper: Child,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Makes a new cluster in a temporary folder and starts it. Nothing in it survives; `fsync` is off.
    ///
    /// PostgreSQL refuses to run as root, so root starts it as the user `postgres`.
    ///
    /// # Errors
    ///
    /// The user `postgres` is needed but missing, or the start failed; the text holds what PostgreSQL printed.
    pub fn start(programs: &Programs) -> Result<Self, String> {
        let mut said = String::new();
        for _ in 0..START_ATTEMPTS_MAX {
            match Self::attempt(programs)? {
                Ok(server) => return Ok(server),
                Err(log) => said = log,
            }
        }
        Err(format!(
            "PostgreSQL did not start in {START_ATTEMPTS_MAX} attempts: {}",
            said.trim()
        ))
    }

    /// Returns the address of the server, with the database `postgres`, as drivers take it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the server at once, as a power cut would; its data and its port stay.
    ///
    /// # Panics
    /// When it does not do it.
    pub fn cut(&mut self) {
        self.order("stop");
    }

    /// Starts a server again that was cut.
    ///
    /// # Panics
    /// When it does not do it.
    pub fn bring_back(&mut self) {
        self.order("start");
    }

    /// Lets the server stand still: connections stay open, and nothing is answered any more.
    ///
    /// # Panics
    /// When it does not do it.
    pub fn freeze(&mut self) {
        self.order("freeze");
    }

    /// Lets a server go on that stood still.
    ///
    /// # Panics
    /// When it does not do it.
    pub fn thaw(&mut self) {
        self.order("thaw");
    }

    fn order(&mut self, order: &str) {
        let keeper = self.keeper.stdin.as_mut();
        let is_sent = keeper.is_some_and(|keeper| writeln!(keeper, "{order}").is_ok());
        let said = self.answer();
        assert!(is_sent && said == "ready\n", "{order}: {said}");
    }

    fn answer(&mut self) -> String {
        let mut said = String::new();
        read_answer(&mut self.answers, &mut said);
        said
    }

    /// One start on one free port: the server, or what PostgreSQL printed instead.
    fn attempt(programs: &Programs) -> Result<Result<Self, String>, String> {
        let folder = std::env::temp_dir().join(format!("schakel-postgres-{}", unique()));
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let port = free_port()?;
        let settings = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off \
             -c full_page_writes=off -c max_connections=300 -c max_wal_size=256MB -c autovacuum=off"
        );
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", KEEPER, "keeper"])
            .arg(programs.folder())
            .arg(&folder)
            .arg(settings);
        // A group of its own: an interrupt at the terminal reaches our group, and the keeper must outlive it.
        command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(owner) = hand_over(&folder)? {
            command.uid(owner.uid).gid(owner.gid);
        }
        let mut keeper = command
            .spawn()
            .map_err(|error| format!("cannot start a test server: {error}"))?;
        let answers = keeper.stdout.take().ok_or("the test server has no output")?;
        let mut server = Self {
            url: format!("postgres://schakel@127.0.0.1:{port}/postgres"),
            keeper,
            answers: BufReader::new(answers),
        };
        let said = server.answer();
        Ok(if said == "ready\n" { Ok(server) } else { Err(said) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closing the pipe is the signal; waiting makes sure that the folder is gone before we go on.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Reads the keeper's answer: the one line of success, or everything up to the end.
fn read_answer(output: &mut impl BufRead, said: &mut String) {
    // A pipe that breaks is the end of the answer, as is its regular end.
    while let Ok(1..) = output.read_line(said) {
        if said == "ready\n" {
            return;
        }
    }
}

/// The user and group that the server runs as, when they are not ours.
#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
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
    fn a_server_that_was_cut_comes_back_with_what_it_held() {
        let Some(programs) = Programs::find() else { return };
        let mut server = Server::start(&programs).unwrap();
        psql(server.url(), "CREATE TABLE t AS SELECT 1").unwrap();
        server.cut();
        assert!(psql(server.url(), "SELECT 1").is_err());
        server.bring_back();
        psql(server.url(), "INSERT INTO t SELECT 2").unwrap();
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
