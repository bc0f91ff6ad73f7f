use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", insert_only = "stock")]
struct User {
    email: String,
    #[upsert(accumulate)]
    stock: i64,
}

fn main() {}
