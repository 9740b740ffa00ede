import { describe, expect, it } from "vitest";
import { selectorText } from "../../pipeline/src/labelSelector.js";

describe("selectorText", () => {
  it("writes labels and expressions as the API takes them", () => {
    expect(selectorText(undefined)).toBe("");
    expect(
      selectorText({
        matchLabels: { app: "a", tier: "b" },
        matchExpressions: [
          { key: "x", operator: "In", values: ["1", "2"] },
          { key: "y", operator: "NotIn", values: ["3"] },
          { key: "z", operator: "Exists" },
          { key: "w", operator: "DoesNotExist" },
        ],
      }),
    ).toBe("app=a,tier=b,x in (1,2),y notin (3),z,!w");
  });
});
