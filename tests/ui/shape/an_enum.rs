use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
enum User {
    Known { email: String },
}

fn main() {}
