// Which of the states that were rescued on an engine is given, and what is said of the others.
import { describe, expect, it } from "vitest";
import { environment } from "../../pipeline/src/environments.js";
import { chooseRescued, serialOf } from "../../pipeline/src/rescue.js";

const kept = (account: string, number?: number) =>
  `/var/lib/terraform-rescue/${account}.dev.tfstate${number === undefined ? "" : `.${number}`}`;
const ONE = "111111111111";
const TWO = "222222222222";

describe("a rescued state", () => {
  it("is the newest, with the older ones of its account", () => {
    const paths = [kept(ONE), kept(ONE, 1764172011), kept(TWO, 1764172012)];
    expect(chooseRescued(paths, "dev")).toEqual({ path: kept(ONE), aside: [kept(ONE, 1764172011)] });
  });

  it("is an older one when that is asked for", () => {
    const paths = [kept(ONE), kept(ONE, 1764172011), kept(ONE, 1764172012)];
    expect(chooseRescued(paths, "dev", "1764172011").path).toBe(kept(ONE, 1764172011));
  });

  it("is of one account", () => {
    const choose = () => chooseRescued([kept(ONE), kept(TWO)], "dev");
    expect(choose).toThrow(/rescued in several accounts: 111111111111, 222222222222\. Say which.*--aws-account/);
  });

  it("is told not to be there", () => {
    expect(() => chooseRescued([], "dev")).toThrow(/^No state of dev had to be rescued on this engine\.$/);
    expect(() => chooseRescued([], "dev", "1")).toThrow(/^No older state 1 of dev is kept on this engine\.$/);
  });

  it.each([undefined, "1"])(
    "that is not there (%j) is told with the older ones that are, and how to get one",
    (older) => {
      expect(() => chooseRescued([kept(ONE, 1764172011)], "dev", older)).toThrow(
        "Older states of dev are kept: 1764172011 (account 111111111111, replaced 2025-11-26T15:46:51.000Z). " +
          "To get one: dagger call rescued-state --env dev --older NUMBER export --path older.tfstate",
      );
    },
  );
});

describe("a state that is to be pushed", () => {
  const state = (more: object = {}) => JSON.stringify({ serial: 7, lineage: "a", ...more });
  const of = (name: string) => ({ outputs: { environment: { value: name } } });
  const serial = (text: string) => serialOf(text, environment("prod"));

  it("is known by its serial", () => {
    expect(serial(state(of("prod")))).toBe(7);
    expect(serial(state({ outputs: {} }))).toBe(7); // cut off before the outputs
  });

  it("is refused when it is another environment's, which Terraform takes where the bucket's is empty", () => {
    expect(() => serial(state(of("dev")))).toThrow(
      "--state is the state of dev, and --env says prod. Nothing was written.",
    );
  });

  it.each(["{}", "null", "[", '{"serial": "7", "lineage": "a"}'])("is none: %s", (text) => {
    expect(() => serial(text)).toThrow(/^--state is no Terraform state: give the file/);
  });
});
