use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = sql("{old.tasg} || {new.tags}"))]
    tags: String,
}

fn main() {}
