//! Where each database comes from.

use anyhow::{Result, bail};

use super::compose;
use super::database::Database;
use crate::apt::Apt;

/// The user's own servers come first, then servers started here, then containers.
#[derive(Default)]
pub struct Plan {
    /// The user's own, with their URLs.
    pub given: Vec<(Database, String)>,
    /// Started by us from the machine's programs.
    pub here: Vec<Database>,
    /// Started in containers.
    pub contained: Vec<Database>,
    /// What has to be installed for those that are to start here.
    packages: Vec<&'static str>,
    apt: Option<Apt>,
}

impl Plan {
    /// Finds a way for each of `wanted`, or says what is missing; nothing is installed yet.
    pub fn make(wanted: &[Database]) -> Result<Plan> {
        let mut plan = Plan {
            apt: Apt::find(),
            ..Plan::default()
        };
        for &database in wanted {
            if let Some(url) = database.url_from_env() {
                plan.given.push((database, url));
            } else if database.is_installed() {
                plan.here.push(database);
            } else if plan.apt.is_some() && database.may_be_installed() {
                plan.here.push(database);
                plan.packages.extend(database.packages());
            } else {
                plan.contained.push(database);
            }
        }
        if !plan.contained.is_empty() && !compose::is_there() {
            bail!(lacking(&plan.contained));
        }
        Ok(plan)
    }

    pub fn install(&mut self) -> Result<()> {
        self.packages.sort_unstable();
        self.packages.dedup();
        match &self.apt {
            Some(apt) if !self.packages.is_empty() => apt.install(&self.packages),
            _ => Ok(()),
        }
    }
}

fn lacking(databases: &[Database]) -> String {
    let mut text = "some databases are missing, and `docker compose` does not work:".to_owned();
    for database in databases {
        let variable = database.url_variable();
        text += &format!("\n  {database}: {}, or set {variable}", database.advice());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_comes_with_advice() {
        let text = lacking(&[Database::MariaDb]);
        assert!(text.contains("MariaDB: install it"), "{text}");
        assert!(text.ends_with("or set UPSERT_MARIADB_URL"), "{text}");
    }
}
