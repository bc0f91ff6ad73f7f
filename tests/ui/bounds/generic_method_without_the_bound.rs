use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", table = "users")]
struct Tagged<T> {
    email: String,
    tag: T,
}

async fn save<T: Send + Sync>(
    tagged: &Tagged<T>,
    pool: &sqlx::PgPool,
) -> Result<Tagged<T>, upsert::Error> {
    tagged.upsert(pool).await
}

fn main() {}
