import type { AwsSession } from "./aws.js";
import { roleArnCommand } from "./eks.js";
import { formatSeconds, markdownTable } from "./report.js";

/** Who a session is, as a table: account, role or user, ARN, how to get the role's own, end, region. */
export function whoami({ account, arn, region, credentials }: AwsSession, now = new Date()): string {
  const ask = roleArnCommand(arn);
  const rows = [
    ["account", account],
    ["who", nameOf(arn)],
    ["ARN", arn],
    ...(ask ? [["role", `STS leaves its path out; its ARN, for an access entry: \`${ask}\``]] : []),
    ["ends", endOf(credentials.expiration, now)],
    ["region", region],
  ];
  return `${markdownTable(["What", "AWS says"], rows).join("\n")}\n`;
}

function nameOf(arn: string): string {
  const [kind = "", ...rest] = arn.split(":").slice(5).join(":").split("/");
  if (kind === "assumed-role") return `role ${rest[0]}, session ${rest.slice(1).join("/")}`;
  return [kind, rest.at(-1)].filter(Boolean).join(" ");
}

function endOf(expiration: Date | undefined, now: Date): string {
  if (!expiration) return "not known: the credentials name no end";
  return `${expiration.toISOString()}, in ${formatSeconds((expiration.getTime() - now.getTime()) / 1000)}`;
}
