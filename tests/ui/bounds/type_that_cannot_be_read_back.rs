use upsert::Upsert;

struct Slug(String);

impl sqlx::Type<sqlx::Sqlite> for Slug {
    fn type_info() -> sqlx::sqlite::SqliteTypeInfo {
        <String as sqlx::Type<sqlx::Sqlite>>::type_info()
    }
}

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(generated)]
    slug: Slug,
}

async fn save(user: &User, pool: &sqlx::SqlitePool) -> Result<User, upsert::Error> {
    user.upsert(pool).await
}

fn main() {}
