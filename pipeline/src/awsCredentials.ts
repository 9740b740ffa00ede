import { parse } from "ini";

/** Keys to AWS; a session token and an end belong to temporary ones. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** What to do about credentials that can't be used. */
const HELP =
  'Give --aws-credentials one of: cmd:"aws configure export-credentials" (any profile, SSO included; add --profile NAME), ' +
  "or file:$HOME/.aws/credentials (with --aws-profile NAME unless it is called default).";

/**
 * Reads credentials as AWS's own tools write them: the JSON of `aws configure export-credentials`, its `--format env`, or a
 * shared credentials file with profiles.
 *
 * @param profile which profile of a credentials file
 * @throws Error that says what is missing or expired, without a word of the text itself
 */
export function parseAwsCredentials(text: string, profile = "default", now = new Date()): AwsCredentials {
  const found = text.trim().startsWith("{") ? fromJson(text) : fromIni(text, profile);
  if (!found.accessKeyId || !found.secretAccessKey)
    throw new Error(`The AWS credentials have no access key id or no secret access key. ${HELP}`);
  if (!/^[A-Z0-9]{16,128}$/.test(found.accessKeyId))
    throw new Error(`The AWS access key id is malformed: it has ${found.accessKeyId.length} characters. ${HELP}`);
  if (found.expiration && found.expiration <= now)
    throw new Error(
      `The AWS credentials expired at ${found.expiration.toISOString()}. Log in again (aws sso login) and repeat the call.`,
    );
  return found;
}

function fromJson(text: string): AwsCredentials {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Error(`The AWS credentials are broken JSON. ${HELP}`); // the parser's words would quote them
  }
  return credentials((key) => json[key], ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]);
}

function fromIni(text: string, profile: string): AwsCredentials {
  // A dot in a section's name would make it a section of another one.
  const plain = text.replace(/^export /gm, "").replace(/^\[.*\]/gm, (header) => header.replaceAll(".", "\\."));
  const file = parse(plain) as Record<string, unknown>;
  const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION"];
  if (names[0] !== undefined && names[0] in file) return credentials((key) => file[key], names);
  const profiles = Object.keys(file).filter((name) => typeof file[name] === "object");
  const section = file[profile];
  if (typeof section !== "object")
    throw new Error(
      profiles.length > 0
        ? `The AWS credentials have no profile ${JSON.stringify(profile)}; there are ${profiles.join(", ")}. ${HELP}`
        : `The AWS credentials are in no known form. ${HELP}`,
    );
  const keys = section as Record<string, unknown>;
  return credentials(
    (key) => keys[key],
    names.map((name) => name.toLowerCase()),
  );
}

function credentials(value: (key: string) => unknown, keys: readonly string[]): AwsCredentials {
  const [accessKeyId = "", secretAccessKey = "", sessionToken = "", expiration = ""] = keys.map((key) => {
    const found = value(key);
    return typeof found === "string" ? found.trim() : "";
  });
  const end = expiration ? new Date(expiration) : undefined;
  if (end && Number.isNaN(end.getTime())) throw new Error(`The AWS credentials' expiration is no time. ${HELP}`);
  return { accessKeyId, secretAccessKey, sessionToken: sessionToken || undefined, expiration: end };
}
