use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save<E: upsert::UpsertExecutor>(user: &User, executor: E) -> Result<User, upsert::Error> {
    user.upsert(executor).await
}

fn main() {}
