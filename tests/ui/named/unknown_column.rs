use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
#[upsert(name = "record_login", accumulate = "lgoins")]
struct User {
    email: String,
    logins: i64,
}

fn main() {}
