use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "lower(email)", constraint = "uq_users_email")]
struct User {
    email: String,
    name: String,
}

fn main() {}
