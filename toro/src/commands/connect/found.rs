//! A daemon on this machine: by the control socket in its data folder, else by its usual port.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokenrouter_shared::settings::{SettingValue, Settings};
use tokenrouter_shared::token::{TokenCreate, TokenCreated};
use tokenrouter_shared::{Role, Secret};

use crate::client::address::Address;
use crate::client::{Client, ClientError, block_on};
use crate::exit::Failure;
use crate::profile::Env;

/// The control socket's name in a data folder.
const SOCKET: &str = "torod.sock";
/// Where torod listens where nobody said otherwise.
const USUAL: &str = "http://127.0.0.1:8080";
/// What is on this machine answers at once or not at all.
const SOON: Duration = Duration::from_secs(2);

/// A gateway, and if it is ours the way in as its owner.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) address: Address,
    pub(super) socket: Option<PathBuf>,
}

/// Looks for one.
pub(super) fn look(env: Env) -> Result<Option<Found>, Failure> {
    for folder in folders(env) {
        let socket = folder.join(SOCKET);
        if socket.exists()
            && let Ok(Some(address)) = block_on(listens_at(&socket))?
        {
            return Ok(Some(Found { address, socket: Some(socket) }));
        }
    }
    let Ok(address) = USUAL.parse::<Address>() else { return Ok(None) };
    let answers = block_on(async {
        let client = Client::to(&address, None, None)?.hurried(SOON, SOON);
        super::version(&client).await
    })?;
    Ok(answers.is_ok().then_some(Found { address, socket: None }))
}

/// The data folders that a daemon may have, as torod looks for its own; and the service's.
fn folders(env: Env) -> Vec<PathBuf> {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_user = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    let of_user = of_user.map(|base| base.join("tokenrouter"));
    let service = Some(PathBuf::from("/var/lib/tokenrouter"));
    [env("TOROD_DATA_DIR").map(PathBuf::from), of_user, service].into_iter().flatten().collect()
}

/// Where the daemon behind a socket listens, if it does so now.
async fn listens_at(socket: &Path) -> Result<Option<Address>, ClientError> {
    let client = Client::by_socket(socket)?.hurried(SOON, SOON);
    let settings: Settings = client.get("/admin/api/settings").await?;
    let listens = settings.settings.into_iter().find(|setting| setting.key == "listen_addr");
    let Some(SettingValue::Text(addr)) = listens.and_then(|setting| setting.value) else { return Ok(None) };
    // It is reached from this machine whichever of its addresses it listens at.
    let reachable = addr.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    for scheme in ["http", "https"] {
        let Ok(address) = format!("{scheme}://{reachable}").parse::<Address>() else { continue };
        let answer = super::version(&Client::to(&address, None, None)?.hurried(SOON, SOON)).await;
        if matches!(answer, Ok(_) | Err(ClientError::Untrusted { .. })) {
            return Ok(Some(address));
        }
    }
    Ok(None)
}

/// Makes the token that `toro` keeps: enough for a token per run, and not more.
pub(super) async fn make_token(socket: &Path) -> Result<Secret, ClientError> {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let name: String = format!("toro on {host}").chars().take(100).collect();
    let wanted = TokenCreate { name: Some(name), role: Role::Keymaster, ..TokenCreate::default() };
    let made: TokenCreated = Client::by_socket(socket)?.post("/admin/api/tokens", &wanted).await?;
    Ok(Secret::new(made.key))
}
