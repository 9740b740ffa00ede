// Credentials in the forms that AWS's own tools write.
import { describe, expect, it } from "vitest";
import { parseAwsCredentials } from "../../pipeline/src/awsCredentials.js";

const ID = "AKIAIOSFODNN7EXAMPLE";
const KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY=";
const TOKEN = "token/+=";
/** A parser quotes only some characters. */
const BEGINNINGS = /AKIAIO|wJalrX|token\//;
const now = new Date("2026-11-24T12:00:00Z");
const json = (more: object) =>
  JSON.stringify({ Version: 1, AccessKeyId: ID, SecretAccessKey: KEY, SessionToken: TOKEN, ...more });

describe("credentials", () => {
  it("are read from the JSON of aws configure export-credentials", () => {
    expect(parseAwsCredentials(json({ Expiration: "2026-11-24T13:00:00+00:00" }), undefined, now)).toEqual({
      accessKeyId: ID,
      secretAccessKey: KEY,
      sessionToken: TOKEN,
      expiration: new Date("2026-11-24T13:00:00Z"),
    });
  });

  it.each(["export ", ""])("are read from lines that begin with %j", (prefix) => {
    const text = `${prefix}AWS_ACCESS_KEY_ID=${ID}\n${prefix}AWS_SECRET_ACCESS_KEY=${KEY}\n${prefix}AWS_SESSION_TOKEN=t\n`;
    expect(parseAwsCredentials(text)).toMatchObject({ accessKeyId: ID, secretAccessKey: KEY, sessionToken: "t" });
  });

  const file = `# mine\n[default]\naws_access_key_id = ${ID}\naws_secret_access_key = ${KEY}\n\n[dev.admin]\naws_access_key_id=ASIA2222222222222222\naws_secret_access_key=other\n`;

  it("are read from a credentials file, by profile", () => {
    expect(parseAwsCredentials(file)).toMatchObject({ accessKeyId: ID, secretAccessKey: KEY });
    expect(parseAwsCredentials(file, "dev.admin")).toMatchObject({ accessKeyId: "ASIA2222222222222222" });
    expect(() => parseAwsCredentials(file, "prod")).toThrow(/no profile "prod"; there are default, dev\.admin/);
  });

  it.each([
    ["expired", json({ Expiration: "2026-11-24T11:59:00Z" }), /expired at 2026-11-24T11:59:00.000Z.*aws sso login/],
    ["broken JSON", json({}).slice(0, -1), /broken JSON/],
    ["broken JSON at the id", json({}).replace(`"${ID}"`, ID), /broken JSON/],
    ["broken JSON at the key", json({}).replace(`"${KEY}"`, KEY), /broken JSON/],
    ["without an id", json({ AccessKeyId: undefined }), /no access key id or no secret access key/],
    ["without a key", json({ SecretAccessKey: undefined }), /no access key id or no secret access key/],
    ["of a malformed id", json({ AccessKeyId: `${ID} ${KEY}` }), /access key id is malformed/],
    ["of no known form", `${ID}:${KEY}:${TOKEN}`, /no known form/],
    ["with an expiration that is no time", json({ Expiration: `${ID}${KEY}` }), /expiration is no time/],
    ["nothing", "", /no known form/],
  ])("that are %s are refused without a word of them", (_, text, reason) => {
    const message = messageOf(() => parseAwsCredentials(text, undefined, now));
    expect(message).toMatch(reason);
    expect(message).not.toMatch(BEGINNINGS);
  });

  it("of a profile that is not there are refused without a word of them", () => {
    const message = messageOf(() => parseAwsCredentials(file, "prod"));
    expect(message).not.toMatch(BEGINNINGS);
  });
});

function messageOf(refused: () => unknown): string {
  try {
    refused();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("Nothing was refused.");
}
