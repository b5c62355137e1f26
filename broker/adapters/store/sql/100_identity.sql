-- People: who may sign in, to which tenant they belong, and who is signed in. Ordinary tables; the journal knows only ids.
CREATE SCHEMA identity;

CREATE TABLE identity.tenants (
    id      uuid PRIMARY KEY,
    name    text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    made_at timestamptz NOT NULL
);

-- A person is (issuer, subject), never an e-mail address. `roles` are those of the last sign-in, comma-separated.
CREATE TABLE identity.users (
    id        uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES identity.tenants (id),
    issuer    text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 500),
    subject   text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    name      text NOT NULL,
    roles     text NOT NULL,
    made_at   timestamptz NOT NULL,
    seen_at   timestamptz NOT NULL,
    UNIQUE (issuer, subject)
);
CREATE INDEX users_tenant ON identity.users (tenant_id);

CREATE TABLE identity.sessions (
    token_sha256 bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
    user_id      uuid NOT NULL REFERENCES identity.users (id),
    roles        text NOT NULL,
    kind         text NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
    made_at      timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL CHECK (expires_at > made_at)
);
CREATE INDEX sessions_user ON identity.sessions (user_id);
CREATE INDEX sessions_expiry ON identity.sessions (expires_at);

-- What the bank called an entry that finance booked; the ledger's transfers carry `reference`.
CREATE TABLE identity.bank_entries (
    reference  uuid PRIMARY KEY,
    text       text NOT NULL,
    entered_by uuid NOT NULL,
    entered_at timestamptz NOT NULL
);

GRANT USAGE ON SCHEMA identity TO bourse_writer, bourse_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON identity.tenants, identity.users, identity.sessions TO bourse_writer;
GRANT SELECT, INSERT ON identity.bank_entries TO bourse_writer;
GRANT SELECT ON identity.tenants, identity.bank_entries TO bourse_reader;
GRANT SELECT (id, tenant_id, name) ON identity.users TO bourse_reader;
