// Tokens for EKS: their form, and when the next one is made. That they are valid is for scenarios/eks.py to say.
import { describe, expect, it } from "vitest";
import type { AwsSession } from "../../pipeline/src/aws.js";
import { adviceOf, principalOf } from "../../pipeline/src/eks.js";
import { eksToken, renewedToken, requireLiveSession } from "../../pipeline/src/eksToken.js";
import { whoami } from "../../pipeline/src/whoami.js";

const now = new Date("2026-11-24T12:00:00Z");
const session = (more: object = {}): AwsSession => ({
  credentials: { accessKeyId: "ASIAIOSFODNN7EXAMPLE", secretAccessKey: "secret/+=", sessionToken: "token/+=", ...more },
  ...{ region: "eu-west-1", account: "123456789012", arn: "arn:aws:iam::123456789012:user/a", caller: "user/a" },
});

describe("a token", () => {
  it("is a signed GetCallerIdentity of the region's STS, bound to the cluster", async () => {
    const [prefix, text = ""] = (await eksToken(session(), "dev-helloworld", now)).split(/\.(.*)/);
    const url = new URL(Buffer.from(text, "base64url").toString());
    expect(prefix).toBe("k8s-aws-v1");
    expect(text).toMatch(/^[\w-]+$/);
    expect(url.origin + url.pathname).toBe("https://sts.eu-west-1.amazonaws.com/");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      Action: "GetCallerIdentity",
      Version: "2011-06-15",
      "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
      "X-Amz-Credential": "ASIAIOSFODNN7EXAMPLE/20261124/eu-west-1/sts/aws4_request",
      "X-Amz-Date": "20261124T120000Z",
      "X-Amz-Expires": "60",
      "X-Amz-Security-Token": "token/+=",
      "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
      "X-Amz-Signature": expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it("of a session that has ended is not made", async () => {
    const ended = session({ expiration: new Date("2026-11-24T11:59:59Z") });
    await expect(eksToken(ended, "dev-helloworld", now)).rejects.toThrow(/session ended at 2026-11-24T11:59:59.000Z/);
  });

  it("serves for 14 minutes, and then there is another one", async () => {
    let minutes = 0;
    const token = renewedToken(
      async (at) => `${at.getTime() / 60_000}`,
      () => minutes * 60_000,
    );
    const seen = [];
    for (minutes of [0, 1, 13, 14, 20, 27, 28]) seen.push(await token());
    expect(seen).toEqual(["0", "0", "0", "14", "14", "14", "28"]);
  });

  it("is of no use once its session has ended, and that is said instead of EKS's 401", () => {
    const expiration = new Date("2026-11-24T12:05:00Z");
    requireLiveSession({ expiration }, now);
    requireLiveSession({}, now);
    expect(() => requireLiveSession({ expiration }, expiration)).toThrow(
      "The AWS session ended at 2026-11-24T12:05:00.000Z",
    );
  });

  it("that could not be made is tried again at the next call", async () => {
    let calls = 0;
    const token = renewedToken(async () => {
      if (++calls === 1) throw new Error("no");
      return "yes";
    });
    await expect(token()).rejects.toThrow("no");
    expect(await token()).toBe("yes");
  });
});

it.each([
  ["arn:aws:sts::123456789012:assumed-role/dev-deploy/run-1", "arn:aws:iam::123456789012:role/dev-deploy"],
  ["arn:aws-cn:sts::123456789012:assumed-role/a/b", "arn:aws-cn:iam::123456789012:role/a"],
  ["arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:user/alice"],
])("an access entry for %s names %s", (arn, principal) => {
  expect(principalOf(arn)).toBe(principal);
});

describe("the path of a role, which STS leaves out,", () => {
  const name = "AWSReservedSSO_Administrator_0123456789abcdef";
  const ofSso = `arn:aws:sts::123456789012:assumed-role/${name}/me@example.com`;
  const cluster = { name: "dev-helloworld", endpoint: "", authority: "", reach: "" };
  const adviceTo = (arn: string) => adviceOf({ ...session(), arn }, cluster).unauthorized;
  const ask = (role: string) => `aws iam get-role --role-name ${role} --query Role.Arn --output text`;

  it("is not made up for a role of IAM Identity Center, which always has one", () => {
    expect(principalOf(ofSso)).toBe(`the role ${name}`);
    expect(adviceTo(ofSso)).not.toContain(":role/");
  });

  it.each([
    [name, ofSso],
    ["dev-deploy", "arn:aws:sts::123456789012:assumed-role/dev-deploy/run-1"],
  ])("is asked for by a command: %s", (role, arn) => {
    expect(adviceTo(arn)).toContain(ask(role));
    expect(whoami({ ...session(), arn })).toContain(ask(role));
  });

  it("is none of a user's", () => {
    expect(adviceTo(session().arn)).not.toContain("get-role");
    expect(whoami(session())).not.toContain("get-role");
  });
});
