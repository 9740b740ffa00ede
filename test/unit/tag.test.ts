import { describe, expect, it } from "vitest";
import { parseTag, TagError } from "../../pipeline/src/tag.js";

describe("parseTag", () => {
  it.each(["v0.2.0", "v0.0.0", "v10.20.30", "v1.0.0-rc.1", "v1.0.0-alpha-7", "v1.0.0-0a"])("accepts %s", (tag) => {
    expect(parseTag(tag)).toBe(tag);
  });

  it.each([
    ["0.2.0", /not a version of the form vX\.Y\.Z.*Did you mean v0\.2\.0\?/],
    ["V0.2.0", /Did you mean v0\.2\.0\?/],
    ["v0.2", /Did you mean v0\.2\.0\?/],
    ["2", /Did you mean v2\.0\.0\?/],
    ["v01.2.0", /Did you mean v1\.2\.0\?/],
    ["vv0.2.0", /Did you mean v0\.2\.0\?/],
    ["v0.2.0.1", /such as v0\.2\.0/],
    ["v1.0.0-", /vX\.Y\.Z/],
    ["v1.0.0-01", /vX\.Y\.Z/],
    ["v1.0.0_1", /vX\.Y\.Z/],
    ["=v1.0.0", /vX\.Y\.Z/],
    ["v 1.0.0", /vX\.Y\.Z/],
    ["latest", /names no version.*can change/],
    ["main", /names no version/],
    ["", /is empty/],
    ["  ", /is empty/],
    [" v0.2.0", /white space around it.*Did you mean v0\.2\.0\?/],
    ["v0.2.0\n", /white space.*Did you mean v0\.2\.0\?/],
    ["v0.2.0+build.5", /build metadata.*Did you mean v0\.2\.0\?/],
    ["ghcr.io/damekarv/helloworld:v0.2.0", /whole reference.*Did you mean v0\.2\.0\?/],
    ["refs/tags/v0.2.0", /whole reference.*Did you mean v0\.2\.0\?/],
    [`sha256:${"a".repeat(64)}`, /digest/],
    [`v0.2.0@sha256:${"a".repeat(64)}`, /digest/],
    [`v1.0.0-${"a".repeat(200)}`, /207 characters/],
    ["v99999999999999999999.0.0", /vX\.Y\.Z/],
    ['v0.2.0"; rm -rf /', /whole reference|vX\.Y\.Z/],
  ])("refuses %j", (tag, message) => {
    expect(() => parseTag(tag)).toThrow(TagError);
    expect(() => parseTag(tag)).toThrow(message);
  });

  it("never suggests a tag that it would refuse", () => {
    for (const text of ["0.2.0", "V1.2.3-RC.1", "1.2", "v1.2.3-01", "1", "0.2.0 ", "x:1.2.3", "1.2.3+4", "=1.2.3"]) {
      let message = "";
      try {
        parseTag(text);
      } catch (error) {
        message = String(error);
      }
      const suggested = /Did you mean (.*)\?/.exec(message)?.[1];
      if (suggested) expect(parseTag(suggested)).toBe(suggested);
    }
  });
});
