use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, conn: &mut sqlx::AnyConnection) -> Result<User, upsert::Error> {
    user.upsert(conn).await
}

fn main() {}
