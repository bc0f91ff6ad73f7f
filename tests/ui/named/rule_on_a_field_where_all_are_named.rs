use upsert::Upsert;

#[derive(Upsert)]
#[upsert(name = "record_login", conflict = "email")]
struct User {
    email: String,
    #[upsert(accumulate)]
    logins: i64,
}

fn main() {}
