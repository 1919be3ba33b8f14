//! How ssh is called: the same options everywhere, and nothing that could be taken for one.

use std::time::Duration;

/// A link that is silent so long is looked at, and given up after the third time.
const SILENT: &str = "ServerAliveInterval=5";

/// The words that run `remote` on a host: `ssh` and what stands before its options, then ours. It never asks
/// anything, and a link that died is noticed. The words of `remote` go through the far shell: only plain ones.
pub fn words(
    ssh: &[String],
    connect: Duration,
    host: &str,
    port: Option<u16>,
    remote: &[&str],
) -> Vec<String> {
    let connect = format!("ConnectTimeout={}", connect.as_secs().max(1));
    let mut words = ssh.to_vec();
    words.extend(["-T", "-o", "BatchMode=yes", "-o", &connect, "-o", SILENT].map(str::to_owned));
    words.extend(port.into_iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
    // What follows is no option, whatever it looks like.
    words.extend(["--", host].map(str::to_owned));
    words.extend(remote.iter().map(ToString::to_string));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_never_an_option() {
        let ssh = ["ssh".to_owned(), "-F".to_owned(), "config".to_owned()];
        assert_eq!(
            words(&ssh, Duration::from_millis(10), "-oProxyCommand=x", Some(2222), &["cutover", "__tree"])
                .join(" "),
            "ssh -F config -T -o BatchMode=yes -o ConnectTimeout=1 -o ServerAliveInterval=5 -p 2222 -- \
             -oProxyCommand=x cutover __tree"
        );
    }
}
