use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", set(cuont = old.count + 1))]
struct User {
    email: String,
    count: i64,
}

fn main() {}
