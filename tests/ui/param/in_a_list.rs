use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", accumulate = "by")]
struct User {
    email: String,
    #[upsert(param)]
    by: i64,
    stock: i64,
}

fn main() {}
