// Terraform by hand, as terraform/README.md has it: a command that nobody runs before it is needed, and what is left behind.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Directory } from "@dagger.io/dagger";
import { expect, test } from "vitest";
import { codeAndTests } from "../../pipeline/src/terraform.js";
import { temporaryFolder } from "./temporary.js";

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const readme = read("terraform/README.md");

test("charts of a cluster that is gone leave the state by their whole addresses, quotes of keys included", () => {
  const command = /^ {4}(terraform state list \|.*)/m.exec(readme)?.[1] ?? "";
  const charts = ['module.flux[0].helm_release.this["a b"]', "module.namespace.kubernetes_namespace_v1.this"];
  const folder = temporaryFolder();
  writeFileSync(join(folder, "state"), ["module.vpc.aws_vpc.this", ...charts, ""].join("\n"));
  const terraform = '#!/bin/sh\n[ "$2" = list ] && exec cat state\nprintf "%s\\n" "$3" >>removed\n';
  writeFileSync(join(folder, "terraform"), terraform, { mode: 0o755 });
  const PATH = `${folder}${delimiter}${process.env.PATH}`;
  execFileSync("sh", ["-c", command], { cwd: folder, env: { ...process.env, PATH } });
  expect(readFileSync(join(folder, "removed"), "utf8").trim().split("\n")).toEqual(charts);
});

test("what git ignores in terraform/ gets neither into the engine nor into the code that a plan is made from", () => {
  const ignored = read("terraform/.gitignore").match(/^[^#\s].*/gm) ?? [];
  const everywhere = ignored.map((pattern) => `**/${pattern}`);
  const code: string[] = [];
  const folder = { filter: ({ exclude }: { exclude: string[] }) => code.push(...exclude) };
  codeAndTests({ directory: () => folder } as unknown as Directory);
  const [, engine = ""] = /defaultPath: "\/",\s*ignore: (\[.*?\]),\n/s.exec(read("pipeline/src/index.ts")) ?? [];
  expect(ignored).toContain("*.tfplan");
  expect(code).toEqual(expect.arrayContaining(everywhere));
  for (const pattern of everywhere) expect(engine).toContain(`"${pattern}"`);
});
