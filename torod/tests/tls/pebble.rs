//! A CA that looks at challenges: Let's Encrypt's `pebble` with its own name server, which `tests/ca/install` finds or fetches.
//! Without it these tests fail and say so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::{free_port, until};

/// A CA, until it is dropped.
pub struct Pebble {
    folder: TempDir,
    children: Vec<Child>,
}

/// Where it looks.
#[derive(Clone, Copy)]
pub struct Looks {
    /// At which address every name leads.
    pub address: &'static str,
    pub http_port: u16,
    pub tls_port: u16,
    /// Where it is itself.
    pub port: u16,
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Pebble {
    /// One that is who it is by what [`identity`] has made in `known`.
    pub async fn start(looks: Looks, known: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (dns, management) = (free_port(), free_port());
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{}", looks.port),
            "managementListenAddress": "",
            "certificate": known.join("cert.pem"),
            "privateKey": known.join("key.pem"),
            "httpPort": looks.http_port,
            "tlsPort": looks.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        let file = folder.path().join("pebble.json");
        fs::write(&file, config.to_string()).unwrap();
        let log = |name: &str| fs::File::create(folder.path().join(name)).unwrap();
        let run = |program: &str, arguments: &[String]| {
            let mut command = Command::new(find().join(program));
            command.args(arguments).env_remove("PEBBLE_VA_ALWAYS_VALID").env("PEBBLE_VA_NOSLEEP", "1");
            command.env("PEBBLE_AUTHZREUSE", "0");
            command.stdin(Stdio::null()).stdout(log(program)).stderr(log(&format!("{program}.err"))).spawn().unwrap()
        };
        let none = ["-http01", "-https01", "-tlsalpn01", "-defaultIPv6"].map(|flag| [flag.to_owned(), String::new()]);
        let mut names: Vec<String> = none.concat();
        names.extend(["-dns01", &format!("127.0.0.1:{dns}"), "-defaultIPv4", looks.address].map(str::to_owned));
        names.extend(["-management", &format!("127.0.0.1:{management}")].map(str::to_owned));
        let arguments = ["-config", &file.display().to_string(), "-dnsserver", &format!("127.0.0.1:{dns}")];
        let children = vec![run("pebble-challtestsrv", &names), run("pebble", &arguments.map(str::to_owned))];
        let pebble = Self { folder, children };
        until("the CA answers", || async { TcpStream::connect(("127.0.0.1", looks.port)).await.is_ok() }).await;
        until("its name server answers", || async { TcpStream::connect(("127.0.0.1", management)).await.is_ok() })
            .await;
        pebble
    }

    /// What it has said.
    pub fn log(&self) -> String {
        ["pebble", "pebble.err", "pebble-challtestsrv", "pebble-challtestsrv.err"]
            .map(|name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
            .concat()
    }
}

/// Makes an authority and a certificate of it for this machine; says where the authority's is.
pub fn identity(folder: &Path) -> PathBuf {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost", "127.0.0.1"].map(str::to_owned)).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    let root = folder.join("root.pem");
    fs::write(&root, authority.pem()).unwrap();
    root
}

/// The folder with both programs.
fn find() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ca/install");
        let found = Command::new(&install).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&found.stderr);
        assert!(found.status.success(), "{} fails: {said}", install.display());
        PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
    })
}
