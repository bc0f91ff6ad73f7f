CREATE TABLE users (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email TEXT NOT NULL CHECK (email LIKE '%@%'),
    handle TEXT NOT NULL,
    name TEXT NOT NULL,
    age INTEGER CHECK (age >= 0),
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- What the upsert conflicts on.
CREATE UNIQUE INDEX users_email ON users (email);

-- Another user's handle is an error, also when the email is new.
CREATE UNIQUE INDEX users_handle ON users (handle);
