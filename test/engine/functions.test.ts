// `dagger functions` as a newcomer types it: what the CLI lists is what README's table explains.
import { beforeAll, expect, it } from "vitest";
import { documentedFunctions } from "../unit/functionTable.js";
import { daggerw } from "./daggerw.js";

let listed = new Map<string, string>();

beforeAll(async () => {
  const { exitCode, stdout, stderr } = await daggerw(["-s", "functions"]);
  if (exitCode !== 0) throw new Error(stderr);
  // The head of the table, and the line on the constructor, which the CLI skips, begin with a capital.
  listed = new Map([...stdout.matchAll(/^([a-z][a-z-]*) {2,}(.*)$/gm)].map(([, name = "", said = ""]) => [name, said]));
});

it("lists the functions of README's table, and no other", () => {
  expect([...listed.keys()].sort()).toEqual(documentedFunctions().sort());
});

it("says what each does", () => {
  // The CLI has a dash for none.
  expect([...listed].filter(([, said]) => !/\w/.test(said))).toEqual([]);
});
