import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { pemOf } from "../../pipeline/src/certificates.js";

describe("pemOf", () => {
  // A length whose base64 ends with a full line once gave a blank line, which TLS libraries refuse.
  it.each([47, 48, 49, 95, 96, 97, 480])(
    "writes %i bytes without blank or long lines, and reads back the same",
    (size) => {
      const der = Buffer.alloc(size, 7);
      const lines = pemOf(der).trimEnd().split("\n");
      expect(lines.every((line) => line.length > 0 && line.length <= 64)).toBe(true);
      expect(Buffer.from(lines.slice(1, -1).join(""), "base64")).toEqual(der);
      expect(() => new X509Certificate(pemOf(der))).toThrow(); // no certificate, but no fault of the PEM either
    },
  );
});
