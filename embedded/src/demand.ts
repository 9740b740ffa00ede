// What takes long and few calls need. It is built when something asks for it, and is in the mirror from then on.
import type { Call } from "../../wrapper/types.js";
import { type GoBuild, goBuild, isGoBuilt } from "./go.js";
import type { GroupName } from "./images.js";
import { PROVIDERS_BYTES, preflightProviders, preflightSpace } from "./preflight.js";
import { isPythonBuilt, pythonPackages } from "./python.js";
import { addonBuilds, gitopsBuilds } from "./recipes/gitops.js";
import { providerBuilds, providers } from "./recipes/terraform.js";
import { say, seconds } from "./steps.js";

type Group = {
  /** The module's functions whose containers need it. */
  functions: string[];
  /** Those that need it only when they speak to AWS. */
  functionsWithAws?: string[];
  /** What it is, as the start of a sentence. */
  parts: string;
  /** How much disk its build takes, where that is much. */
  bytes?: number;
  /** How long it takes, or an error when this machine is too small for it. */
  time: () => string;
  /** The Python packages that it installs, by their folder in embedded/python. */
  python?: string;
  /** What it compiles, the quick parts first. */
  go?: GoBuild[];
};

/** What a group's build takes, by estimate: compiled packages, binaries and their layers. */
const GROUP_BYTES = 6e9;

const whenThereIsRoom = (time: string) => () => {
  preflightSpace({ bytes: GROUP_BYTES });
  return time;
};

const areProvidersBuilt = () => providerBuilds.every(isGoBuilt);

const groups: Record<GroupName, Group> = {
  /** Terraform's providers and the policy scan. */
  terraform: {
    functions: [
      "plan",
      "apply",
      "destroy",
      "drift",
      "outputs",
      "validate",
      "bootstrap",
      "force-unlock",
      "push-state",
      "check-infra",
      "test-infra",
    ],
    functionsWithAws: ["promote"],
    parts: `Terraform's providers (${providers.map(({ name }) => name).join(", ")}) and checkov`,
    time: () => {
      if (areProvidersBuilt()) return "a few minutes";
      preflightProviders();
      return "about 30 minutes on 2 cores";
    },
    bytes: PROVIDERS_BYTES,
    python: "checkov",
    go: [...providerBuilds].reverse(),
  },
  /** The simulated AWS. */
  simulator: {
    functions: ["test-infra"],
    parts: "moto, the simulated AWS",
    time: () => "a minute or two",
    python: "moto",
  },
  /** What runs in a cluster that is a whole platform. */
  gitops: {
    functions: ["ci", "promote"],
    parts: "Flux, Flagger, Prometheus and metrics-server",
    bytes: GROUP_BYTES,
    time: whenThereIsRoom("about ten minutes on 2 cores"),
    go: gitopsBuilds,
  },
  /** What such a platform may have besides, and no function asks for. */
  addons: {
    functions: [],
    parts: "kube-router, External Secrets and Traefik",
    bytes: GROUP_BYTES,
    time: whenThereIsRoom("up to half an hour on 2 cores"),
    go: addonBuilds,
  },
};

const names = Object.keys(groups) as GroupName[];

function isBuilt(name: GroupName): boolean {
  const { python, go = [] } = groups[name];
  return go.every(isGoBuilt) && (!python || isPythonBuilt(python));
}

/** The groups that a call of one of the module's functions needs. */
export const groupsFor = (call: Call) =>
  names.filter((name) => {
    const { functions, functionsWithAws = [] } = groups[name];
    return functions.includes(call.name) || (call.withAws && functionsWithAws.includes(call.name));
  });

/** What of these groups is still to be compiled, and how much disk that takes. */
export function besides(wanted: readonly GroupName[]): { bytes: number; parts: string } {
  const missing = wanted.filter((name) => groups[name].bytes && !buildsOf(name).every(isGoBuilt));
  return {
    bytes: missing.reduce((sum, name) => sum + (groups[name].bytes ?? 0), 0),
    parts: missing.map((name) => groups[name].parts).join("; "),
  };
}

/** The groups of which all has been built, from today's sources. */
export const builtGroups = () => names.filter(isBuilt);

/** Every group, for a person: what it is, and how to have it. */
export const groupStates = () =>
  names.map(
    (name) => `${groups[name].parts}: ${isBuilt(name) ? "built" : `not built (\`./daggerw engine ${name}\` does)`}`,
  );

/** Builds what is missing of a group; says why now, and how long it takes. */
export async function buildGroup(name: GroupName, why: string): Promise<void> {
  const { parts, time, python, go = [] } = groups[name];
  if (isBuilt(name)) return;
  say(`${parts} are built once, ${why}: ${time()}.`);
  const started = Date.now();
  if (python) await pythonPackages(python);
  for (const one of go) await goBuild(one);
  say(`They are built after ${seconds(Date.now() - started)}, and stay.`);
}

/** What a group compiles, in that order. */
export const buildsOf = (name: GroupName) => groups[name].go ?? [];

/** What all groups compile. */
export const groupBuilds = () => names.flatMap(buildsOf);

export const partsOf = (name: GroupName) => groups[name].parts;
