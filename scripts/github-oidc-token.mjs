// Prints the OIDC token that a job of GitHub Actions proves itself to AWS with: `node scripts/github-oidc-token.mjs`. Called
// by the pipeline's client at the moment when the token is needed, for it lives for minutes only.
const AUDIENCE = "sts.amazonaws.com";

const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = process.env;

try {
  process.stdout.write(await oidcToken());
} catch (error) {
  console.error(`No OIDC token: ${error.message}`);
  process.exitCode = 1;
}

async function oidcToken() {
  if (!url || !token)
    throw new Error(
      "this is no job of GitHub Actions, or it lacks `permissions: id-token: write` (pull requests of forks get none). " +
        'On a laptop give --aws-credentials cmd:"aws configure export-credentials" instead.',
    );
  const address = new URL(url);
  address.searchParams.set("audience", AUDIENCE);
  const response = await fetch(address, {
    headers: { authorization: `bearer ${token}` },
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`GitHub answers ${response.status} ${response.statusText}`);
  const { value } = await response.json();
  if (typeof value !== "string" || value === "") throw new Error("GitHub's answer holds none");
  return value;
}
