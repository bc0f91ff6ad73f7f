use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(generated)]
    id: i64,
    email: String,
    #[upsert(update = new.id)]
    count: i64,
}

fn main() {}
