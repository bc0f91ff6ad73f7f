use upsert::Upsert;

#[derive(Debug, Upsert)]
#[upsert(conflict = "emial", returning = "tag")]
struct Tagged<T: Clone = String> {
    email: String,
    tag: T,
}

async fn save(tagged: &Tagged, pool: &sqlx::SqlitePool) -> Result<String, upsert::Error> {
    tagged.upsert(pool).await
}

fn main() {}
