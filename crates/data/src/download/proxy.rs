//! The proxy that the environment names. The HTTP client ignores a proxy that it does not support and connects directly,
//! although the proxy may be mandatory; such a proxy is refused here.

use std::env;
use std::ffi::OsString;

use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

use super::address;
use crate::{Error, Result};

/// The variables that the HTTP client reads, in its order: the first one counts.
const VARIABLES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// The proxy of a download.
#[derive(Clone, Debug)]
pub(super) struct NamedProxy {
    pub(super) proxy: Proxy,
    /// The variable that names it.
    pub(super) variable: &'static str,
}

impl NamedProxy {
    /// The proxy that the environment names, if it names one.
    ///
    /// # Errors
    /// [`Error::UnsupportedProxy`].
    pub(super) fn of_environment() -> Result<Option<Self>> {
        let variable = check(|name| env::var_os(name))?;
        // Read by the HTTP client, so that it knows the hosts that `NO_PROXY` leaves out.
        Ok(variable.and_then(|variable| Some(Self { proxy: Proxy::try_from_env()?, variable })))
    }

    /// A clause that says how a connection to this address is made, without what may be secret; empty for a direct one.
    pub(super) fn clause(&self, url: &str) -> String {
        let is_direct = url.parse::<Uri>().is_ok_and(|uri| self.proxy.is_no_proxy(&uri));
        if is_direct {
            return String::new();
        }
        let address = address::shown(&self.proxy.uri().to_string());
        let address = address.trim_end_matches('/');
        format!("; the connection goes through the proxy {address} that {} names", self.variable)
    }
}

/// The variable that names the proxy, if one does. The message about one that is not supported does not repeat its address,
/// which may hold a password.
fn check(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<&'static str>> {
    let set = |name: &'static str| Some((name, variable(name).filter(|value| !value.is_empty())?));
    let Some((variable, value)) = VARIABLES.into_iter().find_map(set) else { return Ok(None) };
    let proxy = value.to_str().and_then(|address| Proxy::new(address).ok());
    match proxy.map(|proxy| proxy.protocol()) {
        Some(ProxyProtocol::Http | ProxyProtocol::Https) => Ok(Some(variable)),
        _ => Err(Error::UnsupportedProxy { variable }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(variables: &[(&str, &str)]) -> Result<Option<&'static str>> {
        check(|name| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn proxies_over_http_and_no_proxy_are_accepted() {
        assert_eq!(checked(&[]).unwrap(), None);
        assert_eq!(checked(&[("https_proxy", "")]).unwrap(), None);
        for proxy in ["http://proxy:8080", "https://user:secret@proxy", "proxy:3128"] {
            let variable = checked(&[("https_proxy", proxy), ("NO_PROXY", "*")]).unwrap();
            assert_eq!(variable, Some("https_proxy"), "{proxy}");
        }
    }

    #[test]
    fn unsupported_proxies_are_refused_by_variable_and_without_their_secrets() {
        for proxy in
            ["socks5://user:secret@proxy", "socks4a://proxy", "ftp://proxy", "http://", "http://pro xy"]
        {
            let message = checked(&[("HTTPS_PROXY", proxy)]).unwrap_err().to_string();
            let expected = "the proxy in HTTPS_PROXY is not supported: expected http://HOST:PORT or https://HOST:PORT; \
                            unset the variable for a direct connection";
            assert_eq!(message, expected, "{proxy}");
        }
        assert!(checked(&[("ALL_PROXY", "socks5://proxy"), ("HTTPS_PROXY", "http://proxy")]).is_err());
    }
    #[test]
    fn the_clause_names_proxy_and_variable_without_secrets_and_only_where_it_is_used() {
        let proxy =
            |address: &str| NamedProxy { proxy: Proxy::new(address).unwrap(), variable: "HTTPS_PROXY" };
        for (address, shown) in
            [("http://user:secret@proxy:3128", "http://proxy:3128"), ("https://[::1]:1", "https://[::1]:1")]
        {
            let clause = proxy(address).clause("https://host/a.gz");
            let expected = format!("; the connection goes through the proxy {shown} that HTTPS_PROXY names");
            assert_eq!(clause, expected);
        }
        let excepted = Proxy::builder(ProxyProtocol::Http).host("proxy").no_proxy("host").build().unwrap();
        let excepted = NamedProxy { proxy: excepted, variable: "ALL_PROXY" };
        assert_eq!(excepted.clause("https://host/a.gz"), "");
        assert!(excepted.clause("https://other/a.gz").contains("the proxy http://proxy"));
    }
}
