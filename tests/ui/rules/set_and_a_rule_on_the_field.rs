use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", set(count = old.count + 1))]
struct User {
    email: String,
    #[upsert(accumulate)]
    count: i64,
}

fn main() {}
