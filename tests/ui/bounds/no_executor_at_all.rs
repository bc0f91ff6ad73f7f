use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    name: String,
}

async fn save(user: &User, url: &str) -> Result<User, upsert::Error> {
    user.upsert(url).await
}

fn main() {}
