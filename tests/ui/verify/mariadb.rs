use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", verify = "mariadb")]
struct User {
    email: String,
}

fn main() {}
