// What the module's functions refuse by their arguments, before they ask anything of an engine: there is none here.
import type { Directory } from "@dagger.io/dagger";
import { expect, it } from "vitest";
import { HelloworldInfrastructure } from "../../pipeline/src/index.js";

const module = new HelloworldInfrastructure({} as Directory);
const none = undefined;
const ofAccount = (account: string) => new HelloworldInfrastructure({} as Directory, none, none, none, none, account);

it.each<[string, () => Promise<unknown>, RegExp]>([
  ["plan --env staging", () => module.plan("staging"), /no environment "staging". Known: local, dev, prod/],
  ["plan --vars no", () => module.plan("dev", ["no"]), /--vars "no" is no variable/],
  ["force-unlock --lock-id 42", () => module.forceUnlock("dev", "42"), /"42" is no lock id/],
  [
    "--aws-account 1 rescued-state",
    () => ofAccount("1").rescuedState("dev"),
    /"1" is no AWS account: it has 12 digits/,
  ],
  ["bump --env staging", () => module.bump("staging", "v0.2.0"), /no environment "staging". Known: local, dev, prod/],
])("%s", async (_, call, reason) => {
  await expect(call()).rejects.toThrow(reason);
});
