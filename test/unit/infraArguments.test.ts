// What the infrastructure's functions refuse by their arguments alone.
import { describe, expect, it } from "vitest";
import { openAwsSession, sessionName } from "../../pipeline/src/aws.js";
import { environment, infrastructureOf } from "../../pipeline/src/environments.js";
import { settingsOf } from "../../pipeline/src/terraform.js";
import { checkConfirmation } from "../../pipeline/src/terraformDestroy.js";
import { variableArguments } from "../../pipeline/src/terraformPlan.js";

const role = "arn:aws:iam::123456789012:role/x";

describe("arguments", () => {
  it.each<[string, Parameters<typeof openAwsSession>[0], RegExp]>([
    ["no credentials", {}, /No AWS credentials.*aws configure export-credentials/],
    ["a role without a token", { roleArn: role }, /needs --aws-web-identity-token/],
    ["a malformed role", { roleArn: "me" }, /"me" is no role's ARN/],
    ["a malformed account", { account: "1" }, /"1" is no AWS account/],
  ])("refuse %s", async (_, access, reason) => {
    await expect(openAwsSession(access, "eu-west-1")).rejects.toThrow(reason);
  });

  it.each([
    ["of GitHub", { sub: "repo:o/r:environment:dev", run_id: "4711" }, "run-4711"],
    ["of somebody else", { sub: "me" }, "helloworld-infrastructure"],
    ["with something else for a run", { run_id: "1 2" }, "helloworld-infrastructure"],
    ["with no claims", null, "helloworld-infrastructure"],
  ])("name the session after the run, by a token %s", (_, claims, name) => {
    const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
    expect(sessionName(`header.${payload}.signature`)).toBe(name);
  });

  it.each(["", "token", "header.payload.signature", "..", undefined])("name it as ever by %j", (token) => {
    expect(sessionName(token)).toBe("helloworld-infrastructure");
  });

  it("refuse local, which has no infrastructure", () => {
    expect(() => infrastructureOf("local")).toThrow(/local has no infrastructure/);
  });

  it.each<[string | undefined, RegExp]>([
    [undefined, /type its name: --confirm prod/],
    ["dev", /"dev" is not the environment's name. Nothing was destroyed/],
  ])("refuse prod's destruction, confirmed with %j", (confirm, reason) => {
    expect(() => checkConfirmation(environment("prod"), confirm)).toThrow(reason);
    expect(() => checkConfirmation(environment("prod"), "prod")).not.toThrow();
  });

  it("refuse what is no variable, and another environment than --env", () => {
    const dev = environment("dev");
    expect(() => variableArguments({ environment: dev, vars: ["no"] })).toThrow(/--vars "no" is no variable/);
    expect(() => variableArguments({ environment: dev, vars: ["environment=prod"] })).toThrow(/contradicts --env/);
    expect(variableArguments({ environment: dev, vars: ["a=b c"] })).toEqual(["-var=a=b c", "-var=environment=dev"]);
  });

  // The CLI makes two settings of --vars 'modules={flux=false,flagger=false}'.
  it.each(["modules={flux=false", "flagger=false}", 'cidrs=["10.0.0.0/8"', 'a="b', 'a={b="}"', "a=[[1]"])(
    "refuse %s, which is a part of a value",
    (setting) => {
      expect(() => settingsOf({ vars: [setting] })).toThrow(
        `--vars ${JSON.stringify(setting)} is a part of a value: the CLI splits --vars at commas.`,
      );
      expect(() => settingsOf({ vars: [setting] })).toThrow("--var-file");
    },
  );

  it.each(["modules={flux=false}", 'a={b="}\\"[", c=[1, "{"]}', "a=", "a=b=c"])(
    "take %s, which is whole",
    (setting) => {
      expect(settingsOf({ vars: [setting] })).toEqual([`-var=${setting}`]);
    },
  );
});
