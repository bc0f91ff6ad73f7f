use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", set(count))]
struct User {
    email: String,
    count: i64,
}

fn main() {}
