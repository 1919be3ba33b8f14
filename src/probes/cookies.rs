//! The cookies of one user, for as long as one flow lasts.
//!
//! RFC 6265 is the library's: domain, path, `Secure`, expiry. Refuses to be kept from one look to the next.

use std::sync::{Mutex, PoisonError};

use cookie_store::{CookieStore, RawCookie};
use reqwest::Url;
use reqwest::header::HeaderValue;

/// Filled by every answer, redirects too; asked before every request.
#[derive(Default)]
pub(super) struct Jar(Mutex<CookieStore>);

impl Jar {
    /// The value of the cookie of this name that is sent there; that of the longest path where there are several.
    pub(super) fn value(&self, name: &str, url: &Url) -> Option<String> {
        let store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = store.matches(url).into_iter().filter(|cookie| cookie.name() == name);
        fitting.max_by_key(|cookie| cookie.path.len()).map(|cookie| cookie.value().to_owned())
    }

    /// Every value in it.
    pub(super) fn values(&self) -> Vec<String> {
        let store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        store.iter_any().map(|cookie| cookie.value().to_owned()).collect()
    }
}

impl reqwest::cookie::CookieStore for Jar {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        let read = headers.filter_map(|header| {
            let text = std::str::from_utf8(header.as_bytes()).ok()?;
            RawCookie::parse(text.to_owned()).ok()
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).store_response_cookies(read, url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        let store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<String> =
            store.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
        let mut header = HeaderValue::from_str(&pairs.join("; ")).ok().filter(|_| !pairs.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }
}
