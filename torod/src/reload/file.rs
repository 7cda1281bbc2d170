//! The ways in: the file when it changes, SIGHUP, and whoever asks for it or for another profile.

use std::path::Path;
use std::sync::Arc;

use super::{Changes, Reload, ReloadError, State, Status};
use crate::config::edit::{self, EditError};
use crate::config::{self, Config, ConfigError, ConfigFile, Finding, Watch};
use crate::lifecycle::Hangups;

impl Reload {
    /// Follows the file and SIGHUP until the daemon stops.
    pub async fn follow(self: Arc<Self>, hangups: Hangups) {
        tokio::select! {
            () = self.follow_both(hangups) => {}
            // Also while a command is still fetching a key.
            () = self.parts.discovery.lifecycle.soft_stop() => {}
        }
    }

    async fn follow_both(&self, mut hangups: Hangups) {
        let mut watch = self.watch();
        if watch.is_some() {
            // What happened between the first reading and the watch.
            self.look().await;
        }
        loop {
            tokio::select! {
                () = hangups.next() => {
                    tracing::info!("SIGHUP: reading the configuration anew");
                    // Whatever else there is to say of it was said.
                    if let Err(ReloadError::NoFile) = self.reload().await {
                        tracing::warn!("there is none: this daemon runs without a file");
                    }
                }
                () = noticed(watch.as_mut()) => self.look().await,
            }
        }
    }

    fn watch(&self) -> Option<Watch> {
        let file = self.file.as_ref()?;
        match Watch::start(&file.path) {
            Ok(watch) => Some(watch),
            Err(error) => {
                tracing::warn!(%error, "the configuration file cannot be watched; SIGHUP has it read");
                None
            }
        }
    }

    /// Reads the file and the secrets anew.
    pub async fn reload(&self) -> Result<Changes, ReloadError> {
        let mut state = self.state.lock().await;
        self.read(&mut state, |_, _| true).await.map(Option::unwrap_or_default)
    }

    /// Something happened where the file is.
    async fn look(&self) {
        let mut state = self.state.lock().await;
        let is_news = |before: Option<&str>, text: &str| {
            if text.is_empty() {
                // Nobody wants to lose every provider while an editor is half way.
                tracing::info!("the configuration file is empty: waiting for its content");
            }
            before != Some(text) && !text.is_empty()
        };
        // Changes and errors were told.
        if let Ok(None) = self.read(&mut state, is_news).await {
            tracing::debug!("the configuration file is as it was");
        }
    }

    /// Makes `profile` the active one: in the file, if it has the version `expected`, and where there is none, until the
    /// daemon ends.
    pub async fn set_profile(&self, profile: Option<String>, expected: Option<String>) -> Result<Changes, ReloadError> {
        let mut state = self.state.lock().await;
        if let Some(file) = self.file.clone() {
            let change = [("active_model_profile".to_owned(), profile.map(toml_edit::Value::from))];
            let edit = move || edit::set_all(&file.path, &change, expected.as_deref(), edit::By::Api);
            tokio::task::spawn_blocking(edit).await.map_err(|_| ReloadError::Stopping)??;
            return self.read(&mut state, |_, _| true).await.map(Option::unwrap_or_default);
        }
        if expected.is_some() {
            return Err(ReloadError::NoFile);
        }
        let mut config = Config::clone(&self.status().config);
        if let Some(unknown) = profile.as_deref().filter(|name| !config.profiles().contains(name)) {
            return Err(ReloadError::NoProfile(unknown.to_owned()));
        }
        config.active_model_profile = profile;
        self.apply(&mut state, config).await
    }

    /// Changes the file by `change`, and reads it. Nothing else changes it here meanwhile, and what somebody else writes
    /// `change` sees or is told.
    pub async fn edit(
        &self,
        change: impl FnOnce(&Path) -> Result<bool, EditError> + Send + 'static,
    ) -> Result<Changes, ReloadError> {
        let mut state = self.state.lock().await;
        let file = self.file.clone().ok_or(ReloadError::NoFile)?;
        let editing = tokio::task::spawn_blocking(move || change(&file.path));
        editing.await.map_err(|_| ReloadError::Stopping)??;
        self.read(&mut state, |_, _| true).await.map(Option::unwrap_or_default)
    }

    /// What the configuration would be after `changes` of the file, if it has the version `expected`. Nothing changes.
    pub async fn preview(&self, changes: Vec<edit::Change>, expected: Option<String>) -> Result<Config, ReloadError> {
        let ConfigFile { path, overrides } = self.file.clone().ok_or(ReloadError::NoFile)?;
        let looking = move || edit::preview(&path, &changes, expected.as_deref(), edit::By::Api);
        let mut config = tokio::task::spawn_blocking(looking).await.map_err(|_| ReloadError::Stopping)??;
        overrides.apply(&mut config);
        Ok(config)
    }

    /// The file's path.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    /// Reads the file, and applies it if its text `is_wanted`, which is told the text of the last time.
    async fn read(
        &self,
        state: &mut State,
        is_wanted: impl Fn(Option<&str>, &str) -> bool,
    ) -> Result<Option<Changes>, ReloadError> {
        let file = self.file.clone().ok_or(ReloadError::NoFile)?;
        let (path, environment) = (file.path.clone(), file.overrides.environment.clone());
        let read = tokio::task::spawn_blocking(move || config::examine_text_of(&path, &environment));
        let read = read.await.map_err(|_| ReloadError::Stopping)?;
        let (examined, text) = match read {
            Ok(read) => read,
            Err(error) => {
                // When it is back, it is news even with the same words.
                state.text = None;
                return Err(self.refuse(error));
            }
        };
        if !is_wanted(state.text.as_deref(), &text) {
            return Ok(None);
        }
        state.text = Some(text);
        if examined.has_errors() {
            return Err(self.refuse(ConfigError::Invalid(examined.findings)));
        }
        for warning in &examined.findings {
            tracing::warn!("{warning}");
        }
        let mut config = examined.config;
        file.overrides.apply(&mut config);
        self.apply(state, config).await.map(Some)
    }

    /// Tells why the file is not taken over, and keeps it to be told again.
    fn refuse(&self, error: ConfigError) -> ReloadError {
        let why = error.to_string();
        match &error {
            ConfigError::Invalid(findings) => {
                findings.iter().filter(|finding| finding.is_error()).for_each(|finding: &Finding| {
                    tracing::error!("{finding}");
                });
            }
            _ => tracing::error!("{error}"),
        }
        tracing::error!("the configuration was not taken over: what was in force before still is");
        self.status.rcu(|now| Status { error: Some(why.clone()), refused: now.refused + 1, ..Status::clone(now) });
        error.into()
    }
}

async fn noticed(watch: Option<&mut Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
