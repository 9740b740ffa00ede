// EKS's deletion protection: AWS refuses to delete a protected cluster only when its turn comes, and by then what depends on it
// (load balancers, charts, nodes) is gone.
import type { EnvironmentEntry } from "./environments.js";
import type { PlanJson } from "./planJson.js";

/**
 * @throws Error with the calls that turn the protection off, when the plan of a destruction deletes a protected cluster
 */
export function checkProtection(plan: PlanJson, { name }: EnvironmentEntry): void {
  const held = protectedClusters(plan);
  if (held.length === 0) return;
  const confirmed = name === "prod" ? " --confirm prod" : "";
  throw new Error(
    [
      `Nothing was destroyed: EKS's deletion protection of ${held.join(", ")} is on. AWS would refuse to delete the cluster, after ` +
        "its load balancers, charts and nodes are gone.",
      "Turn it off first, with the other --vars as they were applied:",
      ...turnedOff(name),
      "Then, with the same --vars:",
      `  dagger call destroy --env ${name}${confirmed} --vars deletion_protection=false`,
    ].join("\n"),
  );
}

/**
 * @throws Error that says what to do, when a plan that is to be applied deletes or replaces a protected cluster
 */
export function refuseProtected(plan: PlanJson, { name }: EnvironmentEntry): void {
  const held = protectedClusters(plan);
  if (held.length === 0) return;
  throw new Error(
    [
      `Nothing was applied: --plan deletes or replaces ${held.join(", ")}, and EKS's deletion protection is on. AWS would refuse that, after ` +
        "the cluster's charts and nodes are gone.",
      "The plan's summary.md says what replaces it: undo that change. If the cluster is to go all the same, turn its protection off " +
        "first, from the code without that change and with the other --vars as they were applied:",
      ...turnedOff(name),
    ].join("\n"),
  );
}

const turnedOff = (name: string) => [
  `  dagger call plan --env ${name} --vars deletion_protection=false export --path plan`,
  `  dagger call apply --env ${name} --plan plan`,
];

/** The addresses of protected clusters that a plan deletes or replaces. */
const protectedClusters = ({ resource_changes = [] }: PlanJson): string[] =>
  resource_changes
    .filter(({ type, change: { actions, before } }) => {
      const { deletion_protection: isOn } = (before ?? {}) as { deletion_protection?: unknown };
      return type === "aws_eks_cluster" && actions.includes("delete") && isOn === true;
    })
    .map(({ address }) => address);
