// A real OpenID provider (oidc-provider) on loopback, for the demo and the tests only: everything is in memory, the signing
// key is new at each start, and there is no consent screen.
//
//   node idp.mjs CONFIG.json        prints "idp ready <issuer>" when it serves; SIGTERM ends it
//
// CONFIG.json (port 0: any free one):
//   {"port": 17400,
//    "clients": [{"client_id": "bourse", "client_secret": "…", "redirect_uris": ["https://…/auth/callback"]}],
//    "users": {"alice": {"password": "…", "name": "Alice Arendt", "groups": ["researchers"]}, …}}
import { createHash, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

function readConfig(path) {
  if (!path) throw new Error('usage: node idp.mjs CONFIG.json');
  const { port, clients, users } = JSON.parse(readFileSync(path, 'utf8'));
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error('port: expected 0 to 65535');
  if (!Array.isArray(clients) || clients.length === 0) throw new Error('clients: expected a list');
  for (const c of clients) {
    if (!c.client_id || !c.client_secret || !Array.isArray(c.redirect_uris)) throw new Error('clients: each needs client_id, client_secret and redirect_uris');
  }
  for (const [login, user] of Object.entries(users ?? {})) {
    if (typeof user.password !== 'string' || user.password === '') throw new Error(`users.${login}: password is missing`);
    if (!Array.isArray(user.groups)) throw new Error(`users.${login}: groups must be a list`);
  }
  return { port, clients, users: new Map(Object.entries(users ?? {})) };
}

const digest = (text) => createHash('sha256').update(text).digest();
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function passwordFits(users, login, password) {
  const user = users.get(login);
  return user !== undefined && timingSafeEqual(digest(user.password), digest(password ?? ''));
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: `k-${randomBytes(4).toString('hex')}` };
}

async function grantWhatIsAsked(ctx) {
  const { client, session, provider } = ctx.oidc;
  const known = session.grantIdFor(client.clientId);
  const grant = (known && (await provider.Grant.find(known))) || new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope([...ctx.oidc.requestParamOIDCScopes].join(' '));
  await grant.save();
  return grant;
}

function makeProvider(issuer, clients, users) {
  return new Provider(issuer, {
    jwks: { keys: [signingKey()] },
    clients: clients.map(({ client_id, client_secret, redirect_uris }) => ({
      client_id, client_secret, redirect_uris,
      grant_types: ['authorization_code'], response_types: ['code'], token_endpoint_auth_method: 'client_secret_basic',
    })),
    pkce: { required: () => true },
    scopes: ['openid', 'profile', 'groups'],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], groups: ['groups'] },
    conformIdTokenClaims: false, // the claims of the scopes go into the ID token too
    cookies: { keys: [randomBytes(32).toString('hex')] },
    ttl: { AccessToken: 300, AuthorizationCode: 60, IdToken: 300, Interaction: 600, Session: 86400, Grant: 86400 },
    features: { devInteractions: { enabled: false } },
    findAccount: (ctx, id) => users.has(id) && {
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, name: users.get(id).name ?? id, groups: users.get(id).groups }),
    },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: grantWhatIsAsked,
    renderError: (ctx, out) => { ctx.type = 'text'; ctx.body = `${out.error}: ${out.error_description ?? ''}\n`; },
  });
}

const page = (message) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Demo University</title>
<h1>Demo University</h1>${message ? `<p role="alert">${escape(message)}</p>` : ''}
<form method="post"><label>Name <input name="login" autocomplete="username" autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label><button>Sign in</button></form>`;

async function readForm(request) {
  let body = '';
  for await (const piece of request) {
    body += piece;
    if (body.length > 4096) throw new Error('the form is too large');
  }
  return new URLSearchParams(body);
}

function addLogin(provider, users) {
  provider.use(async (ctx, next) => {
    if (!/^\/interaction\/[^/]+$/.test(ctx.path)) return next();
    await provider.interactionDetails(ctx.req, ctx.res); // throws for a stranger's interaction
    ctx.type = 'html';
    if (ctx.method !== 'POST') {
      ctx.body = page();
      return undefined;
    }
    const form = await readForm(ctx.req);
    const login = form.get('login') ?? '';
    if (!passwordFits(users, login, form.get('password'))) {
      ctx.status = 403;
      ctx.body = page('Name or password is wrong.');
      return undefined;
    }
    ctx.respond = false;
    await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: login } }, { mergeWithLastSubmission: false });
    return undefined;
  });
}

const config = readConfig(process.argv[2]);
let handle = (request, response) => response.writeHead(503).end();
const server = createServer((request, response) => handle(request, response));
server.listen(config.port, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`; // known only now when the port is 0
  const provider = makeProvider(issuer, config.clients, config.users);
  addLogin(provider, config.users);
  handle = provider.callback();
  console.log(`idp ready ${issuer}`);
});
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.closeAllConnections();
    server.close(() => process.exit(0));
  });
}
