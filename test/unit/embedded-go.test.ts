import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { garbageCollection } from "../../embedded/src/go.js";

const forEach = (gigabytes: number) => gigabytes * 2 ** 30 * availableParallelism();

test("compilers share half of the memory, where that is a gigabyte each, and the caller's shell has not said otherwise", () => {
  expect(garbageCollection(forEach(12), {})).toEqual({ GOGC: "400", GOMEMLIMIT: "6144MiB" });
  expect(garbageCollection(forEach(1.5), {})).toEqual({});
  expect(garbageCollection(forEach(12), { GOGC: "50" })).toEqual({});
  expect(garbageCollection(forEach(12), { GOMEMLIMIT: "1GiB" })).toEqual({});
});
