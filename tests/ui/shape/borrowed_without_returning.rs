use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email")]
struct NewUser<'a> {
    email: &'a str,
    name: &'a str,
}

fn main() {}
