// What is read out of the fields of Flux's and Flagger's objects.
import { expect, it } from "vitest";
import { imageTag } from "../../pipeline/src/fluxObjects.js";

const DIGEST = `sha256:${"ab".repeat(32)}`;

it.each([
  ["ghcr.io/a/b:v0.2.0", "v0.2.0"],
  [`ghcr.io/a/b:v0.2.0@${DIGEST}`, "v0.2.0"],
  ["localhost:5000/a/b:v0.2.0", "v0.2.0"],
  [`ghcr.io/a/b@${DIGEST}`, undefined],
  [`localhost:5000/a/b@${DIGEST}`, undefined],
  ["localhost:5000/a/b", undefined],
  ["ghcr.io/a/b", undefined],
  [undefined, undefined],
])("the tag of the image %s is %s", (image, tag) => {
  expect(imageTag(image)).toBe(tag);
});
