//! A container of Azure Blob Storage: `az://account/container/prefix`.
//!
//! Who asks and where is in the environment, as for other tools: `AZURE_STORAGE_KEY`, `AZURE_STORAGE_SAS_TOKEN`,
//! `AZURE_STORAGE_CONNECTION_STRING`, `AZURE_STORAGE_ENDPOINT`, a service principal (`AZURE_CLIENT_ID`,
//! `AZURE_CLIENT_SECRET`, `AZURE_TENANT_ID`), a workload's or a managed identity.

use std::path::Path;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

use super::place::{Error, Opening, Place};
use super::store::{Listings, Store, options};

const SCHEME: &str = "az://";

pub(super) fn is_address(address: &str, _root: &Path) -> bool {
    address.starts_with(SCHEME)
}

pub(super) fn open(address: &str, _opening: &Opening<'_>) -> Result<Box<dyn Place>, Error> {
    let parts: Vec<&str> = address.strip_prefix(SCHEME).unwrap_or_default().splitn(3, '/').collect();
    let (account, container, prefix) = match parts.as_slice() {
        [account, container, rest @ ..] if !account.is_empty() && !container.is_empty() => {
            (*account, *container, rest.first().copied().unwrap_or_default())
        }
        _ => {
            let mend = "write az://account/container/prefix";
            return Err(Error::new(address, "names no account and container", mend));
        }
    };
    let mut builder = MicrosoftAzureBuilder::from_env();
    for (key, value) in of_env(&|name| std::env::var(name).ok()) {
        builder = builder.with_config(key, value);
    }
    let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint);
    let store = builder
        .with_account(account)
        .with_container_name(container)
        .with_client_options(options(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"))))
        .with_http_connector(Listings)
        .build()
        .map_err(|why| {
            Error::new(address, format!("cannot be opened: {why}"), "see the AZURE_… variables")
        })?;
    Ok(Box::new(Store::new(address, store, prefix, false)?))
}

/// What Azure's own tools read and the client does not.
fn of_env(env: &dyn Fn(&str) -> Option<String>) -> Vec<(AzureConfigKey, String)> {
    let mut all: Vec<(AzureConfigKey, String)> = Vec::new();
    let whole = env("AZURE_STORAGE_CONNECTION_STRING").unwrap_or_default();
    for (name, value) in whole.split(';').filter_map(|part| part.split_once('=')) {
        let key = match name {
            "AccountKey" => AzureConfigKey::AccessKey,
            "SharedAccessSignature" => AzureConfigKey::SasKey,
            "BlobEndpoint" => AzureConfigKey::Endpoint,
            _ => continue,
        };
        all.push((key, value.to_owned()));
    }
    all.extend(env("AZURE_STORAGE_KEY").map(|value| (AzureConfigKey::AccessKey, value)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_is_taken_apart_at_its_first_equals_signs() {
        let env = |name: &str| {
            (name == "AZURE_STORAGE_CONNECTION_STRING").then(|| {
                "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=b64==;BlobEndpoint=http://h/a;"
                    .to_owned()
            })
        };
        let found: Vec<String> =
            of_env(&env).into_iter().map(|(key, value)| format!("{key:?} {value}")).collect();
        assert_eq!(found, ["AccessKey b64==", "Endpoint http://h/a"]);
    }
}
