use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = vec![1])]
    count: i64,
}

fn main() {}
