use upsert::Upsert;

#[derive(Upsert)]
#[upsert(constraint = "uq_users_email")]
struct User {
    email: String,
    name: String,
}

fn main() {}
