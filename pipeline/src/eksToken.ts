import type { AwsSession } from "./aws.js";
import { ClusterError } from "./clusterErrors.js";

/** How long the signature itself holds: EKS asks for no more than this. */
const SIGNATURE_SECONDS = 60;
/** EKS takes a token for 15 minutes after its signature; the last one is for calls that are under way. */
const TOKEN_LIFE_MS = 14 * 60_000;

/**
 * The bearer token by which EKS knows an AWS identity: a signed call of STS that the cluster makes in the caller's place, to
 * hear who signed it. Made here, without a call to AWS.
 *
 * @throws Error when the session has ended: a token of it would be refused without a reason
 */
export async function eksToken(
  { credentials, region }: AwsSession,
  cluster: string,
  now = new Date(),
): Promise<string> {
  requireLiveSession(credentials, now);
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([
    import("@smithy/signature-v4"),
    import("@smithy/core/checksum"),
  ]);
  const host = `sts.${region}.amazonaws.com`;
  const request = {
    ...{ method: "GET", protocol: "https:", hostname: host, path: "/" },
    query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
    headers: { host, "x-k8s-aws-id": cluster },
  };
  const signer = new SignatureV4({ credentials, region, service: "sts", sha256: Sha256 });
  const signed = await signer.presign(request, { expiresIn: SIGNATURE_SECONDS, signingDate: now });
  const query = Object.entries(signed.query ?? {}).map((pair) =>
    pair.map((part) => encodeURIComponent(`${part}`)).join("="),
  );
  return `k8s-aws-v1.${Buffer.from(`https://${host}/?${query.join("&")}`).toString("base64url")}`;
}

/**
 * EKS takes no token of a session that has ended, not even one that was made before, and says only that it doesn't.
 *
 * @throws ClusterError
 */
export function requireLiveSession({ expiration }: { readonly expiration?: Date }, now: Date): void {
  if (expiration && expiration <= now)
    throw new ClusterError(
      "unauthorized",
      `The AWS session ended at ${expiration.toISOString()}, before the run did. Log in again and repeat the call.`,
    );
}

/** Gives the same token as long as EKS takes it, and then the next one. */
export function renewedToken(make: (now: Date) => Promise<string>, clock = Date.now): () => Promise<string> {
  let made: { token: string; at: number } | undefined;
  return async () => {
    const at = clock();
    if (!made || at - made.at >= TOKEN_LIFE_MS) made = { token: await make(new Date(at)), at };
    return made.token;
  };
}
