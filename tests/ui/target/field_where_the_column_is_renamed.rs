use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    #[upsert(rename = "e_mail")]
    email: String,
    name: String,
}

fn main() {}
