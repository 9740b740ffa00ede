// Terraform's functions: what they refuse before anything starts, and, with the real providers, a real state in S3 and real
// locks, their whole life on a simulated AWS.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { REGION } from "../../pipeline/src/environments.js";
import { temporaryFolder } from "../unit/temporary.js";
import { copyWith } from "./copyWith.js";
import { call, daggerw, type Outcome } from "./daggerw.js";
import { terraformIsThere } from "./providers.js";
import { scenarioModule } from "./scenarios.js";

const KEY = "wJalrXUtnFEMI";

async function fails(args: string[], env?: NodeJS.ProcessEnv): Promise<string> {
  const { exitCode, stdout, stderr } = await daggerw(["-s", "call", ...args], env);
  expect(exitCode, stdout + stderr).toBe(1);
  return stderr;
}

const module = scenarioModule(temporaryFolder());

it("drift ends with terraform's exit code 2, and says what", async () => {
  const { exitCode, stderr } = await call("-m", module, "drifted");
  expect(exitCode, stderr).toBe(2);
  expect(stderr).toContain("1 resource has drifted");
});

it("output that may hold secrets, as a plan's JSON, is not in the progress", async () => {
  const { exitCode, stdout, stderr } = await daggerw(["--progress=plain", "call", "-m", module, "quiet"]);
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain("7 characters");
  expect(stdout + stderr).not.toContain("hunter2");
});

describe.skipIf(!terraformIsThere())("terraform", () => {
  // Most of it waits for the simulator and the providers: what is refused is called in the meantime.
  let cases: Promise<Outcome>;
  beforeAll(() => {
    cases = call("-m", module, "infra", "--source", copyWith({}));
  });

  // Each is a call with a module to load; what the arguments' own checks refuse is in test/unit (moduleArguments, infraArguments).
  describe("refuses before anything is started", () => {
    const expired = JSON.stringify({
      ...{ Version: 1, AccessKeyId: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: `${KEY}EXAMPLE` },
      Expiration: "2026-01-01T00:00:00Z",
    });

    it.each<[string, string[], RegExp]>([
      ["prod's destruction, unconfirmed", ["destroy", "--env", "prod"], /type its name: --confirm prod/],
      ["no credentials", ["plan", "--env", "dev"], /No AWS credentials.*aws configure export-credentials/],
    ])("%s", async (_, args, reason) => {
      expect(await fails(args)).toMatch(reason);
    });

    it("expired credentials, and shows nothing of them", async () => {
      const text = await fails(["--aws-credentials", "env:KEYS", "plan", "--env", "dev"], { KEYS: expired });
      expect(text).toMatch(/expired at 2026-01-01.*aws sso login/);
      expect(text).not.toContain(KEY);
    });

    it("a folder that is no plan", async () => {
      const folder = temporaryFolder();
      writeFileSync(join(folder, "plan.tfplan"), "");
      expect(await fails(["apply", "--env", "dev", "--plan", folder])).toMatch(/no folder that `plan` has made/);
    });
  });

  describe("on a simulated AWS", () => {
    let results: Record<string, string>;
    beforeAll(async () => {
      const { exitCode, stdout, stderr } = await cases;
      expect(exitCode, stderr).toBe(0);
      results = JSON.parse(stdout);
    }, 20 * 60_000);

    const BUCKET = `helloworld-terraform-123456789012-${REGION}`;

    it.each<[string, RegExp]>([
      ["no bucket", new RegExp(`no state bucket ${BUCKET}.*dagger call bootstrap`)],
      [
        "bootstrap",
        /Apply complete! Resources: \d+ added.*gh secret set AWS_ROLE_ARN --env dev --body arn:aws:iam::\d+:role\/helloworld-deploy-dev\n.*own state is in helloworld-terraform/s,
      ],
      // The simulator loses the tags that a bucket was made with, so there may be something to change, but nothing to make.
      ["bootstrap again", /(?:No changes|\b0 added, \d changed, 0 destroyed).*gh secret set AWS_ROLE_ARN --env prod/s],
      ["summary.md", /37 to create.*\| module\.vpc +\| 37/s],
      ["no drift", /^undefined$/],
      ["drift", /1 resource has drifted.*aws_cloudwatch_log_group\.\w+` \| has changed \| retention_in_days: 14 → 1/s],
      ["destroy", /37 destroyed/],
      ["nothing left", /^\{\}$/],
      ["web identity", /assumed-role\/helloworld-deploy-dev\//],
      ["wrong account", /account 123456789012.*--aws-account says 999999999999/],

      ["not applied", /Nothing has been planned or applied in dev yet/],
      ["another environment", /made for dev, not for prod/],
      ["another commit", /not the one that --plan was made from.*another commit/],
      ["damaged", /changed or cut off/],
      ["another account", /made in the AWS account 123456789012, and the credentials are of 999999999999/],
      ["apply", /Apply complete! Resources: 1 added/],
      ["stale", /state has changed since this plan was made/],
      ["output", /^dev$/],
      ["outputs", /"environment": "dev"/],
      ["no output", /no output "nothing": there are environment/],
      ["locked", /is locked.*owner: +\S+.*operation: Apply.*since: .*force-unlock --env prod --lock-id [0-9a-f-]{36}/s],
      ["another lock", /not locked by 00000000/],
      ["unlock", /is free/],
      ["after the unlock", /1 to create/],
      ["invalid HCL", /main\.tf line 16/],
      ["invalid argument", /main\.tf line 16/],
      ["no provider", /A provider could not be fetched.*registry\.invalid\/hashicorp\/aws/s],
      ["no lock table", /table of the state's locks is missing.*dagger call bootstrap/s],
    ])("%s", (name, expected) => {
      expect(results[name]?.trim()).toMatch(expected);
    });

    it("lets exactly one of two applies at once win; the other says who holds the lock", () => {
      const both = [results["apply 1"] ?? "", results["apply 2"] ?? ""];
      const lost = both.filter((text) => !/Apply complete! Resources: 37 added/.test(text));
      expect(lost, both.join("\n")).toHaveLength(1);
      expect(lost[0]).toMatch(/is locked.*owner: +\S+.*operation: Apply.*force-unlock --env dev --lock-id/s);
    });

    it("finishes a bootstrap that was killed, and makes nothing twice", () => {
      expect(results["bootstrap killed"]).toMatch(/exit code: 137/);
      expect(results["left behind"]).toMatch(/^1 buckets, 1 keys, 0 policies, 2 roles, 0 states$/);
      expect(results["bootstrap finished"]).toMatch(
        /Apply complete! Resources: [1-9]\d* imported, [1-9]\d* added.*own state is in/s,
      );
      expect(results["made once"]).toMatch(/^1 buckets, 1 keys, 14 policies, 2 roles, 1 states$/);
    });

    it("keeps a state that its bucket did not take, and puts it back where it belongs", () => {
      expect(results["not written"]).toMatch(
        /could not write the state to its bucket.*rescued-state --env dev export.*push-state --env dev --state errored\.tfstate/s,
      );
      expect(results["not written"]).not.toMatch(/nothing was changed|is in the state/);
      expect(JSON.parse(results.rescued ?? "").resources).toHaveLength(1);
      expect(results["still locked"]).toMatch(/is locked.*operation: Apply/s);
      expect(results["unlock the half"]).toMatch(/is free; half of it was so already/);
      expect(results["pushed no state"]).toMatch(/is no Terraform state/);
      expect(results["pushed another state"]).toMatch(/another state of dev, or a newer one, so nothing was written/);
      expect(results["still rescued"]).toBe(results.rescued);
      expect(results.pushed).toMatch(/is in its bucket again \(serial \d+\)/);
      expect(results["as it was applied"]).toMatch(/No changes/);
      expect(results["rescued no more"]).toMatch(/No state of dev had to be rescued/);
    });

    it("shows nothing of the credentials anywhere", () => {
      expect(JSON.parse(results["plan.json"] ?? "").resource_changes.length).toBeGreaterThan(30);
      expect(JSON.stringify(results)).not.toMatch(new RegExp(`AKIAIOSFODNN7EXAMPLE|${KEY}`));
    });
  });
});
