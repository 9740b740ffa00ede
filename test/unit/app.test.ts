import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { faultsOf } from "../../pipeline/src/app.js";

it("a tag of a release file is a good version, also where the sample application has a faulty one of that name", () => {
  const versions = JSON.parse(readFileSync("test/app/versions.json", "utf8"));
  expect(versions["v0.9.0"].fault).toBe("crash");
  expect(faultsOf(versions, ["v0.9.0", "v7.0.0"])).toMatchObject({
    ...{ "v0.1.0": "", "v0.9.0": "", "v7.0.0": "", "v0.9.1": "never-ready" },
  });
});
