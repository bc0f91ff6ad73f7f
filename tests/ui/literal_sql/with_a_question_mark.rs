use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = sql("{old.tags} || ?"))]
    tags: String,
}

fn main() {}
