use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = sql("{old.tags} || $1"))]
    tags: String,
}

fn main() {}
