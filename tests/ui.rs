//! What mistakes look like: a case per message that a user can meet, with the message as the compiler prints it.
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the messages down again; read them before they are committed.

use std::env;
use std::process::Command;

/// The compiler that the messages were made with. Others word and underline things a little differently.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn every_mistake_says_what_to_write_instead() {
    let compiler = compiler();
    if !compiler.starts_with(COMPILER) {
        eprintln!(
            "SKIPPED: the messages in tests/ui were made with {COMPILER}x, and this is {compiler}"
        );
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*/*.rs");
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("a compiler to ask for its version");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
