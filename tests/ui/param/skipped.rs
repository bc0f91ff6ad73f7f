use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(param, skip)]
    by: i64,
    stock: i64,
}

fn main() {}
