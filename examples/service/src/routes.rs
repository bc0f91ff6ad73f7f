//! What the service does, route by route. A handler is generic over the database, and asks for the one struct that it stores.

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{post, put};
use axum::{Json, Router};
use futures_util::StreamExt;
use serde::Serialize;
use sqlx::Pool;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};
use tracing::Level;
use upsert::{Action, Dialect, Upsert, UpsertModel, Upserted};

use crate::errors::ApiError;
use crate::import;
use crate::models::{Delivery, NewUser, Product, Tag, User};

/// How many imports run at once; others wait. Each holds a connection for as long as its client sends.
const IMPORTS: usize = 2;

/// How many rows of an import are committed at a time.
const ROWS_A_COMMIT: usize = 1_000;

struct App<DB: Dialect> {
    pool: Pool<DB>,
    imports: Semaphore,
}

type AppState<DB> = State<Arc<App<DB>>>;

/// All routes, on this database.
pub fn router<DB: Dialect>(pool: Pool<DB>) -> Router
where
    User: UpsertModel<DB>,
    Product: UpsertModel<DB>,
    Tag: UpsertModel<DB>,
{
    let app = App {
        pool,
        imports: Semaphore::new(IMPORTS),
    };
    let trace = TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
        .on_response(DefaultOnResponse::new().level(Level::INFO));
    Router::new()
        .route("/users", put(put_user::<DB>))
        .route("/products/stock", post(add_stock::<DB>))
        .route("/tags/{name}", post(count_tag::<DB>))
        .route("/import", post(import_users::<DB>))
        .layer(trace)
        .with_state(Arc::new(app))
}

/// Creates the user, or updates the one with this email; the status says which.
async fn put_user<DB: Dialect>(
    State(app): AppState<DB>,
    body: Result<Json<NewUser>, JsonRejection>,
) -> Result<(StatusCode, Json<User>), ApiError>
where
    User: UpsertModel<DB>,
{
    let Json(user) = body?;
    let Upserted { row, action } = User::from(user).upsert(&app.pool).with_action().await?;
    let status = match action {
        Action::Inserted => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    Ok((status, Json(row)))
}

/// Adds a delivery to the stock.
async fn add_stock<DB: Dialect>(
    State(app): AppState<DB>,
    body: Result<Json<Delivery>, JsonRejection>,
) -> Result<Json<Product>, ApiError>
where
    Product: UpsertModel<DB>,
{
    let Json(delivery) = body?;
    Ok(Json(Product::from(delivery).upsert(&app.pool).await?))
}

/// Counts one more use of the tag.
async fn count_tag<DB: Dialect>(
    State(app): AppState<DB>,
    Path(name): Path<String>,
) -> Result<Json<Tag>, ApiError>
where
    Tag: UpsertModel<DB>,
{
    Ok(Json(Tag::once(name).upsert(&app.pool).await?))
}

/// What an import that went well answers.
#[derive(Serialize)]
struct Imported {
    rows: u64,
}

/// Upserts the users of a CSV body as it comes.
///
/// Each chunk is committed by itself, so that no transaction waits for a slow client. After an error the first rows are stored,
/// and it does no harm to send them again: they would replace themselves.
async fn import_users<DB: Dialect>(
    State(app): AppState<DB>,
    body: Body,
) -> Result<Json<Imported>, ApiError>
where
    User: UpsertModel<DB>,
{
    // It is never closed, so there is no error to speak of.
    let _turn = app.imports.acquire().await;
    let users = import::rows::<NewUser>(body).map(|user| user.map(User::from));
    let rows = User::upsert_stream(users, &app.pool)
        .chunk_rows(ROWS_A_COMMIT)
        .commit_each_chunk()
        .find_culprit()
        .await
        .map_err(ApiError::of_import)?;
    Ok(Json(Imported { rows }))
}
