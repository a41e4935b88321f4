//! Runs a test again in a network of its own, made of namespaces (`unshare(1)`).

use std::process::Command as Process;

/// Runs the test of this name again as root of a network that `setup` has made. Processes that `setup` names in
/// `helpers` end with the test. Where the machine allows no such network the test says so and ends.
pub(crate) fn run_in_network(test: &str, setup: &str) {
    let namespace = |script: &str| {
        let mut unshare = Process::new("unshare");
        unshare.args(["--user", "--map-root-user", "--net", "sh", "-c"]);
        unshare.arg(format!("set -e; {setup} {script}"));
        unshare
    };
    let end = "kill $helpers 2>/dev/null || true; exit $status";
    let probe = namespace(&format!("status=0; {end}")).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("not tried: this machine allows no such network namespaces");
        return;
    }
    let again = format!("status=0; \"$0\" --exact {test} --nocapture || status=$?; {end}");
    let this = std::env::current_exe().expect("the test's own program");
    let output = namespace(&again)
        .arg(this)
        .env(ROLE, SERVER)
        .output()
        .expect("what worked a moment ago");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// What this run of the test is to do in the network; `None` outside.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// The environment variable that tells the role.
pub(crate) const ROLE: &str = "SWITCHYARD_TEST_ROLE";
pub(crate) const SERVER: &str = "server";
