//! Where the configuration file and the data are: flags, then variables, then the XDG directories.

use std::path::{Path, PathBuf};

use super::Environment;

/// The two places torod uses, and what goes before the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `torod.toml`.
    pub config_file: PathBuf,
    /// The directory of the database.
    pub data_dir: PathBuf,
    /// Settings in the environment.
    pub environment: Environment,
}

/// No place could be found: neither flag nor variable nor home directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no home directory is set: give {flag} or set {variable}")]
pub struct NoPlace {
    flag: &'static str,
    variable: &'static str,
}

impl Paths {
    /// `--config` and `--data-dir`, else `$TOROD_CONFIG` and `$TOROD_DATA_DIR`, else `tokenrouter` below
    /// `$XDG_CONFIG_HOME` (`~/.config`) and `$XDG_DATA_HOME` (`~/.local/share`).
    pub fn resolve(
        config: Option<&Path>,
        data_dir: Option<&Path>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, NoPlace> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // The XDG specification has relative paths ignored.
        let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
        let below = |xdg: &str, home: &str| {
            let base = absolute(xdg).or_else(|| Some(absolute("HOME")?.join(home)))?;
            Some(base.join("tokenrouter"))
        };
        let config_file = config
            .map(Path::to_owned)
            .or_else(|| set("TOROD_CONFIG"))
            .or_else(|| Some(below("XDG_CONFIG_HOME", ".config")?.join("torod.toml")))
            .ok_or(NoPlace { flag: "--config", variable: "TOROD_CONFIG" })?;
        let data_dir = data_dir
            .map(Path::to_owned)
            .or_else(|| set("TOROD_DATA_DIR"))
            .or_else(|| below("XDG_DATA_HOME", ".local/share"))
            .ok_or(NoPlace { flag: "--data-dir", variable: "TOROD_DATA_DIR" })?;
        Ok(Self { config_file, data_dir, environment: Environment::default() })
    }
}

impl Paths {
    /// The same with `environment` before the file.
    #[must_use]
    pub fn under(self, environment: Environment) -> Self {
        Self { environment, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(config: Option<&str>, data: Option<&str>, env: &[(&str, &str)]) -> Result<(String, String), String> {
        let look = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Paths::resolve(config.map(Path::new), data.map(Path::new), &look)
            .map(|paths| (paths.config_file.display().to_string(), paths.data_dir.display().to_string()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn flag_then_variable_then_xdg_then_home() {
        let all = [
            ("TOROD_CONFIG", "/v/c.toml"),
            ("TOROD_DATA_DIR", "/v/d"),
            ("XDG_CONFIG_HOME", "/xc"),
            ("XDG_DATA_HOME", "/xd"),
            ("HOME", "/h"),
        ];
        let ok = |config: &str, data: &str| Ok((config.to_owned(), data.to_owned()));
        assert_eq!(resolve(Some("f.toml"), Some("d"), &all), ok("f.toml", "d"));
        assert_eq!(resolve(None, None, &all), ok("/v/c.toml", "/v/d"));
        assert_eq!(resolve(None, None, &all[2..]), ok("/xc/tokenrouter/torod.toml", "/xd/tokenrouter"));
        let home = ok("/h/.config/tokenrouter/torod.toml", "/h/.local/share/tokenrouter");
        assert_eq!(resolve(None, None, &all[4..]), home);
        assert_eq!(resolve(None, None, &[("XDG_CONFIG_HOME", "rel"), ("TOROD_CONFIG", ""), ("HOME", "/h")]), home);
        assert_eq!(
            resolve(None, Some("d"), &[]),
            Err("no home directory is set: give --config or set TOROD_CONFIG".to_owned())
        );
        assert_eq!(
            resolve(Some("c"), None, &[("HOME", "relative")]),
            Err("no home directory is set: give --data-dir or set TOROD_DATA_DIR".to_owned())
        );
    }
}
