use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", set(count = old.count + 1, count = new.count))]
struct User {
    email: String,
    count: i64,
}

fn main() {}
