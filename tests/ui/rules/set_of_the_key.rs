use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", set(email = lower(new.email)))]
struct User {
    email: String,
    count: i64,
}

fn main() {}
