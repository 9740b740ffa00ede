// Locks of a Terraform state, in Terraform's own words.
import { describe, expect, it } from "vitest";
import { describeStateLock, findStateLock, parseLockId } from "../../pipeline/src/stateLock.js";

const ID = "6f0d2c3e-1b7a-4c55-9a3e-0f7d7f2b9c11";
const said = `
Error: Error acquiring the state lock

Error message: operation error DynamoDB: PutItem, https response error
StatusCode: 400, RequestID: x, ConditionalCheckFailedException: The
conditional request failed
Lock Info:
  ID:        ${ID}
  Path:      helloworld-terraform-123456789012-eu-west-1/env/dev/viney-infra/terraform.tfstate
  Operation: OperationTypeApply
  Who:       assumed-role/dev-deploy/run-4711@4f1a
  Version:   1.13.3
  Created:   2026-11-24 11:45:02.123456789 +0000 UTC
  Info:      

Terraform acquires a state lock to protect the state from being written
by multiple users at the same time.
`;

describe("a held lock", () => {
  it("is reported with id, owner, since when, and the call that frees it", () => {
    const lock = findStateLock(said);
    if (!lock) throw new Error("not found");
    const text = describeStateLock(lock, "dev", new Date("2026-11-24T12:00:00Z"));
    expect(text).toContain(`lock id:   ${ID}`);
    expect(text).toContain("owner:     assumed-role/dev-deploy/run-4711@4f1a");
    expect(text).toContain("operation: Apply");
    expect(text).toContain("2026-11-24 11:45:02.123456789 +0000 UTC, 14 minutes ago");
    expect(text).toContain(`dagger call force-unlock --env dev --lock-id ${ID}`);
  });

  it("of the account's own stack is freed with Terraform: no function of the pipeline does that", () => {
    const lock = { id: ID, path: "b/account/terraform.tfstate", operation: "Apply", who: "me", created: "" };
    expect(describeStateLock(lock, "stacks/account")).toContain(
      `terraform force-unlock ${ID}, in terraform/stacks/account`,
    );
  });

  it("is none when the error is another", () => {
    expect(findStateLock("Error: Unsupported argument\n  on main.tf line 3")).toBeUndefined();
  });
});

describe("a lock id", () => {
  it("may have spaces around it and capitals in it", () => {
    expect(parseLockId(` ${ID.toUpperCase()}\n`)).toBe(ID);
  });

  it.each(["", "1", ID.slice(1), `${ID}0`, `${ID} ; rm -rf /`, "--help"])("is not %j", (text) => {
    expect(() => parseLockId(text)).toThrow(/is no lock id: one looks like/);
  });
});
