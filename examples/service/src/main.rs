//! A service over HTTP that upserts, on SQLite, or on PostgreSQL if `DATABASE_URL` says so. `README.md` shows how to use it.

mod database;
mod errors;
mod import;
mod models;
mod routes;

use anyhow::Context;
use sqlx::{Postgres, Sqlite};
use std::env;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use upsert::{UpsertModel, UpsertModels};

use database::Backend;
use models::{Product, Tag, User};

/// How long running requests may go on after the service was asked to stop.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    log()?;
    let url = env::var("DATABASE_URL").unwrap_or_else(|_| "sqlite://service.db".to_owned());
    if url.starts_with("postgres") {
        run::<Postgres>(&url).await
    } else {
        run::<Sqlite>(&url).await
    }
}

/// Logs what `RUST_LOG` asks for, such as `info,sqlx=debug`. When a span ends, its fields are told: those of a request, and
/// those of a batch, with its rows, chunks and attempts.
fn log() -> anyhow::Result<()> {
    let targets = match env::var("RUST_LOG") {
        Ok(targets) => targets.parse().context("RUST_LOG cannot be read")?,
        Err(_) => Targets::new().with_default(LevelFilter::INFO),
    };
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_span_events(FmtSpan::CLOSE))
        .with(targets)
        .init();
    Ok(())
}

/// Opens the database, serves until it is asked to stop, and closes the database.
async fn run<DB: Backend>(url: &str) -> anyhow::Result<()>
where
    User: UpsertModel<DB> + UpsertModels<DB>,
    Product: UpsertModel<DB> + UpsertModels<DB>,
    Tag: UpsertModel<DB> + UpsertModels<DB>,
{
    let pool = database::open::<DB>(url).await?;
    let address = env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!("listening on {}", listener.local_addr()?);
    let server =
        axum::serve(listener, routes::router(pool.clone())).with_graceful_shutdown(asked_to_stop());
    tokio::select! {
        outcome = server => outcome?,
        () = out_of_patience() => {
            tracing::warn!("requests were still running after {PATIENCE:?}");
            return Ok(());
        }
    }
    pool.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn out_of_patience() {
    asked_to_stop().await;
    tokio::time::sleep(PATIENCE).await;
}

/// Ends at Ctrl-C, and when a supervisor asks for the service to stop.
async fn asked_to_stop() {
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        Ok(()) = terminated() => {}
        // Nobody can ask.
        else => std::future::pending().await,
    }
}

#[cfg(unix)]
async fn terminated() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> io::Result<()> {
    std::future::pending().await
}
