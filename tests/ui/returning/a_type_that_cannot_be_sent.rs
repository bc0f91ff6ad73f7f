use upsert::Upsert;

use std::rc::Rc;

#[derive(Upsert)]
#[upsert(conflict = "email", returning = Rc<Account>)]
struct User {
    email: String,
    name: String,
}

struct Account;

fn main() {}
