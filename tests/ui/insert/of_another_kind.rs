use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(insert = length(new.name))]
    name: String,
}

fn main() {}
