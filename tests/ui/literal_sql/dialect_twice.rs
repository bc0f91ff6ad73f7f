use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(update = sql(sqlite = "{old.tags}", sqlite = "{new.tags}"))]
    tags: String,
}

fn main() {}
