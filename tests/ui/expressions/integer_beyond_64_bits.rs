use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = old.count + 9223372036854775808)]
    count: i64,
}

fn main() {}
