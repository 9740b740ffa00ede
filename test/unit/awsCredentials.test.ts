// Credentials in the forms that AWS's own tools write.
import { describe, expect, it } from "vitest";
import { parseAwsCredentials } from "../../pipeline/src/awsCredentials.js";

const ID = "AKIAIOSFODNN7EXAMPLE";
const KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY=";
const now = new Date("2026-11-24T12:00:00Z");
const json = (more: object) =>
  JSON.stringify({ Version: 1, AccessKeyId: ID, SecretAccessKey: KEY, SessionToken: "token/+=", ...more });

describe("credentials", () => {
  it("are read from the JSON of aws configure export-credentials", () => {
    expect(parseAwsCredentials(json({ Expiration: "2026-11-24T13:00:00+00:00" }), undefined, now)).toEqual({
      accessKeyId: ID,
      secretAccessKey: KEY,
      sessionToken: "token/+=",
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
    ["broken JSON", `{"AccessKeyId": "${ID}", `, /broken JSON/],
    ["no key", JSON.stringify({ AccessKeyId: ID }), /no access key id or no secret access key/],
    ["a malformed id", json({ AccessKeyId: "not an id" }), /access key id is malformed/],
    ["nothing known", `${KEY}`, /no known form/],
    ["an expiration that is no time", json({ Expiration: "soon" }), /expiration is no time/],
    ["nothing", "", /no known form/],
  ])("that are %s are refused without a word of them", (_, text, reason) => {
    const refusal = () => parseAwsCredentials(text, undefined, now);
    expect(refusal).toThrow(reason);
    expect(refusal).not.toThrow(KEY);
  });
});
