use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", table = "users", accumulate = "amount")]
struct Tagged<T> {
    email: String,
    amount: T,
}

async fn save(
    tagged: &Tagged<String>,
    pool: &sqlx::PgPool,
) -> Result<Tagged<String>, upsert::Error> {
    tagged.upsert(pool).await
}

fn main() {}
