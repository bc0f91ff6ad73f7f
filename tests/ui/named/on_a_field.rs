use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct User {
    email: String,
    #[upsert(name = "e_mail")]
    address: String,
}

fn main() {}
