//! Addresses of files on mirrors, and how messages show them.

use ureq::http::Uri;

/// The address of the file `name` in the folder `mirror`: appended to the path, in front of a query.
pub(super) fn of_file(mirror: &str, name: &str) -> String {
    let mirror = mirror.split('#').next().unwrap_or_default();
    let (folder, query) = mirror.split_at(mirror.find('?').unwrap_or(mirror.len()));
    format!("{}/{name}{query}", folder.trim_end_matches('/'))
}

/// The address without user, password and query, which may be secret.
pub(super) fn shown(address: &str) -> String {
    let Ok(uri) = address.parse::<Uri>() else { return "(not an address)".to_owned() };
    let (scheme, host) = (uri.scheme_str(), uri.host().unwrap_or_default());
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    // A password with a slash in it looks like a part of the path.
    let path = if uri.path().contains('@') { "/…" } else { uri.path() };
    format!("{scheme}{host}{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_appended_to_the_path_of_a_mirror() {
        for (mirror, expected) in [
            ("http://host", "http://host/a.gz"),
            ("http://host/folder//", "http://host/folder/a.gz"),
            ("https://host/folder?token=a/b", "https://host/folder/a.gz?token=a/b"),
            ("https://host/folder/?x=1#part", "https://host/folder/a.gz?x=1"),
            ("https://host?x=1", "https://host/a.gz?x=1"),
        ] {
            assert_eq!(of_file(mirror, "a.gz"), expected);
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        for (address, expected) in [
            ("http://host:8080/folder/a.gz", "http://host:8080/folder/a.gz"),
            ("https://user:secret@host/a.gz?token=secret", "https://host/a.gz"),
            ("https://secret@[::1]:1/a.gz?secret", "https://[::1]:1/a.gz"),
            ("http://user:sec/ret@host/a.gz", "http://user/…"),
            ("user:secret@host/a.gz", "(not an address)"),
            ("https://ho st/secret", "(not an address)"),
        ] {
            assert_eq!(shown(address), expected);
        }
    }
}
