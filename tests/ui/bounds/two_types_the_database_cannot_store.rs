use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    visits: u64,
    clicks: Option<u64>,
}

async fn save(user: &User, conn: &mut sqlx::PgConnection) -> Result<User, upsert::Error> {
    user.upsert(conn).await
}

fn main() {}
