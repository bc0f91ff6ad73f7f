use upsert::Upsert;

#[derive(Upsert)]
#[upsert(conflict = "email", returning = "id", verify = "sqlite")]
struct User<'a> {
    #[upsert(generated)]
    id: i64,
    email: &'a str,
}

fn main() {}
