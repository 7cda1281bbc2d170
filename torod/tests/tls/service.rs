//! Under a service manager: sockets that it opened, and what it is told.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http::Request;
use http_body_util::Full;
use tokio::net::{TcpStream, UnixStream};

use crate::support::{SOON, exchange, until};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn torod(folder: &Path, shell: &str) -> Command {
    fs::write(folder.join("torod.toml"), "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n").unwrap();
    let mut command = Command::new("sh");
    let at = |name: &str| folder.join(name).display().to_string();
    command
        .args(["-c", shell, "sh", env!("CARGO_BIN_EXE_torod"), "serve"])
        .args(["--config", &at("torod.toml"), "--data-dir", &at("data"), "--ready-file", &at("ready")])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("log")).unwrap());
    command
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// The next thing that the service manager is told.
fn told(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let length = manager.recv(&mut bytes).expect("nothing is told");
    String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_is_told_when_it_serves_that_it_lives_and_that_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let mut command = torod(folder.path(), "exec \"$@\"");
    command.env("NOTIFY_SOCKET", folder.path().join("notify")).env("WATCHDOG_USEC", "300000");
    let mut running = Running(command.spawn().unwrap());
    assert_eq!(told(&manager), "READY=1", "{}", log(folder.path()));
    let url = fs::read_to_string(folder.path().join("ready")).unwrap();
    let addr = url.trim().strip_prefix("http://").unwrap().to_owned();
    let request = Request::get("/healthz").header("host", &addr).body(Full::default()).unwrap();
    assert_eq!(exchange(TcpStream::connect(&addr).await.unwrap(), request).await.unwrap().status, 200);
    for _ in 0..3 {
        assert_eq!(told(&manager), "WATCHDOG=1");
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(running.0.id().cast_signed()), nix::sys::signal::SIGTERM)
        .unwrap();
    while told(&manager) != "STOPPING=1" {}
    assert!(running.0.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_the_service_manager_take_the_place_of_listen_addr() {
    // Opened by one that has the rights, as systemd has: here by Python, which execs the daemon.
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("open.py");
    fs::write(
        &script,
        "import os, socket, sys\n\
         tcp = socket.create_server(('127.0.0.1', 0))\n\
         admin = socket.create_server(('127.0.0.1', 0))\n\
         unix = socket.socket(socket.AF_UNIX); unix.bind(sys.argv[1] + '/given'); unix.listen()\n\
         open(sys.argv[1] + '/ports', 'w').write('%d %d' % (tcp.getsockname()[1], admin.getsockname()[1]))\n\
         for at, one in ((13, tcp), (14, admin), (15, unix)): os.dup2(one.fileno(), at)\n\
         for at in (3, 4, 5): os.dup2(at + 10, at, inheritable=True)\n\
         os.environ.update(LISTEN_FDS='3', LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES='torod.socket:admin:torod.socket')\n\
         os.execv(sys.argv[2], sys.argv[2:])\n",
    )
    .unwrap();
    let shell = format!("exec python3 {} {} \"$@\"", script.display(), folder.path().display());
    let mut running = Running(torod(folder.path(), &shell).spawn().unwrap());
    let ready = folder.path().join("ready");
    until("it is ready", || async { ready.exists() }).await;
    let ports = fs::read_to_string(folder.path().join("ports")).unwrap();
    let [api, admin]: [u16; 2] =
        ports.split(' ').map(|port| port.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(fs::read_to_string(&ready).unwrap().trim(), format!("http://127.0.0.1:{api}"), "{}", log(folder.path()));
    let ask = |path: &str| Request::get(path).header("host", "localhost").body(Full::default()).unwrap();
    let by = async |port: u16, path: &str| {
        exchange(TcpStream::connect(("127.0.0.1", port)).await.unwrap(), ask(path)).await.unwrap()
    };
    assert_eq!(by(api, "/healthz").await.status, 200);
    assert_eq!(by(api, "/admin").await.code(), "admin_elsewhere");
    assert_eq!(by(admin, "/admin/api/setup").await.status, 200);
    let unix = UnixStream::connect(folder.path().join("given")).await.unwrap();
    assert_eq!(exchange(unix, ask("/healthz")).await.unwrap().status, 200);

    // Who has connected when another version is to take over is still served, and not told that it stops.
    let early = TcpStream::connect(("127.0.0.1", api)).await.unwrap();
    until("it is accepted", || async { by(api, "/healthz").await.status == 200 }).await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(running.0.id().cast_signed()), nix::sys::signal::SIGTERM)
        .unwrap();
    until("it stops", || async { log(folder.path()).contains("stopping") }).await;
    assert_eq!(exchange(early, ask("/healthz")).await.unwrap().status, 200, "{}", log(folder.path()));
    assert!(running.0.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_without_the_rights_for_it_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("torod.toml"), "").unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    // Whoever runs this as root gives the rights away first.
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec setpriv --bounding-set -all --inh-caps -all --reuid 65534 --clear-groups \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_torod"))
        .args(["serve", "--listen", "127.0.0.1:443", "--config", &at("torod.toml"), "--data-dir", &at("data")]);
    if std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.path()).unwrap()) != 0 {
        command = Command::new(env!("CARGO_BIN_EXE_torod"));
        command.args(["serve", "--listen", "127.0.0.1:443", "--config", &at("torod.toml"), "--data-dir", &at("data")]);
    }
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(folder.path(), all).unwrap();
    let unprivileged = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if unprivileged.trim().parse::<u32>().is_ok_and(|first| first <= 443) {
        // Containers may let everybody have every port: then there is nothing to be told.
        return;
    }
    let output = command.env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("CAP_NET_BIND_SERVICE") && said.contains("`listen_addr`"), "{said}");
}
