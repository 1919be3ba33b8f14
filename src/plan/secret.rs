//! Values that may hold a secret: what the plan says in place of one, and the one way to the thing itself.
//!
//! A [`Template`] is what stands in the plan (`postgres://cutover:${env:PW}@db/orders`): it may be shown,
//! hashed and stored. [`Template::reveal`] gives a [`Secret`], which has no Debug, Display or Serialize, so
//! that showing one does not compile. Only `tasks` and `probes` reveal, at the moment of use.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Text with references to the environment or to files in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// As it stands.
    Text(String),
    /// `${env:NAME}`.
    Env(String),
    /// `${file:PATH}`, its trailing line end left out.
    File(PathBuf),
    /// `${kept:NAME}`: what an earlier request of the same flow kept.
    Kept(String),
}

/// A revealed value. It can be used, never shown.
pub struct Secret(String);

/// Why a reference could not be followed. Names the reference, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The variable is not set, or not UTF-8.
    Env(String),
    /// The file could not be read, and why.
    File(PathBuf, String),
    /// No request has kept it.
    Kept(String),
}

impl Template {
    /// Text without any reference.
    pub fn plain(text: impl Into<String>) -> Template {
        Template { parts: vec![Part::Text(text.into())] }
    }

    /// Text with references.
    pub fn new(parts: Vec<Part>) -> Template {
        Template { parts }
    }

    /// Whether anything in it comes from the environment or a file.
    pub fn is_tainted(&self) -> bool {
        self.parts.iter().any(|p| !matches!(p, Part::Text(_)))
    }

    /// Its pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The text, where nothing in it is a reference.
    pub fn as_plain(&self) -> Option<String> {
        (!self.is_tainted()).then(|| self.to_string())
    }

    /// The names of what it takes from earlier requests.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.parts
            .iter()
            .filter_map(|part| if let Part::Kept(name) = part { Some(name.as_str()) } else { None })
    }

    /// Follows every reference. `root` is where relative files are looked for.
    ///
    /// # Errors
    /// What leads nowhere; what a flow keeps does: see [`Template::reveal_with`].
    pub fn reveal(&self, root: &Path) -> Result<Secret, Missing> {
        self.reveal_with(root, &|_| None)
    }

    /// The same with what a flow has kept.
    ///
    /// # Errors
    /// What leads nowhere.
    pub fn reveal_with(&self, root: &Path, kept: &dyn Fn(&str) -> Option<String>) -> Result<Secret, Missing> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Env(name) => {
                    out.push_str(&std::env::var(name).map_err(|_| Missing::Env(name.clone()))?);
                }
                Part::File(path) => {
                    let text = std::fs::read_to_string(root.join(path))
                        .map_err(|why| Missing::File(path.clone(), why.to_string()))?;
                    out.push_str(text.trim_end_matches(['\n', '\r']));
                }
                Part::Kept(name) => out.push_str(&kept(name).ok_or_else(|| Missing::Kept(name.clone()))?),
            }
        }
        Ok(Secret(out))
    }
}

impl Secret {
    /// The value, for the call that needs it. Never for a message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Env(name) => write!(f, "${{env:{name}}}")?,
                Part::File(path) => write!(f, "${{file:{}}}", path.display())?,
                Part::Kept(name) => write!(f, "${{kept:{name}}}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Env(name) => {
                write!(f, "the environment variable {name} is not set: export it, then start again")
            }
            Missing::File(path, why) => write!(f, "the secret file {} cannot be read: {why}", path.display()),
            Missing::Kept(name) => write!(f, "no request has kept {name}"),
        }
    }
}

impl std::error::Error for Missing {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_shows_its_references_and_reveals_their_values() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("pw"), "s3cret\n").unwrap();
        let t = Template::new(vec![Part::Text("db:".into()), Part::File("pw".into())]);
        assert!(t.is_tainted());
        assert_eq!(t.to_string(), "db:${file:pw}");
        assert_eq!(format!("{t:?}"), "\"db:${file:pw}\"");
        assert_eq!(t.reveal(dir.path()).ok().unwrap().expose(), "db:s3cret");
    }

    #[test]
    fn a_missing_reference_is_named() {
        let t = Template::new(vec![Part::Env("CUTOVER_TEST_SURELY_UNSET".into())]);
        assert_eq!(t.reveal(Path::new(".")).err(), Some(Missing::Env("CUTOVER_TEST_SURELY_UNSET".into())));
    }
}
