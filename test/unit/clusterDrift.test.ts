// What differs between git and a cluster, as the API server answers Flux's server-side applies (Kubernetes 1.35).
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  type ClusterDrift,
  objectDrift,
  summarizeClusterDrift,
  withoutDrift,
} from "../../pipeline/src/clusterDrift.js";
import { ClusterError } from "../../pipeline/src/clusterErrors.js";
import { type DesiredObject, manifestOf, ofHelmRelease } from "../../pipeline/src/desiredState.js";
import { fieldDrift, HIDDEN } from "../../pipeline/src/fieldDrift.js";
import { type IgnoreRule, ignoredPaths } from "../../pipeline/src/ignoreRules.js";
import type { Cluster, ClusterObject } from "../../pipeline/src/kubernetes.js";
import { objectsIn } from "../../pipeline/src/yamlFile.js";
import { helmRelease } from "../fixtures/flux.js";

type Fields = Record<string, unknown>;

const HELM = "helm-controller";
const CONTAINER = 'k:{"name":"app"}';
const PORT = 'k:{"containerPort":8080,"protocol":"TCP"}';

/** What one manager owns. */
const owned = (manager: string, fieldsV1: Fields, more: { operation?: string; subresource?: string } = {}) => ({
  ...{ manager, operation: "Update", apiVersion: "apps/v1", fieldsType: "FieldsV1", fieldsV1 },
  ...more,
});

/** What the chart says of its Deployment. */
const OF_GIT = owned(
  HELM,
  {
    "f:metadata": { "f:labels": { "f:app.kubernetes.io/managed-by": {} } },
    "f:spec": {
      "f:template": {
        "f:spec": {
          "f:containers": {
            [CONTAINER]: {
              ".": {},
              "f:image": {},
              "f:name": {},
              "f:ports": { [PORT]: { ".": {}, "f:containerPort": {} } },
            },
          },
        },
      },
    },
  },
  { operation: "Apply" },
);

interface DeploymentOptions {
  replicas?: number;
  image?: string;
  env?: { name: string; value: string }[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  managers?: ReturnType<typeof owned>[];
}

function deployment(options: DeploymentOptions = {}): ClusterObject {
  const { replicas = 1, image = "helloworld:v0.1.0", env, annotations, managers = [] } = options;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "helloworld",
      namespace: "helloworld",
      uid: "uid",
      resourceVersion: `${Math.random()}`,
      generation: 7,
      labels: { "app.kubernetes.io/managed-by": "Helm", ...options.labels },
      annotations: { "deployment.kubernetes.io/revision": "3", ...annotations },
      managedFields: [OF_GIT, ...managers] as NonNullable<ClusterObject["metadata"]>["managedFields"],
    },
    spec: {
      replicas,
      template: {
        spec: {
          containers: [{ name: "app", image, ports: [{ containerPort: 8080, protocol: "TCP" }], ...(env && { env }) }],
        },
      },
    },
    status: { replicas: Math.random() },
  };
}

const compare = (live: ClusterObject, applied: ClusterObject, ignore: string[] = []) =>
  fieldDrift({ live, applied, manager: HELM, ignore });

const image = { "f:spec": { "f:template": { "f:spec": { "f:containers": { [CONTAINER]: { "f:image": {} } } } } } };
const env = {
  "f:spec": {
    "f:template": {
      "f:spec": {
        "f:containers": {
          [CONTAINER]: { "f:env": { ".": {}, 'k:{"name":"DEBUG"}': { ".": {}, "f:name": {}, "f:value": {} } } },
        },
      },
    },
  },
};
const replicas = { "f:spec": { "f:replicas": {} } };

describe("fieldDrift", () => {
  it("finds nothing where only what the API server and controllers write differs", () => {
    const managers = [
      owned("kube-controller-manager", {
        "f:metadata": { "f:annotations": { "f:deployment.kubernetes.io/revision": {} } },
      }),
      owned("kubectl", { "f:status": { "f:replicas": {} } }, { subresource: "status" }),
    ];
    expect(compare(deployment({ managers }), deployment())).toEqual([]);
  });

  it("names a changed field by its container, with both values", () => {
    const live = deployment({ image: "helloworld:v0.9.9", managers: [owned("kubectl-edit", image)] });
    expect(compare(live, deployment())).toEqual([
      {
        field: "spec.template.spec.containers[app].image",
        inGit: "helloworld:v0.1.0",
        onCluster: "helloworld:v0.9.9",
      },
    ]);
  });

  it("finds a field that was removed by hand", () => {
    const { metadata, ...rest } = deployment();
    const live = { ...rest, metadata: { ...metadata, labels: {} } };
    expect(compare(live, deployment())).toEqual([
      { field: "metadata.labels[app.kubernetes.io/managed-by]", inGit: "Helm", onCluster: undefined },
    ]);
  });

  it("finds what was added by hand, of which an apply takes no notice", () => {
    const DEBUG = [{ name: "DEBUG", value: "1" }];
    const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}", note: "mine" };
    const byHand = [
      owned("kubectl-set", env),
      owned("kubectl-annotate", {
        "f:metadata": {
          "f:annotations": { "f:kubectl.kubernetes.io/last-applied-configuration": {}, "f:note": {} },
        },
      }),
    ];
    const live = deployment({ env: DEBUG, annotations, managers: byHand });
    expect(compare(live, deployment({ env: DEBUG, annotations, managers: byHand }))).toEqual([
      { field: "spec.template.spec.containers[app].env[DEBUG]", inGit: undefined, onCluster: DEBUG[0] },
      { field: "metadata.annotations.note", inGit: undefined, onCluster: "mine" },
    ]);
  });

  it("leaves alone what another controller has added, and a label that an apply would remove", () => {
    const managers = [owned("external-secrets", env)];
    const DEBUG = [{ name: "DEBUG", value: "1" }];
    const live = deployment({ env: DEBUG, labels: { team: "a" }, managers });
    expect(compare(live, deployment({ env: DEBUG, managers }))).toEqual([]);
  });

  it.each([
    ["Flagger", owned("flagger", replicas), 0],
    ["the autoscaler", owned("kube-controller-manager", replicas, { subresource: "scale" }), 0],
    ["a person", owned("kubectl", replicas, { subresource: "scale" }), 1],
  ])("knows replicas that %s has set by who owns them", (_, manager, rows) => {
    expect(compare(deployment({ replicas: 5, managers: [manager] }), deployment({ replicas: 1 }))).toHaveLength(rows);
  });

  it("passes over what is ignored, also when it was added by hand", () => {
    const managers = [owned("kubectl", replicas, { subresource: "scale" })];
    const live = deployment({ replicas: 5, managers });
    expect(compare(live, deployment({ replicas: 5, managers }))).toHaveLength(1);
    expect(compare(live, deployment({ replicas: 5, managers }), ["/spec/replicas"])).toEqual([]);
    expect(compare(live, deployment({ replicas: 1 }), ["/spec/replicas"])).toEqual([]);
  });

  it("compares lists without names by their places", () => {
    const object = (...args: string[]): ClusterObject => ({ kind: "Pod", spec: { args } });
    expect(compare(object("a", "c"), object("a", "b", "c"))).toEqual([
      { field: "spec.args[1]", inGit: "b", onCluster: "c" },
      { field: "spec.args[2]", inGit: "c", onCluster: undefined },
    ]);
  });

  it("never returns what a Secret holds, nor what kubectl noted of it", () => {
    const secret = (value: string, annotations: Record<string, string> = {}): ClusterObject =>
      ({ kind: "Secret", type: "Opaque", metadata: { annotations }, data: { password: value } }) as ClusterObject;
    const live = secret("bGl2ZQ==", {
      "kubectl.kubernetes.io/last-applied-configuration": "bGl2ZQ==",
      other: "bGl2ZQ==",
    });
    const drift = compare(live, secret("Z2l0", { other: "Z2l0" }));
    expect(drift).toEqual([
      { field: "metadata.annotations.other", inGit: HIDDEN, onCluster: HIDDEN },
      { field: "data.password", inGit: HIDDEN, onCluster: HIDDEN },
    ]);
    const gone = compare({ kind: "Secret" }, secret("Z2l0"));
    expect(JSON.stringify(gone)).not.toContain("Z2l0");
    expect(gone).toContainEqual({ field: "data", inGit: HIDDEN, onCluster: undefined });
  });
});

describe("ignoredPaths", () => {
  const object = deployment({ labels: { tier: "web", team: "a" } });
  const paths = ["/spec/replicas"];
  const isIgnored = (target?: IgnoreRule["target"]) => ignoredPaths([{ paths, ...(target && { target }) }], object);

  it.each([
    [undefined],
    [{ kind: "Deployment" }],
    [{ group: "apps", version: "v1", kind: "Deploy.*", name: "hello.*", namespace: "helloworld" }],
    [{ labelSelector: "tier=web,team in (a, b), !gone" }],
    [{ labelSelector: "tier == web, team notin (c)", annotationSelector: "deployment.kubernetes.io/revision" }],
    [{ labelSelector: "tier!=db" }],
  ])("takes %o for this object", (target) => {
    expect(isIgnored(target)).toEqual(paths);
  });

  it.each([
    [{ kind: "Deploy" }],
    [{ group: "batch" }],
    [{ name: "hello" }],
    [{ labelSelector: "tier=db" }],
    [{ labelSelector: "team notin (a)" }],
    [{ labelSelector: "gone" }],
    [{ labelSelector: "!tier" }],
    [{ annotationSelector: "tier=web" }],
  ])("does not take %o for this object", (target) => {
    expect(isIgnored(target)).toEqual([]);
  });
});

describe("objectDrift", () => {
  const desired: DesiredObject = { object: deployment(), manager: HELM, ignore: [] };
  const api = (live: ClusterObject | undefined, applied: () => ClusterObject = () => deployment()) => ({
    findRaw: async () => live,
    dryRunApply: async () => applied(),
  });

  it("finds nothing in an object that is as git says", async () => {
    expect(await objectDrift(api(deployment()), desired)).toBeUndefined();
  });

  it("says that an object is gone", async () => {
    expect(await objectDrift(api(undefined), desired)).toEqual({
      name: "Deployment helloworld/helloworld",
      fields: "is gone",
    });
  });

  it("takes a default for no addition, whoever made the object", async () => {
    const defaults = owned("helm", { "f:spec": { "f:replicas": {} }, "f:metadata": { "f:labels": { "f:mine": {} } } });
    const live = deployment({ labels: { mine: "1" }, managers: [defaults] });
    const asked: string[] = [];
    const drift = await objectDrift(
      {
        findRaw: async () => live,
        dryRunApply: async ({ metadata }, manager) => {
          asked.push(`${metadata?.name} by ${manager}`);
          return metadata?.name === "helloworld" ? live : deployment();
        },
      },
      desired,
    );
    expect(drift?.fields).toEqual([{ field: "metadata.labels.mine", inGit: undefined, onCluster: "1" }]);
    expect(asked).toEqual(["helloworld by helm-controller", "helloworld-0 by helloworld-infrastructure"]);
  });

  it("passes over an object that is ignored as a whole", async () => {
    expect(await objectDrift(api(undefined), { ...desired, ignore: [""] })).toBeUndefined();
  });

  it("says that git's object can't be applied, and passes any other failure on", async () => {
    const refuse = (problem: "invalid" | "forbidden") => () => {
      throw new ClusterError(problem, "spec.selector: field is immutable");
    };
    expect((await objectDrift(api(deployment(), refuse("invalid")), desired))?.fields).toEqual({
      refused: "spec.selector: field is immutable",
    });
    await expect(objectDrift(api(deployment(), refuse("forbidden")), desired)).rejects.toThrow("immutable");
  });
});

describe("what Flux applies", () => {
  it("is read from the release as Helm keeps it in its Secret", async () => {
    const manifest = "---\nkind: Service\n---\nkind: ConfigMapList\nitems: [{kind: ConfigMap}]\n---\n# nothing\n";
    const packed = gzipSync(JSON.stringify({ name: "helloworld", manifest, hooks: [] })).toString("base64");
    const stored = Buffer.from(packed).toString("base64");
    expect(await manifestOf(stored)).toBe(manifest);
    expect(objectsIn(manifest)).toEqual([{ kind: "Service" }, { kind: "ConfigMap" }]);
  });

  it("is read as Helm and Flux read it: modes are octal, anchors are merged, and yes is a boolean", () => {
    const text = "kind: Pod\nbase: &base {mode: 0400}\nvolume: {<<: *base, optional: yes, name: '0400', size: 400}\n";
    expect(objectsIn(text)).toMatchObject([{ volume: { mode: 256, optional: true, name: "0400", size: 400 } }]);
  });

  it("is of a HelmRelease what Flux puts back there: not objects that are marked, nor those of another cluster", async () => {
    const mark = "{helm.toolkit.fluxcd.io/driftDetection: disabled}";
    const manifest = ["{name: a}", `{name: b, labels: ${mark}}`, `{name: c, annotations: ${mark}}`]
      .map((metadata) => `apiVersion: v1\nkind: ConfigMap\nmetadata: ${metadata}\n`)
      .join("---\n");
    const packed = gzipSync(JSON.stringify({ manifest })).toString("base64");
    const secret = { data: { release: Buffer.from(packed).toString("base64") } };
    const api = { findRaw: async () => secret, isNamespaced: async () => true } as unknown as Cluster;
    const history = [{ name: "helloworld", namespace: "helloworld", version: 1, status: "deployed" }];
    const release = { ...helmRelease(), status: { history } };
    const { objects } = await ofHelmRelease(api, release);
    expect(objects.map(({ object }) => object.metadata?.name)).toEqual(["a"]);
    const remote = { ...release, spec: { ...release.spec, kubeConfig: { secretRef: { name: "other" } } } };
    expect(await ofHelmRelease(api, remote)).toMatchObject({
      objects: [],
      notes: [expect.stringContaining("another cluster")],
    });
  });
});

describe("the report", () => {
  const from = (objects: number) => Array<DesiredObject>(objects).fill({ object: {}, manager: HELM, ignore: [] });
  const states: ClusterDrift["states"] = [
    { from: "Kustomization flux-system/flux-system at main@1111111", objects: from(3), notes: [] },
    {
      from: "HelmRelease helloworld/helloworld at revision 2",
      objects: from(8),
      notes: ["HelmRelease helloworld/helloworld is suspended: Flux puts nothing back"],
    },
  ];

  it("says what was compared when nothing differs", () => {
    expect(summarizeClusterDrift({ states, drifted: [] }, "dev")).toBeUndefined();
    expect(withoutDrift({ states, drifted: [] }, "dev")).toMatchInlineSnapshot(`
      "No drift: 11 objects in dev are as git says.

      - Kustomization flux-system/flux-system at main@1111111: 3 objects
      - HelmRelease helloworld/helloworld at revision 2: 8 objects
      - HelmRelease helloworld/helloworld is suspended: Flux puts nothing back
      "
    `);
  });

  it("has a row for each field", () => {
    const drifted: ClusterDrift["drifted"] = [
      {
        name: "Deployment helloworld/helloworld",
        fields: [
          { field: "spec.template.spec.containers[app].image", inGit: "a:v0.1.0", onCluster: "a:v0.9.9" },
          { field: "metadata.annotations.note", inGit: undefined, onCluster: "a|b" },
        ],
      },
      { name: "Service helloworld/helloworld-primary", fields: "is gone" },
      { name: "Deployment helloworld/other", fields: { refused: "spec.selector: field is immutable" } },
    ];
    expect(summarizeClusterDrift({ states, drifted }, "dev")).toMatchInlineSnapshot(`
      "## Drift of the cluster of dev

      **3 objects of 11 are not as git says**

      | Object                                | Field                                      | In git                                              | On the cluster |
      | ------------------------------------- | ------------------------------------------ | --------------------------------------------------- | -------------- |
      | Deployment helloworld/helloworld      | \`spec.template.spec.containers[app].image\` | "a:v0.1.0"                                          | "a:v0.9.9" |
      | Deployment helloworld/helloworld      | \`metadata.annotations.note\`                | not set                                             | "a\\|b" |
      | Service helloworld/helloworld-primary |                                            | is there                                            | is gone |
      | Deployment helloworld/other           |                                            | can't be applied: spec.selector: field is immutable | is there |

      - Kustomization flux-system/flux-system at main@1111111: 3 objects
      - HelmRelease helloworld/helloworld at revision 2: 8 objects
      - HelmRelease helloworld/helloworld is suspended: Flux puts nothing back

      Next: commit what shall stay. What git names Flux puts back when it looks next (at once: \`flux reconcile\`); the rest is to be removed by hand.
      "
    `);
  });
});
