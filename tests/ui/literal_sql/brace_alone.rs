use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = sql("{new.tags} || '}'"))]
    tags: String,
}

fn main() {}
