use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", set(count += 1))]
struct User {
    email: String,
    count: i64,
}

fn main() {}
