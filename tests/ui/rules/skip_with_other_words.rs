use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(skip, accumulate)]
    stock: i64,
}

fn main() {}
