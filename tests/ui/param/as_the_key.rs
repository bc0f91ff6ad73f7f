use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "by")]
struct User {
    email: String,
    #[upsert(param)]
    by: i64,
}

fn main() {}
