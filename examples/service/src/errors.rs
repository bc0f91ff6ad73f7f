//! What goes wrong, as an answer over HTTP.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::error::Error;
use upsert::ErrorKind;

/// A status, and a body that says why.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    problem: Problem,
}

/// The body of an answer that is an error.
#[derive(Debug, Serialize)]
struct Problem {
    kind: String,
    message: String,
    /// Which row of an import it is about, counted from 0, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<usize>,
    /// How many rows of an import are stored in spite of it: the first ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_committed: Option<usize>,
}

impl ApiError {
    /// The error of an import, a part of which may be stored.
    pub fn of_import(error: upsert::Error) -> Self {
        let rows_committed = Some(error.rows_committed());
        let mut answer = Self::from(error);
        answer.problem.rows_committed = rows_committed;
        answer
    }
}

impl From<upsert::Error> for ApiError {
    fn from(error: upsert::Error) -> Self {
        let status = status(&error);
        // What is no fault of the client's is told to those who run the service.
        let message = if status.is_server_error() {
            tracing::error!(kind = ?error.kind(), "{error}");
            let told = match status {
                StatusCode::SERVICE_UNAVAILABLE => "the database is busy or away; try again",
                _ => "the service cannot do this; its log says why",
            };
            told.to_owned()
        } else {
            error.to_string()
        };
        let problem = Problem {
            kind: format!("{:?}", error.kind()),
            message,
            row: error.row(),
            rows_committed: None,
        };
        Self { status, problem }
    }
}

/// A body that is no JSON, or not the JSON that is wanted.
impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let problem = Problem {
            kind: "Body".to_owned(),
            message: rejection.body_text(),
            row: None,
            rows_committed: None,
        };
        Self {
            status: rejection.status(),
            problem,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { status, problem } = self;
        let mut response = (status, Json(problem)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let second = header::HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, second);
        }
        response
    }
}

fn status(error: &upsert::Error) -> StatusCode {
    match error.kind() {
        ErrorKind::UniqueViolation | ErrorKind::Deleted => StatusCode::CONFLICT,
        ErrorKind::NotNullViolation
        | ErrorKind::ForeignKeyViolation
        | ErrorKind::CheckViolation
        | ErrorKind::OutOfRange
        | ErrorKind::DuplicateKey
        | ErrorKind::Encode => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Stream => StatusCode::BAD_REQUEST,
        _ if error.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Database => status_of_source(error),
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// For what has no kind of its own, the driver is asked.
fn status_of_source(error: &upsert::Error) -> StatusCode {
    match error.source().and_then(|source| source.downcast_ref()) {
        Some(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_)) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        // SQLSTATE class 22 is about the data, such as a text with a NUL in it, which PostgreSQL refuses.
        Some(sqlx::Error::Database(error))
            if error.code().is_some_and(|code| code.starts_with("22")) =>
        {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
