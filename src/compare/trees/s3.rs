//! A bucket of S3, or of anything that speaks it: `s3://bucket/prefix`.
//!
//! Who asks and where is in the environment, as for other tools: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
//! `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`, web identity and container credentials, the instance's own
//! role; else in `~/.aws/credentials` and `~/.aws/config` under `AWS_PROFILE`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use super::place::{Error, Opening, Place};
use super::store::{Listings, Store, options};

const SCHEME: &str = "s3://";

pub(super) fn is_address(address: &str, _root: &Path) -> bool {
    address.starts_with(SCHEME)
}

pub(super) fn open(address: &str, _opening: &Opening<'_>) -> Result<Box<dyn Place>, Error> {
    let rest = address.strip_prefix(SCHEME).unwrap_or_default();
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(Error::new(address, "names no bucket", "write s3://bucket/prefix"));
    }
    let mut builder = AmazonS3Builder::from_env();
    for (key, value) in of_files(&|name| std::env::var(name).ok(), &|path| std::fs::read_to_string(path).ok())
    {
        // The environment goes before files, and a key pair stays together.
        if builder.get_config_value(&key).is_none() {
            builder = builder.with_config(key, value);
        }
    }
    let endpoints = [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint];
    let http =
        endpoints.iter().filter_map(|key| builder.get_config_value(key)).any(|e| e.starts_with("http://"));
    let store = builder
        .with_bucket_name(bucket)
        .with_client_options(options(http))
        .with_http_connector(Listings)
        .build()
        .map_err(|why| Error::new(address, format!("cannot be opened: {why}"), "see the AWS_… variables"))?;
    Ok(Box::new(Store::new(address, store, prefix, true)?))
}

/// What the files of the profile say. The keys of an account only where the environment names none and no other way
/// to get them.
fn of_files(
    env: &dyn Fn(&str) -> Option<String>,
    read: &dyn Fn(&Path) -> Option<String>,
) -> Vec<(AmazonS3ConfigKey, String)> {
    let folder = env("HOME").map(|home| PathBuf::from(home).join(".aws"));
    let file = |variable: &str, name: &str| {
        let path = env(variable).map(PathBuf::from).or_else(|| Some(folder.as_ref()?.join(name)))?;
        read(&path)
    };
    let profile = env("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let config = file("AWS_CONFIG_FILE", "config").unwrap_or_default();
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials").unwrap_or_default();
    let mut all = section(&config, &profile);
    all.extend(section(&credentials, &profile));
    let mut kept = Vec::new();
    let mut keep = |name: &str, key| kept.extend(all.get(name).map(|value| (key, value.clone())));
    keep("region", AmazonS3ConfigKey::Region);
    keep("endpoint_url", AmazonS3ConfigKey::Endpoint);
    let elsewhere = [
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    if elsewhere.iter().all(|name| env(name).is_none()) {
        keep("aws_access_key_id", AmazonS3ConfigKey::AccessKeyId);
        keep("aws_secret_access_key", AmazonS3ConfigKey::SecretAccessKey);
        keep("aws_session_token", AmazonS3ConfigKey::Token);
    }
    kept
}

/// The settings of a profile: `[name]`, or `[profile name]`.
fn section(file: &str, profile: &str) -> HashMap<String, String> {
    let mut inside = false;
    let mut all = HashMap::new();
    for line in file.lines() {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let name = name.trim();
            inside = name.strip_prefix("profile ").unwrap_or(name).trim() == profile;
        // What is indented belongs to a setting of its own kind, such as `s3 =`.
        } else if let Some((key, value)) =
            line.split_once('=').filter(|_| inside && !line.starts_with([' ', '\t', '#']))
        {
            all.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_what_the_environment_does_not() {
        let read = |path: &Path| {
            Some(match path.to_str()? {
                "/h/.aws/config" => {
                    "[default]\nregion = eu-west-1\n[profile other]\nregion=us-west-2\ns3 =\n  region = no\n"
                        .to_owned()
                }
                "/h/.aws/credentials" => {
                    "[other]\naws_access_key_id = ID\naws_secret_access_key = KEY\n# x = y\n".to_owned()
                }
                _ => return None,
            })
        };
        let found = |env: &[(&str, &str)]| {
            let get = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            of_files(&get, &read)
                .into_iter()
                .map(|(key, value)| format!("{key:?} {value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&[("HOME", "/h")]), ["Region eu-west-1"]);
        let other = [("HOME", "/h"), ("AWS_PROFILE", "other")];
        assert_eq!(found(&other), ["Region us-west-2", "AccessKeyId ID", "SecretAccessKey KEY"]);
        let with_own = [other.as_slice(), &[("AWS_ACCESS_KEY_ID", "mine")]].concat();
        assert_eq!(found(&with_own), ["Region us-west-2"]);
        assert_eq!(found(&[]), [] as [&str; 0]);
    }
}
