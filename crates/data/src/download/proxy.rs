//! The proxy that the environment names. The HTTP client ignores a proxy that it does not support and connects directly,
//! although the proxy may be mandatory; such a proxy is refused here.

use std::ffi::OsString;

use ureq::{Proxy, ProxyProtocol};

use crate::{Error, Result};

/// The variables that the HTTP client reads, in its order: the first one counts.
const VARIABLES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// Refuses an environment that names an unsupported proxy. The message does not repeat its address, which may hold a
/// password.
pub(super) fn check(variable: impl Fn(&str) -> Option<OsString>) -> Result<()> {
    let set = |name: &'static str| Some((name, variable(name).filter(|value| !value.is_empty())?));
    let Some((variable, value)) = VARIABLES.into_iter().find_map(set) else { return Ok(()) };
    let proxy = value.to_str().and_then(|address| Proxy::new(address).ok());
    match proxy.map(|proxy| proxy.protocol()) {
        Some(ProxyProtocol::Http | ProxyProtocol::Https) => Ok(()),
        _ => Err(Error::UnsupportedProxy { variable }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(variables: &[(&str, &str)]) -> Result<()> {
        check(|name| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn proxies_over_http_and_no_proxy_are_accepted() {
        assert!(checked(&[]).is_ok());
        for proxy in ["http://proxy:8080", "https://user:secret@proxy", "proxy:3128", ""] {
            assert!(checked(&[("https_proxy", proxy), ("NO_PROXY", "*")]).is_ok(), "{proxy}");
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
}
