//! Small promises about the repository that nothing else checks.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace;

const DOCUMENTS: [&str; 4] = [
    "ARCHITECTURE.md",
    "COMPARE.md",
    "CONTRIBUTING.md",
    "README.md",
];

/// What is not to be committed in code. Spelled in halves, as this file is looked at too.
const LEFTOVERS: [&str; 4] = [
    concat!("todo", "!("),
    concat!("dbg", "!("),
    concat!("#[", "ignore"),
    concat!("FIX", "ME"),
];

/// Where paths begin that exist on one machine only.
const MACHINES: [&str; 4] = [
    concat!("/", "work/"),
    concat!("/", "root/"),
    concat!("/", "home/"),
    concat!("/", "Users/"),
];

/// The endings that make a word in backticks a path to a file.
const ENDINGS: [&str; 10] = [
    ".rs", ".md", ".toml", ".lock", ".yml", ".yaml", ".json", ".sql", ".snap", ".stderr",
];

/// Prints each offence with its place, and says whether there is none.
pub fn run() -> Result<bool> {
    let files = tracked_files()?;
    let mut offences = 0;
    for file in &files {
        // What is no text has nothing to say.
        let Ok(text) = fs::read_to_string(workspace::root().join(file)) else {
            continue;
        };
        for (number, offence) in offences_in(file, &text, &files) {
            println!("{file}:{number}: {offence}");
            offences += 1;
        }
    }
    println!("{} files looked at, {offences} offences", files.len());
    Ok(offences == 0)
}

/// What git tracks, or would with the next `git add`, as far as it is there.
fn tracked_files() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(workspace::root())
        .output()
        .context("git does not start")?;
    if !output.status.success() {
        bail!(
            "git: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    let text = String::from_utf8(output.stdout)?;
    let files = text.split_terminator('\0').map(str::to_owned);
    Ok(files
        .filter(|file| workspace::root().join(file).exists())
        .collect())
}

fn offences_in(file: &str, text: &str, files: &[String]) -> Vec<(usize, String)> {
    let mut offences = machine_paths(text);
    if file.ends_with(".rs") && !file.starts_with("tests/ui/") {
        offences.extend(leftovers(text));
    }
    if DOCUMENTS.contains(&file) {
        offences.extend(stale_paths(text, files));
    }
    offences.sort();
    offences
}

fn leftovers(text: &str) -> Vec<(usize, String)> {
    let found = |line: &str| LEFTOVERS.into_iter().find(|word| line.contains(word));
    numbered(text)
        .filter_map(|(number, line)| Some((number, format!("left over: {}", found(line)?))))
        .collect()
}

fn machine_paths(text: &str) -> Vec<(usize, String)> {
    let found = |line: &str| MACHINES.into_iter().find(|root| begins_path(line, root));
    numbered(text)
        .filter_map(|(number, line)| Some((number, format!("a machine's path: {}", found(line)?))))
        .collect()
}

/// Whether a path begins with `root` somewhere in the line, rather than having it in its middle.
fn begins_path(line: &str, root: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "-_./".contains(c);
    line.match_indices(root)
        .any(|(at, _)| !line[..at].ends_with(goes_on))
}

/// Paths in backticks that no file has, neither from the top nor, as is common for a part of a
/// path, at its end.
fn stale_paths(text: &str, files: &[String]) -> Vec<(usize, String)> {
    let exists = |path: &str| {
        let tail = format!("/{path}");
        files.iter().any(|file| match path.ends_with('/') {
            true => file.starts_with(path) || file.contains(&tail),
            false => file == path || file.ends_with(&tail),
        })
    };
    let mut stale = Vec::new();
    let mut fenced = false;
    for (number, line) in numbered(text) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let words = line.split('`').skip(1).step_by(2);
            let paths = words.filter(|word| is_path(word) && !exists(word));
            stale.extend(paths.map(|path| (number, format!("no such file: {path}"))));
        }
    }
    stale
}

/// Files are known by their endings and folders by their slash; patterns are no paths.
fn is_path(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
        && word.chars().all(plain)
        && (word.ends_with('/') || ENDINGS.iter().any(|ending| word.ends_with(ending)))
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_other_words() {
        for path in [
            "Cargo.toml",
            "src/lib.rs",
            "tests/ui/",
            ".github/workflows/ci.yml",
        ] {
            assert!(is_path(path), "{path}");
        }
        for word in [
            "upsert-core/postgres",
            "src/*.rs",
            "a::b",
            "cargo test",
            "/etc/hosts/",
            "..",
        ] {
            assert!(!is_path(word), "{word}");
        }
    }

    #[test]
    fn a_stale_path_is_found_where_it_stands() {
        let files = [
            "src/lib.rs".to_owned(),
            "upsert-core/src/bulk/plan.rs".to_owned(),
        ];
        let text = "See `src/lib.rs` and `bulk/plan.rs` in `bulk/`.\n\
            ```text\n`old.rs`\n```\nAnd `src/old.rs`, `plan.toml`, `gone/`.";
        let stale: Vec<_> = stale_paths(text, &files);
        let places: Vec<_> = stale
            .iter()
            .map(|(line, what)| (*line, what.as_str()))
            .collect();
        let expected = [
            (5, "no such file: src/old.rs"),
            (5, "no such file: plan.toml"),
            (5, "no such file: gone/"),
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn leftovers_count_in_code_only() {
        let text = format!("fn main() {{\n    {}1);\n}}", LEFTOVERS[0]);
        assert_eq!(offences_in("src/main.rs", &text, &[]).len(), 1);
        assert_eq!(offences_in("tests/ui/case.rs", &text, &[]), []);
        assert_eq!(offences_in("CHANGELOG.md", &text, &[]), []);
    }

    #[test]
    fn a_machine_path_is_absolute() {
        let root = MACHINES[0];
        assert!(begins_path(&format!("see `{root}me`"), root));
        assert!(begins_path(&format!("{root}me"), root));
        assert!(!begins_path(&format!("https://example.com{root}me"), root));
        assert!(!begins_path(&format!("docs{root}me"), root));
    }
}
