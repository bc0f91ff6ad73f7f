use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", table = "users")]
struct Tagged<T> {
    email: String,
    tag: T,
}

async fn save(tagged: &Tagged<u64>, pool: &sqlx::PgPool) -> Result<Tagged<u64>, upsert::Error> {
    tagged.upsert(pool).await
}

fn main() {}
