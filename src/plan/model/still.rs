//! What is held still beyond what databases, files and repositories are themselves: releases, configuration in
//! tables, infrastructure.

use serde::{Deserialize, Serialize};

use super::HttpProbe;
use crate::plan::ids::EndpointId;
use crate::plan::secret::Template;

/// The version of a release that runs, as it says itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VersionProbe {
    /// How it is asked; expects nothing.
    pub http: HttpProbe,
    /// JSON pointer to the version, or to several of them; the whole answer where `None`.
    pub pointer: Option<String>,
}

/// Rows that may not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsProbe {
    /// Where they are.
    pub endpoint: EndpointId,
    /// The query; run read-only.
    pub query: String,
    /// So many of the first columns name a row.
    pub key: usize,
}

/// A terraform configuration and what it stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TerraformProbe {
    /// Where it is, relative to the plan's folder.
    pub folder: String,
    /// Files with its variables, relative to that folder.
    pub var_files: Vec<String>,
    /// Patterns with `*`: addresses of resources that may change.
    pub except: Vec<String>,
    /// Set for terraform beside what it inherits; may hold secrets.
    pub env: Vec<(String, Template)>,
}
