use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", accumulate = "stock")]
struct User {
    email: String,
    #[upsert(accumulate)]
    stock: i64,
}

fn main() {}
